"""Past incidents that may tell what this one is, and how it was ended.

The same pattern of the same service first, then the same pattern elsewhere in the namespace; the
newest of each first. Nothing is compared but these two facts, which the page says.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from anomaly_cli.cluster_reading import incident
from anomaly_dashboard.watched.rows import IncidentRow
from anomaly_dashboard.watched.sight import Sight

MAX_SIMILAR = 10


@dataclass(frozen=True, slots=True)
class Past:
    """`same_service`: the other reason is the pattern alone. `note`: what people wrote of its cause
    and remedy, else the comment of the feedback."""

    row: IncidentRow
    same_service: bool
    note: str
    by: str

    @property
    def lasted(self) -> int:
        """Seconds, 0 = not known."""
        end = self.row.closed_at or self.row.last_seen
        return max(end - self.row.since, 0) if self.row.since and end else 0


def similar(sight: Sight, here: IncidentRow) -> tuple[Past, ...]:
    """At most MAX_SIMILAR."""
    found = (
        row
        for row in sight.incidents()
        if row.namespace == here.namespace
        and row.name != here.name
        and row.pattern == here.pattern
        and row.pattern
        and not row.running
    )
    return tuple(_past(sight, row, here) for row in _best(found, here))


def _best(rows: Iterable[IncidentRow], here: IncidentRow) -> list[IncidentRow]:
    order = sorted(rows, key=lambda row: (row.service != here.service, -row.since, row.name))
    return order[:MAX_SIMILAR]


def _past(sight: Sight, row: IncidentRow, here: IncidentRow) -> Past:
    raw = sight.incident(*row.place)
    one = incident(raw) if raw else None
    said = (one.note or one.feedback) if one else None
    return Past(
        row,
        row.service == here.service,
        said.comment if said else "",
        said.by if said else "",
    )
