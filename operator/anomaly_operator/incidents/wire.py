"""`status.incidents`: the incidents as the API server keeps them.

Times are ISO 8601, empty fields are left out, and what was written reads back as the same value.
`parse` refuses what it does not understand rather than forget an incident silently.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from anomaly_operator.api.text import to_seconds, to_text
from anomaly_operator.incidents.state import (
    Incident,
    IncidentPhase,
    IncidentState,
    PatternSight,
    Resolution,
    ResolutionContext,
)
from detector_runtime.contract.codec import decode, encode
from detector_runtime.contract.detection import Contribution, MetricComparison
from detector_runtime.contract.vocabulary import Severity, SLOStatus

JSON = dict[str, Any]


def render(state: IncidentState) -> JSON:
    """The value of `status.incidents`. `open` counts what is not over yet, recovering included."""
    recovering = state.count(IncidentPhase.RECOVERING)
    document: JSON = {
        "open": state.count(IncidentPhase.OPEN) + recovering,
        "suspected": state.count(IncidentPhase.SUSPECTED),
        "recovering": recovering,
    }
    if state.folded_through is not None:
        document["foldedThrough"] = to_text(state.folded_through)
    if state.tracked:
        document["tracked"] = [_incident(incident) for incident in state.tracked]
    return document


def parse(document: Mapping[str, Any] | None) -> IncidentState:
    """Read what `render` wrote; None or an empty mapping is a service without any incident.

    Raises ContractError that names the field and the value.
    """
    if not document:
        return IncidentState()
    wire = decode(_WireState, dict(document), "incidents")
    through = wire.folded_through
    return IncidentState(
        folded_through=to_seconds(through, "incidents.foldedThrough") if through else None,
        tracked=tuple(_read(one, f"incidents.tracked[{i}]") for i, one in enumerate(wire.tracked)),
    )


def pattern_sights(incident: Incident) -> list[JSON]:
    """The joined patterns, also for the Anomaly object."""
    return [
        {
            "name": sight.name,
            "firstSeen": to_text(sight.first_seen),
            "lastSeen": to_text(sight.last_seen),
            "severity": sight.severity.value,
        }
        for sight in incident.patterns
    ]


def context_json(context: ResolutionContext) -> JSON:
    """`resolution.context`, also for the Anomaly object."""
    slo = {"status": context.slo_status.value, "proximity": context.proximity}
    metrics = [encode(metric) for metric in context.metrics]
    return _filled({"at": to_text(context.at), "slo": _filled(slo), "metrics": metrics})


def contributions_json(incident: Incident) -> list[JSON]:
    """The contributions, also for the Anomaly object."""
    return [encode(contribution) for contribution in incident.contributions]


@dataclass(frozen=True, slots=True)
class _WireSight:
    name: str
    first_seen: str
    last_seen: str
    severity: Severity


@dataclass(frozen=True, slots=True)
class _WireSLO:
    status: SLOStatus = SLOStatus.UNKNOWN
    proximity: str = ""


@dataclass(frozen=True, slots=True)
class _WireContext:
    at: str
    slo: _WireSLO = _WireSLO()
    metrics: tuple[MetricComparison, ...] = ()


@dataclass(frozen=True, slots=True)
class _WireIncident:
    fingerprint: str
    opening_pattern: str
    pattern: str
    state: IncidentPhase
    first_seen: str
    last_seen: str
    severity: Severity
    current_severity: Severity
    model_severity: Severity = Severity.NONE
    anomaly: str = ""
    confirmed_at: str = ""
    closed_at: str = ""
    resolution: Resolution | None = None
    score: str = ""
    confidence: str = ""
    slo: _WireSLO = _WireSLO()
    occurrences: int = 0
    consecutive: int = 0
    missed: int = 0
    cycles_to_confirm: int = 0
    reopened: int = 0
    patterns: tuple[_WireSight, ...] = ()
    summary: str = ""
    contributions: tuple[Contribution, ...] = ()
    recommended_actions: tuple[str, ...] = ()
    context: _WireContext | None = None


@dataclass(frozen=True, slots=True)
class _WireState:
    open: int = 0
    suspected: int = 0
    recovering: int = 0
    folded_through: str = ""
    tracked: tuple[_WireIncident, ...] = ()


def _incident(incident: Incident) -> JSON:
    slo = {"status": incident.slo_status.value, "proximity": incident.proximity}
    return _filled(
        {
            "fingerprint": incident.fingerprint,
            "openingPattern": incident.opening_pattern,
            "pattern": incident.pattern,
            "state": incident.phase.value,
            "anomaly": incident.anomaly,
            "firstSeen": to_text(incident.first_seen),
            "confirmedAt": _maybe(incident.confirmed_at),
            "lastSeen": to_text(incident.last_seen),
            "closedAt": _maybe(incident.closed_at),
            "resolution": incident.resolution.value if incident.resolution else "",
            "severity": incident.severity.value,
            "currentSeverity": incident.current_severity.value,
            "modelSeverity": _known(incident.model_severity),
            "score": incident.score,
            "confidence": incident.confidence,
            "slo": _filled(slo),
            "occurrences": incident.occurrences,
            "consecutive": incident.consecutive,
            "missed": incident.missed,
            "cyclesToConfirm": incident.cycles_to_confirm,
            "reopened": incident.reopened,
            "patterns": pattern_sights(incident),
            "summary": incident.summary,
            "contributions": contributions_json(incident),
            "recommendedActions": list(incident.recommended_actions),
            "context": context_json(incident.context) if incident.context else None,
        }
    )


def _filled(document: JSON) -> JSON:
    """Without what is empty; a count of 0 stays, because it is a figure."""
    return {key: value for key, value in document.items() if value not in (None, "", [])}


def _known(severity: Severity) -> str:
    """Empty for None, so that a status older than the field is written as it was read."""
    return "" if severity is Severity.NONE else severity.value


def _maybe(seconds: int | None) -> str:
    return "" if seconds is None else to_text(seconds)


def _read(wire: _WireIncident, where: str) -> Incident:
    return Incident(
        fingerprint=wire.fingerprint,
        opening_pattern=wire.opening_pattern,
        pattern=wire.pattern,
        phase=wire.state,
        first_seen=to_seconds(wire.first_seen, f"{where}.firstSeen"),
        last_seen=to_seconds(wire.last_seen, f"{where}.lastSeen"),
        severity=wire.severity,
        current_severity=wire.current_severity,
        model_severity=wire.model_severity,
        anomaly=wire.anomaly,
        confirmed_at=_seconds(wire.confirmed_at, f"{where}.confirmedAt"),
        closed_at=_seconds(wire.closed_at, f"{where}.closedAt"),
        resolution=wire.resolution,
        score=wire.score,
        confidence=wire.confidence,
        slo_status=wire.slo.status,
        proximity=wire.slo.proximity,
        occurrences=wire.occurrences,
        consecutive=wire.consecutive,
        missed=wire.missed,
        cycles_to_confirm=wire.cycles_to_confirm,
        reopened=wire.reopened,
        patterns=tuple(_sight(sight, f"{where}.patterns") for sight in wire.patterns),
        summary=wire.summary,
        contributions=wire.contributions,
        recommended_actions=wire.recommended_actions,
        context=_context(wire.context, f"{where}.context") if wire.context else None,
    )


def _sight(wire: _WireSight, where: str) -> PatternSight:
    first = to_seconds(wire.first_seen, f"{where}.firstSeen")
    return PatternSight(
        wire.name, first, to_seconds(wire.last_seen, f"{where}.lastSeen"), wire.severity
    )


def _context(wire: _WireContext, where: str) -> ResolutionContext:
    return ResolutionContext(
        at=to_seconds(wire.at, f"{where}.at"),
        slo_status=wire.slo.status,
        proximity=wire.slo.proximity,
        metrics=wire.metrics,
    )


def _seconds(text: str, where: str) -> int | None:
    return to_seconds(text, where) if text else None
