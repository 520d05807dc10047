"""`kubectl anomaly explain`: why this verdict now, also a Normal one, and what would change it.

Words alone: the figures come from `explained`. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from anomaly_cli.verbs.explained import Explained, MetricStanding
from anomaly_cli.verbs.run_window import run_why
from anomaly_cli.verbs.to_alert import to_alert
from anomaly_cli.verbs.wording import clock, count, ended, labelled, moment
from anomaly_operator.api.text import span_text, unix_seconds
from anomaly_operator.incidents.state import Incident
from anomaly_operator.spec.service import IncidentPlan
from detector_runtime.contract.vocabulary import NotJudged, Verdict
from detector_runtime.series.units import readable, readable_range

MAX_METRICS = 8
GAUGE = 12
"""Columns of a usual range."""
CAP = 10.0
"""Highest score there is."""
_LEADING = ("Ready", "Detecting", "ModelReady", "DataAvailable")
_WARNS = {"Drifted": "True", "BaselineShifted": "True", "Stalled": "True", "Reconciling": ""}
"""In which status a condition warns, where that is not False."""
_INCONCLUSIVE = {
    NotJudged.NO_DATA: "the source has no value for it",
    NotJudged.TRAFFIC_MISSING: "the traffic metric has no value, so the others prove nothing",
    NotJudged.PARTIAL_DATA: "too many metrics have no value, or the source has gaps",
    NotJudged.UNDEFINED: "every metric is a ratio without a denominator, as there is no traffic",
    NotJudged.EXCLUDED: "a calendar of the service leaves this time out",
    NotJudged.CALENDAR_DAY: "it is a day of a calendar that the model has not seen yet",
}
Lines = list[str]


def explanation(found: Explained, now: int, width: int) -> Lines:
    """The lines, at most `width` columns each. `now` in unix seconds."""
    state = found.status.state or "Pending"
    out = [f"{found.meta.name} in namespace {found.meta.namespace}: {state}", ""]
    sections = (
        ("Verdict", verdict(found, now)),
        ("Why", why(found)),
        ("Metrics", _metrics(found)),
        ("SLO", _slo(found)),
        ("Incident", _incident(found, now)),
        ("To alert", [f"{n}. {line}" for n, line in enumerate(to_alert(found), 1)]),
        ("Ignored", ignored(found, now)),
        ("Model", serving(found)),
        ("Notes", list(_notes(found))),
    )
    for label, lines in sections:
        out += labelled(label, lines, width)
    return out


def verdict(found: Explained, now: int) -> Lines:
    """What the newest window was found to be, or why none was scored."""
    report = found.report
    if report is None:
        return [_not_scored(found)]
    end = unix_seconds(report.end)
    age = span_text(now - end)
    period = f", period {report.period}" if report.period else ""
    out = [f"{report.verdict.value} in the window that ended {clock(end, now)}, {age} ago{period}."]
    if found.counts:
        total = sum(found.counts.values())
        out.append(
            f"Of the last {count(total, 'window')} {found.counts[Verdict.NORMAL]} Normal, "
            f"{found.counts[Verdict.ANOMALOUS]} Anomalous, "
            f"{found.counts[Verdict.INCONCLUSIVE]} Inconclusive."
        )
    return out


def _not_scored(found: Explained) -> str:
    if found.problems:
        return ended(f"None: the spec cannot be used: {'; '.join(found.problems)}")
    said = [found.status.raw.get("summary"), *(_message(found, kind) for kind in _LEADING)]
    first = next((str(one) for one in said if one), "The operator has not said anything yet")
    return ended(f"None: no window has been scored. {first}")


def _message(found: Explained, kind: str) -> str:
    for entry in found.status.raw.get("conditions") or ():
        if entry.get("type") == kind:
            return str(entry.get("message", ""))
    return ""


def why(found: Explained) -> Lines:
    """Why the newest window has its verdict."""
    report = found.report
    if report is None:
        return []
    if report.verdict is Verdict.INCONCLUSIVE:
        known = {reason.value: text for reason, text in _INCONCLUSIVE.items()}
        said = known.get(report.reason, "it could not be judged")
        return [f"{report.reason}: {said}. Such a window opens and closes no incident."]
    if found.spec and found.spec.training_run:
        return list(run_why(report))
    out = [_score(found)]
    for finding in report.findings[:2]:
        out.append(f"{finding.pattern}: {ended(finding.summary)}")
        if finding.model_severity is not finding.severity:
            out.append(
                f"By the model alone {finding.model_severity.value}; the SLO "
                f"({report.slo.status.value}) makes that {finding.severity.value}."
            )
    if not report.findings and _reaches(found):
        out.append(
            "It is not anomalous all the same: the metrics are back in their usual range, and only "
            "the memory of the score is still high."
        )
    return out


def _reaches(found: Explained) -> bool:
    return found.score >= found.level


def _score(found: Explained) -> str:
    if math.isnan(found.score):
        return "The window has no score."
    if math.isnan(found.level):
        return f"Its score is {found.score:.2f} of 10."
    rare = 10**found.level
    return (
        f"Its score is {found.score:.2f}; a window is anomalous from {found.level:.2f} on, which "
        f"is rarer than one in {rare:,.0f} windows."
    )


def _metrics(found: Explained) -> Lines:
    shown = found.nearest[:MAX_METRICS]
    names = max((len(one.name) for one in shown), default=0)
    out = [f"{one.name.ljust(names)}  {gauge(one)}  {_standing(one)}" for one in shown]
    missing = [one.name for one in found.metrics if math.isnan(one.value)]
    if missing:
        out.append(f"without a value: {', '.join(missing)}")
    return out


def gauge(one: MetricStanding) -> str:
    """Where the value lies in its usual range; beyond the ends it is outside."""
    if one.high <= one.low:
        return " [" + "·" * GAUGE + "] "
    place = (one.value - one.low) / (one.high - one.low)
    if place < 0:
        return "●[" + "·" * GAUGE + "] "
    if place > 1:
        return " [" + "·" * GAUGE + "]●"
    at = min(int(place * GAUGE), GAUGE - 1)
    return " [" + "·" * at + "●" + "·" * (GAUGE - 1 - at) + "] "


def _standing(one: MetricStanding) -> str:
    value = readable(one.value, one.unit)
    if one.low == one.high == 0:
        return f"{value}, usually 0"
    return f"{value}, usually {readable_range(one.low, one.high, one.value, one.unit)}"


def _slo(found: Explained) -> Lines:
    report = found.report
    if report is None or (not report.slo.policy and not found.status.objectives):
        return []
    out = []
    if report.slo.policy:
        said = f": {report.slo.explanation}" if report.slo.explanation else ""
        out.append(ended(f"{report.slo.status.value} by SLOPolicy {report.slo.policy}{said}"))
    for one in found.status.objectives:
        left = f", {one.budget_left} of the error budget left" if one.budget_left else ""
        out.append(ended(f"Objective {one.name}: {one.state.value}{left}"))
    return out


def _incident(found: Explained, now: int) -> Lines:
    running, plan = found.incidents.running, _plan(found)
    if running is None:
        return []
    closes = f"It closes after {count(plan.resolution_grace_cycles, 'normal window')} in a row."
    if not running.confirmed:
        return [f"Suspected since {clock(running.first_seen, now)}: {_missing(running, plan)}."]
    where = f"kubectl anomaly show {running.anomaly} -n {found.meta.namespace}"
    since = moment(running.opened)
    return [
        f"{running.phase.value} since {since}, severity {running.severity.value}. {closes}",
        where,
    ]


def _plan(found: Explained) -> IncidentPlan:
    return found.spec.incidents if found.spec else IncidentPlan()


def _missing(running: Incident, plan: IncidentPlan) -> str:
    left = max(plan.confirmation_cycles - running.consecutive, 1)
    return f"it opens after {count(left, 'more anomalous window')}"


def ignored(found: Explained, now: int) -> Lines:
    """What people have said is normal."""
    out = [
        f"{rule.pattern} up to {rule.severity.value} until {moment(rule.until)}, as "
        f"{rule.anomaly} was marked {rule.verdict.value}."
        for rule in found.incidents.expected
        if rule.until >= now
    ]
    if found.spec and found.spec.non_alerting_patterns:
        names = ", ".join(found.spec.non_alerting_patterns)
        out.append(f"{names}: notify nobody (spec.nonAlertingPatterns).")
    return out


def serving(found: Explained) -> Lines:
    """What serves, how good it is, and how many false incidents it makes."""
    model, kept = found.status.model, found.status.raw.get("falseIncidents") or {}
    if model is None:
        return []
    trained = f", trained {moment(model.trained_at)}" if model.trained_at else ""
    grade = f", grade {model.grade}" if model.grade else ""
    out = [f"{model.revision}{trained}{grade}."]
    if model.provisional:
        out.append("It is provisional: severity is at most Medium unless the SLO is breached.")
    if kept.get("toleratedPerWeek"):
        expected = f", {model.expected_per_week} expected" if model.expected_per_week else ""
        observed = f", {kept['observedPerWeek']} observed" if kept.get("observedPerWeek") else ""
        out.append(
            f"False incidents a week: {kept['toleratedPerWeek']} tolerated{expected}{observed}."
        )
    offset = kept.get("levelOffset")
    if offset not in (None, "", "0"):
        out.append(f"The alert level is raised by {offset}, because there were more than that.")
    return out


def warns(kind: str, state: str) -> bool:
    """Whether a condition of type `kind` is not as it should be when its status is `state`."""
    return state == _WARNS.get(kind, "False")


def _notes(found: Explained) -> Iterator[str]:
    """Conditions that are not as they should be, and what the window warns of."""
    said = set()
    for entry in found.status.raw.get("conditions") or ():
        kind, state, message = (str(entry.get(key, "")) for key in ("type", "status", "message"))
        if warns(kind, state) and message not in said:
            said.add(message)
            yield ended(f"{kind} {state} ({entry.get('reason')}): {message}")
    if found.report:
        for warning in found.report.warnings:
            yield ended(warning)
