"""The conditions that say how training, data, detection and the watched service are."""

from __future__ import annotations

from collections.abc import Iterator

from anomaly_operator.api.conditions import Condition, Truth
from anomaly_operator.api.names import ConditionType
from anomaly_operator.api.reasons import Reason
from anomaly_operator.api.resources import ANOMALY, JOB
from anomaly_operator.api.text import to_text
from anomaly_operator.status.facts import MODEL_GONE, Facts
from anomaly_operator.training.decide import Phase
from anomaly_operator.world.diagnosis import Diagnosis
from anomaly_operator.world.refusal import told
from detector_runtime.contract.vocabulary import RunOutcome, SLOStatus, Verdict

_DATA_REASONS = frozenset(
    {
        Reason.NO_DATA,
        Reason.INVALID_QUERY,
        Reason.SOURCE_UNAVAILABLE,
        Reason.SOURCE_UNAUTHORIZED,
        Reason.SECRET_MISSING,
        Reason.ADDRESS_REFUSED,
        Reason.RESPONSE_TOO_LARGE,
    }
)
_WAITING_PHASES = (Phase.STARTING, Phase.RUNNING)


def health(facts: Facts) -> Iterator[Condition]:
    """All conditions but Ready, Reconciling and Stalled, in the order of the documentation."""
    yield data_available(facts)
    yield model_ready(facts)
    yield detecting(facts)
    yield drifted(facts)
    yield baseline_shifted(facts)
    yield slo_met(facts)
    yield dependencies(facts)


def data_available(facts: Facts) -> Condition:
    kind = ConditionType.DATA_AVAILABLE
    if facts.spec.suspend:
        text = "spec.suspend stops inference"
        return Condition(kind, Truth.UNKNOWN, Reason.SUSPENDED, text)
    failed = facts.failed_run or (None if facts.scored else facts.training_failure)
    if failed is not None and failed.reason in _DATA_REASONS:
        return Condition(kind, Truth.FALSE, failed.reason, failed.message)
    report = facts.detection.report if facts.detection else None
    if report is None:
        return Condition(kind, Truth.UNKNOWN, Reason.WAITING_FOR_FIRST_RUN, _not_scored(facts))
    if report.verdict is Verdict.INCONCLUSIVE:
        text = f"the newest window has too little data to judge ({report.reason or 'no reason'})"
        return Condition(kind, Truth.FALSE, Reason.DATA_INCOMPLETE, text)
    text = "the newest window has the data that it needs"
    return Condition(kind, Truth.TRUE, Reason.DATA_COMPLETE, text)


def _not_scored(facts: Facts) -> str:
    """Why there is no window to speak of. A training has read the source when it has ended."""
    if facts.serving.model is not None:
        return "the next run is due within one interval"
    book = facts.training.book
    if book.learning is not None or book.last_failure is not None:
        return "nothing is scored before there is a model"
    return "no run has read the source yet"


def model_ready(facts: Facts) -> Condition:
    kind, model = ConditionType.MODEL_READY, facts.serving.model
    if model is None:
        missing = _no_model(facts)
        return Condition(kind, Truth.FALSE, missing.reason, missing.message)
    failed = facts.failed_run
    if facts.outcome in MODEL_GONE and failed and _speaks_of_serving(facts):
        return Condition(kind, Truth.FALSE, failed.reason, failed.message)
    serves = f"revision {model.revision} serves"
    if facts.serving.unknown_pin:
        text = f"{unknown_pin(facts)}; {serves} instead"
        return Condition(kind, Truth.TRUE, Reason.UNKNOWN_REVISION, text)
    refused = told(tuple(one for one in facts.refused if one.kind == JOB.kind))
    refused = _start_barred(facts) or refused
    if refused is not None:
        text = f"{serves}; the next training cannot start: {refused.message}"
        return Condition(kind, Truth.TRUE, refused.reason, text)
    if facts.training_failure:
        failure = facts.training_failure
        text = f"{serves}; the newest training failed: {failure.message}{_retry(facts)}"
        return Condition(kind, Truth.TRUE, failure.reason, text)
    if facts.serving.pinned:
        return Condition(kind, Truth.TRUE, Reason.PINNED, f"{serves}, pinned by the spec")
    if facts.serving.held_until:
        until = to_text(facts.serving.held_until)
        text = f"{serves}; a newer one waits for the incident to close, until {until} at most"
        return Condition(kind, Truth.TRUE, Reason.AWAITING_PROMOTION, text)
    if model.provisional:
        text = (
            f"{serves}, trained on a short history: wider tails, "
            "at most Medium unless the SLO is breached"
        )
        return Condition(kind, Truth.TRUE, Reason.PROVISIONAL, text)
    return Condition(kind, Truth.TRUE, Reason.SERVING, serves)


