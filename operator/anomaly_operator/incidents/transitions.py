"""The edges of the life cycle, and what people are told about each.

What is told depends on the incident and the window alone. Whoever repeats an edge after a crash
says the same words, so an Event of that name already exists and nobody hears twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from anomaly_operator.api.text import span_text
from anomaly_operator.incidents.state import Incident, IncidentSettings, Resolution
from detector_runtime.contract.vocabulary import Severity


class Action(StrEnum):
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


_SILENT = frozenset({Action.SUSPECTED, Action.EXPIRED})
_WORRYING = frozenset({Action.OPENED, Action.ESCALATED, Action.REOPENED, Action.RELAPSED})


@dataclass(frozen=True, slots=True)
class Transition:
    """One edge, at the end of the window `at` (unix seconds)."""

    action: Action
    at: int
    fingerprint: str
    anomaly: str
    pattern: str
    severity: Severity
    message: str

    @property
    def silent(self) -> bool:
        """No Event, no object."""
        return self.action in _SILENT

    @property
    def warning(self) -> bool:
        """Whether the Event is of type Warning."""
        return self.action in _WORRYING

    @property
    def reason(self) -> str:
        """Reason of the Event: `AnomalyOpened` and so on."""
        return f"Anomaly{self.action.value}"


def alerting(incident: Incident) -> bool:
    """Whether anybody is to be woken: an incident within the SLO is recorded and shown only."""
    return incident.severity.rank > Severity.INFORMATIONAL.rank


def transition(
    action: Action, incident: Incident, at: int, settings: IncidentSettings
) -> Transition:
    """The edge that leads to `incident` as it is now."""
    return Transition(
        action=action,
        at=at,
        fingerprint=incident.fingerprint,
        anomaly=incident.anomaly,
        pattern=incident.pattern,
        severity=incident.severity,
        message=_message(action, incident, at, settings),
    )


def _message(action: Action, incident: Incident, at: int, settings: IncidentSettings) -> str:
    what = f"{incident.pattern} ({incident.severity})"
    lasted = span_text(incident.duration_seconds(settings.step_seconds))
    match action:
        case Action.SUSPECTED:
            return f"{what} seen once; {settings.confirmation_cycles} windows in a row confirm it"
        case Action.EXPIRED:
            return f"{what} was not confirmed within {settings.grace_cycles} windows"
        case Action.OPENED:
            return f"{what} confirmed by {_windows(incident.cycles_to_confirm)}"
        case Action.UPDATED:
            new = ", ".join(s.name for s in incident.patterns if s.first_seen == at)
            return f"{what}: joined by {new}"
        case Action.ESCALATED:
            return f"{what}: worse than before, after {lasted}"
        case Action.RECOVERING:
            left = settings.grace_cycles - incident.missed
            return f"{what}: back to normal; closes after {_windows(left)} more like this"
        case Action.RELAPSED:
            return f"{what}: seen again before it could close"
        case Action.REOPENED:
            return f"{what} is back within {span_text(settings.reopen_seconds)} of its closing"
        case Action.CLOSED if incident.resolution is Resolution.STALE:
            quiet = span_text(settings.separation_seconds)
            return f"{what} closed as stale: nothing seen for more than {quiet}, then new trouble"
        case _:
            return f"{what} resolved after {lasted}, seen in {_windows(incident.occurrences)}"


def _windows(count: int) -> str:
    return "1 window" if count == 1 else f"{count} windows"
