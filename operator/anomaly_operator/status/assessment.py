"""The service in one line, for whoever reads `kubectl describe` from the top.

`describe` prints the fields of the status by name, and this one's comes first. It repeats what
other fields say and decides nothing.
"""

from __future__ import annotations

from anomaly_operator.api.conditions import MAX_MESSAGE
from anomaly_operator.api.resources import ANOMALY
from anomaly_operator.api.text import to_text
from anomaly_operator.incidents.state import IncidentState
from anomaly_operator.status.readiness import State
from detector_runtime.contract.vocabulary import SLOStatus


def assessment(state: State, slo: SLOStatus, incidents: IncidentState | None, summary: str) -> str:
    """State, severity and SLO status, the incident with its time, and `summary`."""
    running = incidents.running if incidents else None
    judged = "" if slo is SLOStatus.UNKNOWN else f", SLO {slo}"
    if running is None or not running.confirmed:
        return f"{state}{judged}: {summary}"[:MAX_MESSAGE]
    head = f"{state}, {running.severity}{judged}, since {to_text(running.opened)}"
    text = f"{head}: {summary} See {ANOMALY.kind} {running.anomaly}."
    return text[:MAX_MESSAGE]
