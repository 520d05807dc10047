"""Rows of the store as one line each, so that a test says only what it is about."""

from __future__ import annotations

from anomaly_dashboard.watched import reading
from anomaly_dashboard.watched.rows import IncidentRow, Place, ServiceRow
from anomaly_operator.api.text import to_text
from detector_runtime.contract.vocabulary import Severity

NAMESPACE = "shop"


def service_row(
    name: str,
    *below: str,
    severity: Severity = Severity.NONE,
    namespace: str = NAMESPACE,
    beyond: tuple[Place, ...] = (),
) -> ServiceRow:
    """`below`: names of the same namespace that it depends on; `beyond`: places elsewhere."""
    places = (*((namespace, one) for one in below), *beyond)
    raw = {
        "metadata": {"name": name, "namespace": namespace, "uid": name},
        "spec": {"dependsOn": [{"namespace": place[0], "name": place[1]} for place in places]},
        "status": {
            "state": "Anomalous" if severity.rank else "Healthy",
            "severity": severity.value,
            "incidents": {"open": int(bool(severity.rank))},
        },
    }
    return reading.service_row(raw)


def incident_row(
    service: str,
    *,
    namespace: str = NAMESPACE,
    root: Place = ("", ""),
    state: str = "Open",
    priority: int = 60,
    deadline: int = 0,
    missed: bool = False,
    acknowledged_by: str = "",
    verdict: str = "",
    closed_at: int = 0,
    owner: str = "",
) -> IncidentRow:
    spec = {
        "serviceRef": {"name": service},
        "openingPattern": "latency_spike",
        "firstSeen": to_text(1_789_999_000),
    }
    if acknowledged_by:
        spec["acknowledgement"] = {"by": acknowledged_by}
    if verdict:
        spec["feedback"] = {"verdict": verdict}
    said = {"value": priority, "tier": "P2", "owner": owner, "missed": missed}
    if deadline:
        said["deadline"] = to_text(deadline)
    status = {
        "state": state,
        "severity": "High",
        "lastSeen": to_text(1_789_999_900),
        "priority": said,
    }
    if closed_at:
        status["closedAt"] = to_text(closed_at)
    if root[1]:
        status["rootCause"] = {"namespace": root[0], "service": root[1]}
    metadata = {"name": f"{service}-1", "namespace": namespace}
    return reading.incident_row({"metadata": metadata, "spec": spec, "status": status})
