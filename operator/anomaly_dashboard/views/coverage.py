"""What is not known of the fleet: services that nobody scores, and an operator that is silent.

That nothing is wrong can be said only of what was looked at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from anomaly_dashboard.views.filters import Filter
from anomaly_dashboard.watched.rows import ServiceRow

_LATE_STEPS = 5
_LATE_SECONDS = 900
"""A result is late after five windows, and not before a quarter of an hour."""
_SOON = 300
"""Seconds in which a new service is taken up."""


@dataclass(frozen=True, slots=True)
class Note:
    """`query`: of the address that shows which ones; `grave`: somebody has to act."""

    text: str
    query: dict[str, str]
    grave: bool = False


_SILENT = Note(
    "No service has a recent result. Check the operator and the scoring pods.",
    Filter(sort="scored").query(),
    grave=True,
)


@dataclass(frozen=True, slots=True)
class Coverage:
    """`scored`: services with a recent result, the oldest from `oldest` (unix seconds)."""

    total: int
    scored: int
    oldest: int
    notes: tuple[Note, ...]

    @property
    def grave(self) -> tuple[Note, ...]:
        return tuple(note for note in self.notes if note.grave)

    @property
    def other(self) -> tuple[Note, ...]:
        return tuple(note for note in self.notes if not note.grave)


def coverage(services: Sequence[ServiceRow], now: int) -> Coverage:
    """Of all services that the caller sees, whatever the filter."""
    current, late = list[ServiceRow](), list[ServiceRow]()
    for row in services:
        if row.scored and not _late(row, now):
            current.append(row)
        elif row.scored and row.state != "Suspended":
            late.append(row)
    by_state = Counter(row.state for row in services)
    waiting = sum(row.observed < row.generation and now - row.created > _SOON for row in services)
    notes = [
        _SILENT if late and not current else _note(
            len(late), "No recent result for", "", Filter(sort="scored"), grave=True
        ),
        _note(waiting, "The operator has not taken up the newest spec of", "Check that it runs.",
              Filter(), grave=True),
        _note(by_state["Degraded"], "Detection does not work for", "", Filter(state="Degraded"),
              grave=True),
        _note(by_state["Pending"], "Not set up yet:", "", Filter(state="Pending")),
        _note(by_state["Learning"], "Still learning:", "", Filter(state="Learning")),
        _note(by_state["Suspended"], "Suspended:", "", Filter(state="Suspended")),
    ]  # fmt: skip
    oldest = min((row.scored for row in current), default=0)
    return Coverage(len(services), len(current), oldest, tuple(note for note in notes if note))


def plural(count: int, word: str) -> str:
    """A count with its noun."""
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"


def _late(row: ServiceRow, now: int) -> bool:
    return now - row.scored > max(_LATE_STEPS * row.step, _LATE_SECONDS)


def _note(count: int, text: str, step: str, chosen: Filter, *, grave: bool = False) -> Note | None:
    if not count:
        return None
    said = f"{text} {plural(count, 'service')}."
    return Note(f"{said} {step}".strip(), chosen.query(), grave)
