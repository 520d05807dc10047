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
        """Whether the Event is of type Warning: never for what notifies nobody."""
        return self.kind in _WARNING and self.severity.rank > Severity.INFORMATIONAL.rank

    @property
    def reason(self) -> str:
        """Reason of the Event: `AnomalyOpened` and so on."""
        return f"Anomaly{self.kind.value}"


def notifies(severity: Severity) -> bool:
    """Whether an incident of `severity` is told, as long as the administrator sets no other
    minimum: an Informational or a Low one is recorded and shown only."""
    return severity.rank >= Severity.MEDIUM.rank


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
    name, grave = f"Anomaly {incident.anomaly}", f"severity {incident.severity}"
    lasted = span_text(incident.duration_seconds(settings.step_seconds))
    match kind:
        case TransitionKind.SUSPECTED:
            needed = _windows(settings.confirmation_cycles, "consecutive anomalous")
            return f"{incident.pattern} is suspected; {needed} confirm it."
        case TransitionKind.EXPIRED:
            return f"{incident.pattern} was not confirmed and was dropped."
        case TransitionKind.OPENED:
            seen = _windows(incident.cycles_to_confirm, "anomalous")
            return f"{name} opened after {seen}: {incident.pattern}, {grave}."
        case TransitionKind.UPDATED:
            new = ", ".join(s.name for s in incident.patterns if s.first_seen == at)
            return f"{name} now includes {new}; its severity remains {incident.severity}."
        case TransitionKind.ESCALATED:
            return f"{name} escalated to {grave} after {lasted}: {incident.pattern}."
        case TransitionKind.RECOVERING:
            left = _windows(settings.grace_cycles - incident.missed, "more normal")
            return f"{name} is recovering: {incident.pattern}, {grave}; it closes after {left}."
        case TransitionKind.RELAPSED:
            return f"{name} relapsed before it closed: {_now(incident)}."
        case TransitionKind.REOPENED:
            within = span_text(settings.reopen_seconds)
            return (
                f"{name} reopened within {within} of closing: {_now(incident)}; "
                f"its worst severity so far is {incident.severity}."
            )
        case _:
            return f"{name} closed {closing_text(incident, settings)}"


def closing_text(incident: Incident, settings: IncidentSettings) -> str:
    """Why a closed incident is over, and how long it lasted; to follow the word `closed`."""
    lasted = span_text(incident.duration_seconds(settings.step_seconds))
    span = f"it lasted {lasted}, with {_windows(incident.occurrences, 'anomalous')} in all."
    match incident.resolution:
        case Resolution.STALE:
            quiet = span_text(settings.separation_seconds)
            return (
                f"as stale: no anomalous window for more than {quiet}, and too few normal ones to "
                f"resolve it; {span}"
            )
        case Resolution.RUN_ENDED:
            return f"because its training run is over, without being resolved; {span}"
        case Resolution.EXPECTED | Resolution.FALSE_POSITIVE:
            return f"because it was marked {incident.resolution}; {span}"
        case _:
            count = settings.grace_cycles
            calm = "1 normal window" if count == 1 else f"{count} normal windows in a row"
            return f"as resolved after {calm}; {span}"


def _now(incident: Incident) -> str:
    """The newest window's pattern and severity: the worst may be long over."""
    newest = (s.name for s in incident.patterns if s.last_seen == incident.last_seen)
    return f"{next(newest, incident.pattern)}, severity {incident.current_severity}"


def _windows(count: int, kind: str) -> str:
    return f"1 {kind} window" if count == 1 else f"{count} {kind} windows"
