"""What one anomalous window adds to an incident: counters, patterns, and the worst of all facts.

Only facts of the window itself decide (`detection.windows`), because those are the same in every
document that lists it. The explanation comes from the full report, which a document holds for the
newest window and the worst of the newest stretch only; it is for people and decides nothing.
"""

from __future__ import annotations

from dataclasses import replace

from anomaly_operator.api.text import to_seconds
from anomaly_operator.incidents.cycles import Cycle
from anomaly_operator.incidents.fingerprint import fingerprint
from anomaly_operator.incidents.state import (
    MAX_CONTEXT_METRICS,
    MAX_PATTERNS,
    UNEXPLAINED,
    Incident,
    IncidentPhase,
    PatternSight,
    ResolutionContext,
    SLOResult,
)
from detector_runtime.contract.detection import Finding, WindowReport, window_order
from detector_runtime.contract.vocabulary import MAX_ACTIONS, MAX_CONTRIBUTIONS, Severity


def suspect(cycle: Cycle, service_uid: str) -> Incident:
    """A new incident from its first anomalous window, not yet counted by `join`. Name and identity
    are provisional until a window confirms it."""
    opening = leading_pattern(cycle)
    return Incident(
        fingerprint=fingerprint(service_uid, opening),
        opening_pattern=opening,
        pattern=opening,
        phase=IncidentPhase.SUSPECTED,
        first_seen=cycle.end,
        last_seen=cycle.end,
        severity=Severity.NONE,
        current_severity=Severity.NONE,
    )


def identified(incident: Incident, cycle: Cycle, service_uid: str) -> Incident:
    """With the identity that it keeps: that of the window that confirms it. No object exists
    before, and one lucky window must not name an incident for good."""
    opening = leading_pattern(cycle)
    known = replace(
        incident, opening_pattern=opening, fingerprint=fingerprint(service_uid, opening)
    )
    return _called(known, opening, cycle) if _lucky(incident, cycle) else known


def join(incident: Incident, cycle: Cycle) -> Incident:
    """Count the window in; the phase is the caller's business."""
    severity, finding = window_severity(cycle), _finding(cycle, leading_pattern(cycle))
    counted = replace(
        incident,
        last_seen=cycle.end,
        current_severity=severity,
        occurrences=incident.occurrences + 1,
        consecutive=incident.consecutive + 1,
        missed=0,
        normal_since=None,
        current_slo=cycle.slo_status,
        current_score=cycle.score,
        current_summary=finding.summary if finding else "",
    )
    worse = _worse(cycle, incident)
    if worse:
        counted = replace(
            counted,
            severity=severity,
            model_severity=cycle.model_severity,
            score=cycle.score,
            confidence=cycle.confidence,
            slo=SLOResult(cycle.slo_status, cycle.proximity, cycle.slo_explanation),
            worst_at=cycle.end,
            adjustment=finding.adjustment if finding else "",
        )
    named = _takes_its_name(incident, cycle) if worse else _confirms_a_name(incident, cycle)
    if named:
        counted = _called(counted, leading_pattern(cycle), cycle)
    elif worse or not counted.summary:
        counted = _explained(counted, cycle)
    return replace(counted, patterns=_sighted(counted, cycle))


def leading_pattern(cycle: Cycle) -> str:
    return cycle.patterns[0] if cycle.patterns else UNEXPLAINED


def window_severity(cycle: Cycle) -> Severity:
    """An anomalous window without a severity is worth a record and nobody's sleep."""
    return Severity.INFORMATIONAL if cycle.severity is Severity.NONE else cycle.severity


def _takes_its_name(incident: Incident, cycle: Cycle) -> bool:
    """Whether the worst window so far gives its name. A name is matched over the windows of a
    deviation, so the first window after normal ones may be named by luck: by its score alone it
    gives a confirmed incident no new name. What a rule names is not matched, so the name counts.
    """
    if cycle.by_rule:
        return True
    first = incident.confirmed and not incident.consecutive
    known = any(sight.name == leading_pattern(cycle) for sight in incident.patterns)
    return not first or known or not _as_severe(cycle, incident)