def unknown_pin(facts: Facts) -> str:
    known = ", ".join(entry.revision for entry in facts.training.book.revisions) or "none"
    return f"spec.modelRevision {facts.spec.model_revision} is not on the volume (known: {known})"


def name_conflict(facts: Facts) -> Diagnosis | None:
    if not facts.conflicts:
        return None
    found = ", ".join(facts.conflicts)
    words = (
        "is not ours and stays as it is; rename or delete it"
        if len(facts.conflicts) == 1
        else "are not ours and stay as they are; rename or delete them"
    )
    text = f"{found} of this namespace {words}"
    return Diagnosis(Reason.NAME_CONFLICT, text)


def _start_barred(facts: Facts) -> Diagnosis | None:
    """The conflict that keeps trainings from starting; a refusal may only follow from it. The
    object of an incident keeps nothing from starting."""
    children = any(not one.startswith(ANOMALY.kind) for one in facts.conflicts)
    return name_conflict(facts) if children else None


def _no_model(facts: Facts) -> Diagnosis:
    """Why nothing serves yet. A new try does not hide why the last one failed."""
    training, refused = facts.training, _start_barred(facts) or told(facts.refused)
    if refused is not None:
        return refused
    if training.stuck is not None:
        return training.stuck
    failure = facts.training_failure
    if failure is not None:
        return Diagnosis(failure.reason, failure.message + _retry(facts))
    if facts.spec.suspend:
        return Diagnosis(Reason.SUSPENDED, "spec.suspend stops training")
    learning = training.book.learning
    if learning is not None:
        text = f"{learning.samples} of {learning.needed} samples"
        if learning.enough_at:
            text += f", enough at about {to_text(learning.enough_at)}"
        return Diagnosis(Reason.LEARNING, text)
    if training.phase is Phase.QUEUED:
        text = "waits for one of the trainings that the administrator allows at a time"
        return Diagnosis(Reason.TRAINING_QUEUED, text)
    return Diagnosis(Reason.TRAINING, "the first model is being trained")


def _retry(facts: Facts) -> str:
    book = facts.training.book
    if facts.training.phase in _WAITING_PHASES:
        return "; trying again now"
    return f"; next try at {to_text(book.next_attempt)}" if book.next_attempt else ""


def detecting(facts: Facts) -> Condition:
    kind = ConditionType.DETECTING
    if facts.spec.suspend:
        text = "spec.suspend stops inference"
        return Condition(kind, Truth.FALSE, Reason.SUSPENDED, text)
    if facts.serving.model is None:
        return Condition(kind, Truth.FALSE, Reason.NO_MODEL, "there is no model to detect with yet")
    if facts.detection_error:
        return Condition(kind, Truth.FALSE, Reason.INTERNAL_ERROR, facts.detection_error)
    failed = facts.failed_run
    if failed is not None:
        return Condition(kind, Truth.FALSE, failed.reason, failed.message)
    if facts.stale is not None:
        return Condition(kind, Truth.FALSE, facts.stale.reason, facts.stale.message)
    if not facts.fresh:
        text = "the next run is due within one interval"
        return Condition(kind, Truth.UNKNOWN, Reason.WAITING_FOR_FIRST_RUN, text)
    if facts.crowded_out:
        text = (
            f"every complete window is scored; no room for Anomaly {', '.join(facts.crowded_out)}: "
            "raise anomalies.maxPerCluster in the operator's settings or shorten "
            "spec.incidents.retention"
        )
        return Condition(kind, Truth.TRUE, Reason.ANOMALY_LIMIT, text)
    text = "every complete window is scored"
    return Condition(kind, Truth.TRUE, Reason.DETECTING, text)


