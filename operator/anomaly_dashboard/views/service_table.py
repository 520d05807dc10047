"""Services as a table, worst first, a page at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from anomaly_dashboard.views.filters import STATES, Filter
from anomaly_dashboard.watched.rows import ServiceRow

PAGE = 50
_HEADS = (
    ("severity", "Severity", ""),
    ("name", "Service", ""),
    ("state", "State", ""),
    ("slo", "SLO", "wide"),
    ("budget", "Budget left", "wide number"),
    ("", "Owner", "wide"),
    ("scored", "Scored", ""),
    ("", "What", ""),
)
_STATE_ORDER = {state: place for place, state in enumerate(STATES)}


@dataclass(frozen=True, slots=True)
class Head:
    """`query`: of the address that sorts by it, None where it does not sort; `sorted`: the value
    of aria-sort, empty for the others; `kind`: its classes."""

    label: str
    query: dict[str, str] | None
    sorted: str
    kind: str


@dataclass(frozen=True, slots=True)
class ServiceTable:
    """`rows` of one page; `first` counts from 1; `before` and `after`: of the addresses of the
    pages beside it, None where there is none."""

    heads: tuple[Head, ...]
    rows: tuple[ServiceRow, ...]
    total: int
    first: int
    before: dict[str, str] | None
    after: dict[str, str] | None


def service_table(rows: Sequence[ServiceRow], chosen: Filter) -> ServiceTable:
    """Of the wanted services; a page beyond the last is the last."""
    ordered = sorted(rows, key=_ORDERS[chosen.sort], reverse=chosen.down)
    pages = max((len(ordered) + PAGE - 1) // PAGE, 1)
    page = min(chosen.page, pages)
    begin = (page - 1) * PAGE
    return ServiceTable(
        tuple(_head(key, label, kind, chosen) for key, label, kind in _HEADS),
        tuple(ordered[begin : begin + PAGE]),
        len(ordered),
        begin + 1 if ordered else 0,
        chosen.query(page=page - 1) if page > 1 else None,
        chosen.query(page=page + 1) if page < pages else None,
    )


def _head(key: str, label: str, kind: str, chosen: Filter) -> Head:
    if not key:
        return Head(label, None, "", kind)
    mine = key == chosen.sort
    down = mine and not chosen.down
    # "severity" begins with the most severe, which is a descending order.
    falls = chosen.down != (key in {"severity", "slo"})
    direction = ("descending" if falls else "ascending") if mine else ""
    return Head(label, chosen.query(sort=key, down=down), direction, kind)


def _by_severity(row: ServiceRow) -> tuple[Any, ...]:
    return -row.severity.rank, -row.open, -row.slo.rank, _state(row), row.place


def _state(row: ServiceRow) -> int:
    return _STATE_ORDER.get(row.state, len(STATES))


def _budget(row: ServiceRow) -> float:
    try:
        return float(row.budget.rstrip("%"))
    except ValueError:
        return float("inf")


_ORDERS: dict[str, Callable[[ServiceRow], tuple[Any, ...]]] = {
    "severity": _by_severity,
    "name": lambda row: (row.name, row.namespace),
    "state": lambda row: (_state(row), *_by_severity(row)),
    "slo": lambda row: (-row.slo.rank, *_by_severity(row)),
    "budget": lambda row: (_budget(row), *_by_severity(row)),
    "scored": lambda row: (row.scored, row.place),
}
