"""What happened in the last hours, newest first."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from anomaly_dashboard.watched.rows import Edge, IncidentRow

HOURS = 6
_SHOWN = 15
_DULL = frozenset({"Regrouped", "Notified", "Earlier"})
"""Edges that tell a reader of the first page nothing."""
_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_FOLDED = re.compile(r"^\d+ earlier events$")


@dataclass(frozen=True, slots=True)
class Recent:
    """`what`: one word or two of an incident, or the words for a workload's change."""

    at: int
    what: str
    who: str
    incident: IncidentRow
    of_workload: bool = False


def recent(incidents: Iterable[IncidentRow], now: int) -> tuple[Recent, ...]:
    """Of the last 6 hours, at most 15."""
    since = now - HOURS * 3_600
    found = list[Recent]()
    for row in incidents:
        if max(row.last_seen, row.closed_at, row.since) < since and not row.running:
            continue
        for edge in row.edges or _without_history(row):
            told = edge.what not in _DULL and not _FOLDED.match(edge.what)
            if told and edge.at >= since:
                found.append(Recent(edge.at, _words(edge.what), edge.who, row))
        if row.change and row.change.at >= since and not row.symptom_of:
            found.append(Recent(row.change.at, row.change.what, "", row, of_workload=True))
    found.sort(key=lambda one: (-one.at, one.incident.place))
    return tuple(found[:_SHOWN])


def _without_history(row: IncidentRow) -> tuple[Edge, ...]:
    """Of an object that an older operator wrote."""
    closed = (Edge(row.closed_at, "Closed"),) if row.closed_at else ()
    return (Edge(row.since, "Opened"), *closed)


def _words(what: str) -> str:
    return _CAPITAL.sub(" ", what).lower()