def drifted(facts: Facts) -> Condition:
    kind = ConditionType.DRIFTED
    drift = facts.detection.report.drift if facts.detection and facts.detection.report else None
    if drift is None:
        return Condition(kind, Truth.UNKNOWN, Reason.NOT_EVALUATED, "no window has been compared")
    if _number(drift.penalty) > 0:
        # Which metrics changes from window to window, and each change would cost a write here.
        text = (
            "recent data are far from what the model was trained on, which costs confidence; "
            "status.detection.report.drift.metrics names the metrics"
        )
        return Condition(kind, Truth.TRUE, Reason.DRIFT_DETECTED, text)
    text = "recent data are like those that the model was trained on"
    return Condition(kind, Truth.FALSE, Reason.NO_DRIFT, text)


def baseline_shifted(facts: Facts) -> Condition:
    """By the newest training, which may not serve yet: the shift is in the data, not in a model."""
    kind = ConditionType.BASELINE_SHIFTED
    model = facts.training.book.newest or facts.serving.model
    if model is None:
        text = "no model has been trained yet"
        return Condition(kind, Truth.UNKNOWN, Reason.NOT_EVALUATED, text)
    if model.level_shift:
        return Condition(kind, Truth.TRUE, Reason.LEVEL_SHIFT, model.level_shift)
    text = "no metric left its level a week ago or earlier and stayed away"
    return Condition(kind, Truth.FALSE, Reason.NO_LEVEL_SHIFT, text)


def slo_met(facts: Facts) -> Condition:
    kind, choice = ConditionType.SLO_MET, facts.policy
    if choice.reason is not None and choice.slo is None:
        return Condition(kind, Truth.UNKNOWN, choice.reason, choice.message)
    if choice.slo is None:
        text = "no SLOPolicy names or selects this service"
        return Condition(kind, Truth.UNKNOWN, Reason.NO_POLICY, text)
    truth, reason, text = _SLO_WORDS[slo_status(facts)]
    report = facts.detection.report if facts.detection else None
    if facts.spec.suspend:
        reason, text = Reason.SUSPENDED, "spec.suspend stops inference"
    elif report is not None and not _scoring(facts):
        text = f"not evaluated since {report.end}"
    if choice.reason is not None:
        reason, text = choice.reason, f"{text}; {choice.message}"
    return Condition(kind, truth, reason, f"{choice.slo.policy}: {text}")


def slo_status(facts: Facts) -> SLOStatus:
    """By the newest window, and Unknown where that says nothing of now."""
    report = facts.detection.report if facts.detection else None
    return report.slo.status if report and _scoring(facts) else SLOStatus.UNKNOWN


def _scoring(facts: Facts) -> bool:
    return not facts.spec.suspend and facts.failed_run is None and facts.stale is None


_SLO_WORDS = {
    SLOStatus.UNKNOWN: (Truth.UNKNOWN, Reason.NOT_EVALUATED, "nothing to hold against it yet"),
    SLOStatus.OK: (Truth.TRUE, Reason.WITHIN_OBJECTIVES, "all within what is acceptable"),
    SLOStatus.ELEVATED: (Truth.TRUE, Reason.WITHIN_OBJECTIVES, "all below the warning level"),
    SLOStatus.WARNING: (Truth.TRUE, Reason.APPROACHING_OBJECTIVES, "over a warning level"),
    SLOStatus.BREACHED: (Truth.FALSE, Reason.OBJECTIVES_BREACHED, "over a critical level"),
}


def dependencies(facts: Facts) -> Condition:
    kind = ConditionType.DEPENDENCIES_RESOLVED
    if facts.missing:
        text = f"no AnomalyService of this namespace is named {', '.join(facts.missing)}"
        return Condition(kind, Truth.FALSE, Reason.DEPENDENCY_MISSING, text)
    if not facts.spec.depends_on:
        return Condition(kind, Truth.TRUE, Reason.NO_DEPENDENCIES, "spec.dependsOn is empty")
    return Condition(kind, Truth.TRUE, Reason.RESOLVED, "every service of spec.dependsOn exists")


def model_lost(facts_outcome: RunOutcome | None, scored_with: str, serving: str) -> bool:
    """Whether the pods miss the very revision that is to serve."""
    return facts_outcome in MODEL_GONE and bool(serving) and scored_with == serving


def _speaks_of_serving(facts: Facts) -> bool:
    detection, model = facts.detection, facts.serving.model
    return bool(detection and model and detection.model_revision == model.revision)


def _number(text: str) -> float:
    try:
        return float(text.removesuffix("%"))
    except ValueError:
        return 0.0
