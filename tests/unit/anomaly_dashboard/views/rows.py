"""Rows of services and incidents for tests of views; all but the names has a default."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from anomaly_dashboard.watched.reading import incident_row, service_row
from anomaly_dashboard.watched.rows import IncidentRow, ServiceRow
from detector_runtime.contract.vocabulary import Severity

NOW = 1_790_000_000
HOUR = 3_600


def a_service(name: str, namespace: str = "shop", **fields: Any) -> ServiceRow:
    """Healthy and just scored."""
    row = service_row({"metadata": {"name": name, "namespace": namespace}})
    usual = {"state": "Healthy", "scored": NOW - 60, "step": 60, "created": NOW - 30 * 24 * HOUR}
    return replace(row, **{**usual, **fields})


def an_incident(service: str, namespace: str = "shop", **fields: Any) -> IncidentRow:
    """Open, High, begun ten minutes ago; its name is that of the service with `-1`."""
    row = incident_row({
        "metadata": {"name": f"{service}-1", "namespace": namespace},
        "spec": {"serviceRef": {"name": service}},
        "status": {"state": "Open"},
    })  # fmt: skip
    since = fields.get("since", NOW - 600)
    usual = {"severity": Severity.HIGH, "since": since, "first_seen": since, "last_seen": NOW - 60}
    return replace(row, **{**usual, **fields})
