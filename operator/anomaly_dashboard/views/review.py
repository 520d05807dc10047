"""The review queue: which incident a person takes next.

What runs is ordered by what is late: a missed deadline first, then what nobody has acknowledged, by
priority and deadline; of equals a root before its symptoms. What is over and was never judged
waits for a verdict, the newest first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from anomaly_dashboard.watched.rows import IncidentRow

PAGE = 50
OPEN, JUDGE = "open", "judge"


@dataclass(frozen=True, slots=True)
class ReviewFilter:
    """From the address. `queue`: `open` or `judge`; `unacknowledged`: only those; `page` from 1."""

    queue: str = OPEN
    namespace: str = ""
    owner: str = ""
    tier: str = ""
    search: str = ""
    unacknowledged: bool = False
    page: int = 1

    def takes(self, row: IncidentRow) -> bool:
        return (
            self.namespace in {"", row.namespace}
            and self.owner in {"", row.owner}
            and self.tier in {"", row.tier}
            and not (self.unacknowledged and row.acknowledged_by)
            and self.search.lower() in f"{row.namespace}/{row.service} {row.pattern}".lower()
        )


@dataclass(frozen=True, slots=True)
class Waiting:
    """An incident in the queue. `late`: its deadline passed without an acknowledgement."""

    row: IncidentRow
    late: bool


@dataclass(frozen=True, slots=True)
class ReviewView:
    """`pages`: how many there are; `missed`, `open`, `judge`: of all that the caller may read."""

    asked: ReviewFilter
    waiting: tuple[Waiting, ...]
    matching: int
    pages: int
    open: int
    judge: int
    missed: int
    namespaces: tuple[str, ...]
    owners: tuple[str, ...]
    tiers: tuple[str, ...]


def review(incidents: Iterable[IncidentRow], asked: ReviewFilter, now: int) -> ReviewView:
    """`incidents`: all that the caller may read; `now` in unix seconds."""
    rows = tuple(incidents)
    running = [row for row in rows if row.running]
    unjudged = [row for row in rows if not row.running and not row.verdict]
    queue = unjudged if asked.queue == JUDGE else running
    matching = [Waiting(row, late(row, now)) for row in queue if asked.takes(row)]
    matching.sort(key=_newest if asked.queue == JUDGE else _urgent)
    pages = max(-(-len(matching) // PAGE), 1)
    first = (min(max(asked.page, 1), pages) - 1) * PAGE
    return ReviewView(
        asked=asked,
        waiting=tuple(matching[first : first + PAGE]),
        matching=len(matching),
        pages=pages,
        open=len(running),
        judge=len(unjudged),
        missed=sum(late(row, now) for row in running),
        namespaces=_distinct(queue, "namespace"),
        owners=_distinct(queue, "owner"),
        tiers=_distinct(queue, "tier"),
    )


def late(row: IncidentRow, now: int) -> bool:
    """The operator says so once it has looked; until then the deadline itself does."""
    return row.running and (row.missed or (0 < row.deadline < now and not row.acknowledged_by))


def _urgent(one: Waiting) -> tuple[bool, bool, int, int, bool, int, int, str]:
    row = one.row
    return (
        not one.late,
        bool(row.acknowledged_by),
        -row.priority,
        -row.severity.rank,
        bool(row.symptom_of or row.root[1]),
        row.deadline or 2**62,
        -row.since,
        row.name,
    )


def _newest(one: Waiting) -> tuple[int, str]:
    return -one.row.closed_at, one.row.name


def _distinct(rows: Sequence[IncidentRow], field: str) -> tuple[str, ...]:
    return tuple(sorted({said for row in rows if (said := getattr(row, field))}))
