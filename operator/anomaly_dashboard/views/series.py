"""The series of a service as a chart reads them; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from anomaly_dashboard.explore.tried import Incident
from anomaly_dashboard.series.curves import Curves, document
from anomaly_dashboard.series.span import Span
from anomaly_dashboard.watched.rows import IncidentRow
from anomaly_operator.api.text import sentence

Json = dict[str, Any]


def series_document(
    curves: Curves,
    units: Sequence[str],
    incidents: Sequence[Json],
    notes: Sequence[str],
    *,
    pending: bool = False,
) -> Json:
    """`pending`: a usual range is being computed, so it is worth asking again soon."""
    return {
        **document(curves, units),
        "incidents": list(incidents),
        "notes": [sentence(note) for note in notes],
        "pending": pending,
    }


def running_in(rows: Iterable[IncidentRow], service: tuple[str, str], span: Span) -> list[Json]:
    """The incidents of a service that fall into `span`; a running one lasts to its end."""
    found = [
        (row.since, span.end if row.running else row.closed_at, row)
        for row in rows
        if (row.namespace, row.service) == service and row.since
    ]
    return [
        {"from": since, "to": until, "severity": row.severity.value, "name": row.name}
        for since, until, row in sorted(found, key=lambda one: one[0])
        if since < span.end and until > span.start
    ]


def tried_in(incidents: Iterable[Incident]) -> list[Json]:
    """The incidents of a trial."""
    return [
        {"from": one.start, "to": one.end, "severity": one.severity.value, "name": one.pattern}
        for one in incidents
    ]
