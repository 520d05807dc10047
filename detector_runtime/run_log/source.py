"""What every source of rows does, whatever it reads.

A source yields what came after a position, in the order of the log, and stops before the first row
that is not due yet: one whose time is at or after `until`. Its position says where the next run
goes on; it is plain JSON, because it is kept between runs, and what it means is the source's own
business. A row whose time lies in the future has a wrong clock and no time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from detector_runtime.training_run.rows import Row

Position = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that cannot be used; `where` names it: `line 12`, `record at byte 4096`."""

    where: str
    reason: str


class RowSource(Protocol):
    """One log. Raises RunError where it cannot be read at all."""

    def read(self, position: Position | None, until: float) -> Iterator[Row | BadLine]:
        """What came after `position` (None: from the beginning) and is due; `until` in unix
        seconds. Memory does not grow with the log."""
        ...

    def position(self) -> Position:
        """Behind the last row that `read` has yielded."""
        ...

    def notes(self) -> tuple[str, ...]:
        """What is odd about the log, one sentence each: rotated, truncated, two writers."""
        ...
