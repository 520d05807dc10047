"""The conditions that say how training, data, detection and the watched service are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from anomaly_operator.anomalies.learning import accept_command
from anomaly_operator.api.conditions import Condition, Truth
from anomaly_operator.api.names import ANNOTATION_TRAIN_REQUESTED as ANNOTATION
from anomaly_operator.api.names import ConditionType
from anomaly_operator.api.reasons import Reason
from anomaly_operator.api.resources import ANOMALY, SERVICE
from anomaly_operator.api.text import sentence, span_text, to_text, unix_seconds
from anomaly_operator.incidents.state import Incident, Resolution
from anomaly_operator.slo.budgets import Budget
from anomaly_operator.slo.standing import SLOStanding
from anomaly_operator.status.facts import DATA_REASONS, Facts
from anomaly_operator.status.model_condition import model_ready
from anomaly_operator.status.run_conditions import (
    model_not_needed,
    not_compared,
    rows_available,
)
from anomaly_operator.status.slo_condition import SUSPENDED, slo_met
from anomaly_operator.status.spec_faults import DATA_FAULTS, spec_faults, told
from detector_runtime.contract.pattern_names import NO_LEVEL
from detector_runtime.contract.vocabulary import NotJudged, Verdict

LASTING_SECONDS = 12 * 3600
"""From then on an incident may be a new level: offered within a day of the shift."""
STEADY_SHARE = 0.8
"""Share of its windows that must have been anomalous: a level stays, a fault comes and goes."""
DRIFT_SECONDS = 6 * 3600
"""The stretch that the pods compare with the training data."""
DUE = "The next scoring run is due within one interval."


def conditions(facts: Facts, slo: SLOStanding, objectives: Sequence[Budget]) -> Iterator[Condition]:
    """All conditions but Ready, Reconciling and Stalled, in the order of the documentation."""
    if facts.serving.needed:
        yield data_available(facts)
        yield model_ready(facts)
        yield detecting(facts)
        yield drifted(facts)
        yield baseline_shifted(facts)
        yield slo_met(facts, slo, objectives)
    else:
        yield rows_available(facts)
        yield model_not_needed(facts)
        yield detecting(facts)
        yield from not_compared()
    yield dependencies(facts)
    yield patterns(facts)
    if facts.endpoint.condition is not None:
        yield facts.endpoint.condition


def data_available(facts: Facts) -> Condition:
    kind, scoring = ConditionType.DATA_AVAILABLE, facts.scoring
    if facts.spec.suspend:
        return Condition(kind, Truth.UNKNOWN, Reason.SUSPENDED, SUSPENDED)
    failed = facts.scoring_failure or (None if scoring.scored else facts.training_failure)
    if failed is not None and failed.reason in DATA_REASONS:
        return Condition(kind, Truth.FALSE, failed.reason, sentence(failed.message))
    faults = spec_faults(facts, DATA_FAULTS)
    if faults:
        return Condition(kind, Truth.FALSE, faults[0].reason, told(faults))
    report = scoring.report
    if report is None:
        return Condition(kind, Truth.UNKNOWN, Reason.WAITING_FOR_FIRST_RUN, _not_scored(facts))
    if report.verdict is Verdict.INCONCLUSIVE:
        if report.reason in _UNJUDGED:
            return Condition(kind, Truth.TRUE, Reason.DATA_COMPLETE, _UNJUDGED[report.reason])
        cause = f": {report.reason}" if report.reason else ""
        text = sentence(f"The newest window has too little data to judge{cause}")
        return Condition(kind, Truth.FALSE, Reason.DATA_INCOMPLETE, text)
    text = "The newest window has all the data that it needs."
    return Condition(kind, Truth.TRUE, Reason.DATA_COMPLETE, text)


_CALENDAR = "The newest window is not judged, because it lies on a day of `spec.calendars`."
_UNJUDGED: dict[str, str] = {
    NotJudged.UNDEFINED: (
        "The newest window is not judged, because every metric is undefined (0/0): nothing "
        "happened. No data is missing."
    ),
    NotJudged.EXCLUDED: _CALENDAR,
    NotJudged.CALENDAR_DAY: _CALENDAR,
}
"""Windows without a verdict in which nothing is missing."""


def _not_scored(facts: Facts) -> str:
    """Why there is no window to speak of. A training has read the source when it has ended."""
    if facts.serving.model is not None:
        return DUE
    book = facts.training.book
    if book.learning is not None or book.last_failure is not None:
        return "Nothing is scored before a model serves; see ModelReady."
    return "No run has read the metrics source yet."


def detecting(facts: Facts) -> Condition:
    kind, scoring = ConditionType.DETECTING, facts.scoring
    if facts.spec.suspend:
        return Condition(kind, Truth.FALSE, Reason.SUSPENDED, SUSPENDED)
    if not facts.serving.judges:
        text = "No model serves yet; see ModelReady."
        return Condition(kind, Truth.FALSE, Reason.NO_MODEL, text)
    if scoring.error:
        return Condition(kind, Truth.FALSE, Reason.INTERNAL_ERROR, sentence(scoring.error))
    cause = facts.scoring_failure or scoring.freshness.stale
    if cause is not None:
        return Condition(kind, Truth.FALSE, cause.reason, sentence(cause.message))
    if not scoring.freshness.fresh:
        return Condition(kind, Truth.UNKNOWN, Reason.WAITING_FOR_FIRST_RUN, DUE)
    crowded_out = facts.obstacles.crowded_out
    if crowded_out:
        text = (
            f"Every complete window is scored, but {ANOMALY.kind} {', '.join(crowded_out)} was not "
            "created: the cluster holds as many as `anomalies.maxPerCluster` allows, and the "
            "namespace more than its share. Raise it in the operator's settings or shorten "
            "`spec.incidents.retention`."
        )
        return Condition(kind, Truth.TRUE, Reason.ANOMALY_LIMIT, text)
    if facts.obstacles.gave_way:
        text = (
            f"Every complete window is scored. Closed {ANOMALY.kind} objects of this service were "
            "removed before `spec.incidents.retention`, to make room: the cluster holds as many as "
            "`anomalies.maxPerCluster` allows, and the namespace more than its share. Raise it in "
            "the operator's settings or shorten the retention."
        )
        return Condition(kind, Truth.TRUE, Reason.ANOMALIES_REMOVED_EARLY, text)
    text = "Every complete window is scored."
    return Condition(kind, Truth.TRUE, Reason.DETECTING, text)


def drifted(facts: Facts) -> Condition:
    kind, report = ConditionType.DRIFTED, facts.scoring.report
    if report is None or report.drift is None:
        text = "No window has been compared with the training data yet."
        return Condition(kind, Truth.UNKNOWN, Reason.NOT_EVALUATED, text)
    running = facts.incidents.running if facts.incidents else None
    if _number(report.drift.penalty) > 0 and running and running.confirmed:
        text = (
            f"Recent data differ from the training data, as {ANOMALY.kind} {running.anomaly} is "
            "open. Training leaves its windows out for a time, so a training does not change this; "
            f"see the condition ExcludedFromTraining of the {ANOMALY.kind}."
        )
        return Condition(kind, Truth.TRUE, Reason.DRIFT_DETECTED, text)
    ended = _ended_lately(facts)
    if _number(report.drift.penalty) > 0 and ended is not None:
        text = (
            f"{ANOMALY.kind} {ended.anomaly} lies in the {span_text(DRIFT_SECONDS)} that are "
            "compared with the training data; drift is evaluated when they are past, at "
            f"{to_text(ended.last_seen + DRIFT_SECONDS)}."
        )
        return Condition(kind, Truth.UNKNOWN, Reason.NOT_EVALUATED, text)
    if _number(report.drift.penalty) > 0:
        # Which metrics changes from window to window, and each change would cost a write here.
        text = (
            "Recent data differ from the training data, which lowers confidence. The next training "
            f"learns the new level. To accept it now, run `{train_command(facts)}`. "
            "`status.detection.report.drift.metrics`, which is in its record, names the metrics."
        )
        return Condition(kind, Truth.TRUE, Reason.DRIFT_DETECTED, text)
    text = "Recent data match the training data."
    return Condition(kind, Truth.FALSE, Reason.NO_DRIFT, text)


def train_command(facts: Facts) -> str:
    """The one command that has a training learn what the service is like now."""
    where = f" -n {facts.namespace}" if facts.namespace else ""
    value = '"$(date +%s)"'
    return f"kubectl annotate asvc {facts.name}{where} {ANNOTATION}={value} --overwrite"


def _ended_lately(facts: Facts) -> Incident | None:
    """The incident that is over and still part of what drift compares. One that people called
    normal is none: what it was like is the level that is asked about."""
    report = facts.scoring.report
    newest = facts.incidents.tracked[:1] if facts.incidents else ()
    since = unix_seconds(report.end) - DRIFT_SECONDS if report else 0
    return next(
        (
            one
            for one in newest
            if one.confirmed
            and one.resolution in (Resolution.RESOLVED, Resolution.STALE)
            and one.last_seen > since
        ),
        None,
    )


def baseline_shifted(facts: Facts) -> Condition:
    """By an incident of a metric that has lasted for LASTING_SECONDS, else by the newest training,
    which may not serve yet: the shift is in the data, not in a model."""
    kind = ConditionType.BASELINE_SHIFTED
    lasting = _lasting(facts)
    if lasting is not None:
        command = accept_command(lasting.anomaly, facts.namespace)
        text = (
            f"Pattern {lasting.pattern} has been anomalous since {to_text(lasting.opened)}, for "
            f"more than {span_text(LASTING_SECONDS)} almost without a break. If this is the new "
            f"normal, accept it with `{command}`. If not, repair the service. Training "
            "leaves the windows out until "
            f"{to_text(lasting.first_seen + facts.spec.incidents.learn_after_seconds)} and then "
            "learns the new level."
        )
        return Condition(kind, Truth.TRUE, Reason.LASTING_INCIDENT, text)
    model = facts.training.book.newest or facts.serving.model
    if model is None:
        text = "No model has been trained yet."
        return Condition(kind, Truth.UNKNOWN, Reason.NOT_EVALUATED, text)
    if model.level_shift:
        # It begins with the name of a metric, which no capital letter may change.
        text = f"{model.level_shift.rstrip('.')}."
        return Condition(kind, Truth.TRUE, Reason.LEVEL_SHIFT, text)
    text = "No lasting baseline change detected."
    return Condition(kind, Truth.FALSE, Reason.NO_LEVEL_SHIFT, text)


def _lasting(facts: Facts) -> Incident | None:
    """The running incident, where it is of a level and has been there nearly all along."""
    running = facts.incidents.running if facts.incidents else None
    if running is None or not running.confirmed or running.normal_since is not None:
        return None
    lasted = running.last_seen - running.opened
    step = max(facts.scoring.step_seconds, facts.spec.step_seconds)
    steady = running.occurrences * step >= STEADY_SHARE * (running.last_seen - running.first_seen)
    of_level = running.pattern not in NO_LEVEL
    return running if of_level and steady and lasted >= LASTING_SECONDS else None


def dependencies(facts: Facts) -> Condition:
    kind, missing = ConditionType.DEPENDENCIES_RESOLVED, facts.obstacles.missing
    barred = facts.obstacles.not_allowed
    if barred:
        text = (
            f"`spec.dependsOn` names {', '.join(barred)}, but the operator's settings do not allow "
            "dependencies on that namespace. Remove the entry, or have the administrator add the "
            "namespace to `dependencies.acrossNamespaces`."
        )
        return Condition(kind, Truth.FALSE, Reason.DEPENDENCY_NOT_ALLOWED, text)
    if len(missing) == 1:
        text = (
            f"{SERVICE.kind} {missing[0]} does not exist or is not watched; create it or correct "
            "its name in `spec.dependsOn`."
        )
        return Condition(kind, Truth.FALSE, Reason.DEPENDENCY_MISSING, text)
    if missing:
        text = (
            f"{SERVICE.kind}s {', '.join(missing)} do not exist or are not watched; create them or "
            "correct their names in `spec.dependsOn`."
        )
        return Condition(kind, Truth.FALSE, Reason.DEPENDENCY_MISSING, text)
    if facts.obstacles.cycle:
        text = (
            f"Services depend on one another in a circle, {' -> '.join(facts.obstacles.cycle)}; "
            "remove one of these from `spec.dependsOn`."
        )
        return Condition(kind, Truth.FALSE, Reason.DEPENDENCY_CYCLE, text)
    if not facts.spec.depends_on:
        return Condition(kind, Truth.TRUE, Reason.NO_DEPENDENCIES, "`spec.dependsOn` is empty.")
    return Condition(kind, Truth.TRUE, Reason.RESOLVED, "Every service of `spec.dependsOn` exists.")


def patterns(facts: Facts) -> Condition:
    """Detection goes on: an unknown name silences nothing, and nothing is lost."""
    kind = ConditionType.PATTERNS_RESOLVED
    if facts.obstacles.unknown_quiet:
        text = sentence(facts.obstacles.unknown_quiet)
        return Condition(kind, Truth.FALSE, Reason.PATTERN_UNKNOWN, text)
    text = "Every name of `spec.nonAlertingPatterns` is that of a pattern."
    return Condition(kind, Truth.TRUE, Reason.RESOLVED, text)


def _number(text: str) -> float:
    try:
        return float(text.removesuffix("%"))
    except ValueError:
        return 0.0
