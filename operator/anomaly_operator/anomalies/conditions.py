"""The conditions Resolved and Acknowledged of an Anomaly: how it stands, and who has seen it.

The texts have no figure that changes with each window: that would cost a write with each.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from anomaly_operator.api.conditions import Condition, Truth
from anomaly_operator.api.names import ConditionType
from anomaly_operator.api.reasons import AnomalyReason
from anomaly_operator.api.text import sentence, to_text
from anomaly_operator.incidents.state import (
    Incident,
    IncidentPhase,
    IncidentSettings,
    Resolution,
)
from anomaly_operator.incidents.transitions import closing_text


def resolved(incident: Incident, settings: IncidentSettings, suspended: bool) -> Condition:
    kind, grace = ConditionType.RESOLVED, settings.grace_cycles
    if incident.phase is IncidentPhase.CLOSED:
        text = f"Closed {closing_text(incident, settings)}"
        return Condition(kind, Truth.TRUE, incident.resolution or Resolution.RESOLVED, text)
    if suspended:
        text = "Detection is suspended; the incident stays open until scoring resumes."
        return Condition(kind, Truth.FALSE, AnomalyReason.SUSPENDED, text)
    if incident.phase is IncidentPhase.RECOVERING:
        # Without the count of windows so far: it would cost a write with each of them.
        text = f"Recovering; closes after {normal_windows(grace)}."
        return Condition(kind, Truth.FALSE, AnomalyReason.RECOVERING, text)
    # `lastSeen` is written with each anomalous window in any case.
    text = f"Still anomalous at {to_text(incident.last_seen)}, the last evaluated window."
    return Condition(kind, Truth.FALSE, AnomalyReason.OPEN, text)


def normal_windows(count: int) -> str:
    return "1 normal window" if count == 1 else f"{count} normal windows in a row"


def acknowledged(spec: Mapping[str, Any]) -> Condition:
    """Feedback and a resolution note count as well: whoever writes them has seen the incident."""
    kind = ConditionType.ACKNOWLEDGED
    feedback, acknowledgement = spec.get("feedback"), spec.get("acknowledgement")
    if feedback:
        verdict = str(feedback["verdict"])
        until = f" Valid until {feedback['until']}." if feedback.get("until") else ""
        return Condition(kind, Truth.TRUE, verdict, _says(f"Marked {verdict}", feedback) + until)
    if acknowledgement:
        text = _says("Acknowledged", acknowledgement)
        return Condition(kind, Truth.TRUE, AnomalyReason.ACKNOWLEDGED, text)
    if resolution := spec.get("resolution"):
        text = _says("Resolution noted", {"by": resolution.get("by")})
        return Condition(kind, Truth.TRUE, AnomalyReason.ACKNOWLEDGED, text)
    text = "Not acknowledged; set `spec.acknowledgement.by`."
    return Condition(kind, Truth.FALSE, AnomalyReason.NOT_ACKNOWLEDGED, text)


def _says(what: str, statement: Mapping[str, Any]) -> str:
    by, comment = statement.get("by"), statement.get("comment")
    return sentence(f"{what}{f' by {by}' if by else ''}{f': {comment}' if comment else ''}")
