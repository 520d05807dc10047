"""The transitions of the life cycle, and the message of each.

A message depends on the incident and the window alone. If a transition is repeated after a crash,
its text is the same, so an Event of that name already exists and nobody is told twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from anomaly_operator.api.text import span_text
from anomaly_operator.incidents.state import Incident, IncidentSettings, Resolution
from detector_runtime.contract.vocabulary import Severity


class TransitionKind(StrEnum):
    """What happened to an incident. `SUSPECTED` and `EXPIRED` are silent: there is no object."""

    SUSPECTED = "Suspected"
    EXPIRED = "Expired"
    OPENED = "Opened"
    UPDATED = "Updated"
    ESCALATED = "Escalated"
    RECOVERING = "Recovering"
    RELAPSED = "Relapsed"
    REOPENED = "Reopened"
    CLOSED = "Closed"


_SILENT = frozenset({TransitionKind.SUSPECTED, TransitionKind.EXPIRED})
_WARNING = frozenset(
    {
        TransitionKind.OPENED,
        TransitionKind.ESCALATED,
        TransitionKind.REOPENED,
        TransitionKind.RELAPSED,
    }
)


@dataclass(frozen=True, slots=True)
class Transition:
    """One transition, at the end of the window `at` (unix seconds)."""

    kind: TransitionKind
    at: int
    fingerprint: str
    anomaly: str
    pattern: str
    severity: Severity
    message: str

    @property
    def silent(self) -> bool:
        """No Event, no object."""
        return self.kind in _SILENT

    @property
    def warning(self) -> bool:
        """Whether the Event is of type Warning."""
        return self.kind in _WARNING

    @property
    def reason(self) -> str:
        """Reason of the Event: `AnomalyOpened` and so on."""
        return f"Anomaly{self.kind.value}"


def alerting(incident: Incident) -> bool:
    """Whether to notify anybody: an Informational or a Low incident is recorded and shown only."""
    return incident.severity.rank >= Severity.MEDIUM.rank


def transition(
    kind: TransitionKind, incident: Incident, at: int, settings: IncidentSettings
) -> Transition:
    """The transition that leads to `incident` as it is now."""
    return Transition(
        kind=kind,
        at=at,
        fingerprint=incident.fingerprint,
        anomaly=incident.anomaly,
        pattern=incident.pattern,
        severity=incident.severity,
        message=_message(kind, incident, at, settings),
    )


def _message(kind: TransitionKind, incident: Incident, at: int, settings: IncidentSettings) -> str:
    what = f"{incident.pattern} ({incident.severity})"
    lasted = span_text(incident.duration_seconds(settings.step_seconds))
    match kind:
        case TransitionKind.SUSPECTED:
            needed = _windows(settings.confirmation_cycles, "anomalous")
            return f"{what} is suspected; {needed} in a row confirm it"
        case TransitionKind.EXPIRED:
            return f"{what} was dropped because it was not confirmed"
        case TransitionKind.OPENED:
            return f"{what} was confirmed by {_windows(incident.cycles_to_confirm, 'anomalous')}"
        case TransitionKind.UPDATED:
            new = ", ".join(s.name for s in incident.patterns if s.first_seen == at)
            return f"{what} now also shows {new}"
        case TransitionKind.ESCALATED:
            return f"{what} rose in severity after {lasted}"
        case TransitionKind.RECOVERING:
            left = _windows(settings.grace_cycles - incident.missed, "more normal")
            return f"{what} is recovering; it closes after {left}"
        case TransitionKind.RELAPSED:
            return f"{what} is anomalous again before it closed"
        case TransitionKind.REOPENED:
            return f"{what} is back within {span_text(settings.reopen_seconds)} of closing"
        case TransitionKind.CLOSED if incident.resolution is Resolution.STALE:
            quiet = span_text(settings.separation_seconds)
            return (
                f"{what} was closed as stale: more than {quiet} passed between its last anomalous "
                "window and the next one"
            )
        case _:
            seen = _windows(incident.occurrences, "anomalous")
            return f"{what} was resolved after {lasted}, with {seen}"


def _windows(count: int, kind: str) -> str:
    return f"1 {kind} window" if count == 1 else f"{count} {kind} windows"