def _confirms_a_name(incident: Incident, cycle: Cycle) -> bool:
    """Whether the window right after the worst one, which came first in its run, decides another
    name: it has the worst one's again, or the worst one's was luck."""
    second = incident.consecutive == 1 and incident.worst_at == incident.last_seen
    if cycle.by_rule:
        return False
    leading = leading_pattern(cycle)
    again = any(
        sight.name == leading and sight.first_seen == incident.worst_at
        for sight in incident.patterns
    )
    return second and leading != incident.pattern and (again or _lucky(incident, cycle))


def _lucky(incident: Incident, cycle: Cycle) -> bool:
    """Whether the incident's name was seen in its worst window alone, which only its score sets
    apart from `cycle`."""
    again = incident.pattern in (cycle.patterns or (UNEXPLAINED,))
    return (
        not again
        and not cycle.by_rule
        and _as_severe(cycle, incident)
        and any(
            sight.name == incident.pattern
            and sight.first_seen == sight.last_seen == incident.worst_at
            for sight in incident.patterns
        )
    )


def _as_severe(cycle: Cycle, incident: Incident) -> bool:
    """As the worst window, whatever the scores."""
    ranks = (window_severity(cycle).rank, cycle.model_severity.rank)
    return ranks == (incident.severity.rank, incident.model_severity.rank)


def _called(incident: Incident, pattern: str, cycle: Cycle) -> Incident:
    """With a name that the window gives, and the words that go with it."""
    return _explained(replace(incident, pattern=pattern), cycle)


def _worse(cycle: Cycle, incident: Incident) -> bool:
    if not incident.occurrences:
        return True
    before = window_order(incident.severity, incident.model_severity, incident.score)
    return window_order(cycle.severity, cycle.model_severity, cycle.score) > before


def _sighted(incident: Incident, cycle: Cycle) -> tuple[PatternSight, ...]:
    """The patterns with this window's; the opening one and the worst are never crowded out."""
    sights = {sight.name: sight for sight in incident.patterns}
    severity = window_severity(cycle)
    for name in cycle.patterns or (UNEXPLAINED,):
        seen = sights.get(name)
        if seen is None:
            sights[name] = PatternSight(name, cycle.end, cycle.end, severity)
        else:
            worst = max(seen.severity, severity, key=lambda one: one.rank)
            sights[name] = replace(seen, last_seen=cycle.end, severity=worst)
    lasting = {incident.opening_pattern, incident.pattern}
    while len(sights) > MAX_PATTERNS:
        rest = [sight for sight in sights.values() if sight.name not in lasting]
        least = min(rest, key=lambda one: (one.severity.rank, one.last_seen, one.name))
        del sights[least.name]
    return tuple(sights.values())


def _explained(incident: Incident, cycle: Cycle) -> Incident:
    """Take the window's explanation, where the document holds it and it is about what the incident
    is called."""
    finding = _finding(cycle, incident.pattern)
    if finding is None:
        return incident
    return replace(
        incident,
        summary=finding.summary,
        contributions=finding.contributions[:MAX_CONTRIBUTIONS],
        recommended_actions=finding.recommended_actions[:MAX_ACTIONS],
        impact=finding.impact,
    )


def _finding(cycle: Cycle, wanted: str) -> Finding | None:
    """The finding of that name; of a window whose report has none, the first if the window is of
    that name."""
    if cycle.report is None or not cycle.report.findings:
        return None
    named = (finding for finding in cycle.report.findings if finding.pattern == wanted)
    first = cycle.report.findings[0] if wanted == leading_pattern(cycle) else None
    return next(named, first)


def closing_context(newest: WindowReport | None, closed_at: int) -> ResolutionContext | None:
    """How the service stood in the window that closed the incident; None where the newest report is
    of another window. That of a later one may show the next incident."""
    if newest is None:
        return None
    at = to_seconds(newest.end, "detection.report.end")
    if at != closed_at:
        return None
    return ResolutionContext(
        at=at,
        slo=SLOResult(newest.slo.status, newest.slo.proximity),
        metrics=newest.comparison[:MAX_CONTEXT_METRICS],
    )
