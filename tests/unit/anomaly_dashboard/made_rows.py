"""Rows of the store as one line each, so that a test says only what it is about."""

from __future__ import annotations

from anomaly_dashboard.watched.rows import IncidentRow, Place, ServiceRow
from detector_runtime.contract.vocabulary import Severity, SLOStatus

NAMESPACE = "shop"


def service_row(
    name: str,
    *below: str,
    severity: Severity = Severity.NONE,
    namespace: str = NAMESPACE,
    beyond: tuple[Place, ...] = (),
) -> ServiceRow:
    """`below`: names of the same namespace that it depends on; `beyond`: places elsewhere."""
    return ServiceRow(
        namespace=namespace,
        name=name,
        uid=name,
        generation=1,
        category="Standard",
        owner="",
        state="Anomalous" if severity.rank else "Healthy",
        severity=severity,
        slo=SLOStatus.OK,
        summary="",
        open=int(bool(severity.rank)),
        budget="",
        scored=0,
        ready="True",
        trouble="",
        run=False,
        next_training=0,
        depends_on=(*((namespace, one) for one in below), *beyond),
    )


def incident_row(
    service: str,
    *,
    name: str = "",
    namespace: str = NAMESPACE,
    root: Place = ("", ""),
    state: str = "Open",
    severity: Severity = Severity.HIGH,
    priority: int = 60,
    deadline: int = 0,
    missed: bool = False,
    acknowledged_by: str = "",
    verdict: str = "",
    closed_at: int = 0,
    owner: str = "",
) -> IncidentRow:
    return IncidentRow(
        namespace=namespace,
        name=name or f"{service}-1",
        service=service,
        state=state,
        severity=severity,
        pattern="latency_spike",
        slo=SLOStatus.BREACHED,
        summary="p99 is 2.1 s, usual is 0.2 s",
        since=1_789_999_000,
        last_seen=1_789_999_900,
        closed_at=closed_at,
        root=root,
        root_anomaly="",
        symptom_of="",
        symptoms=0,
        tier="P2",
        priority=priority,
        owner=owner,
        next_step="Look at the database",
        deadline=deadline,
        missed=missed,
        acknowledged_by=acknowledged_by,
        verdict=verdict,
        occurrences=1,
    )
