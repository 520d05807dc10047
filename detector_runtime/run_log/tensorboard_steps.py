"""The events of a TensorBoard file, gathered by step.

Writers log each scalar as an event of its own, one after the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from detector_runtime.run_log.source import BadLine
from detector_runtime.run_log.tensorboard_records import (
    Event,
    FramingError,
    Record,
    event,
    records,
)

MAX_TAGS = 1000
UNREADABLE = -1
"""The offset behind the end of what can be read of a damaged file."""


@dataclass(slots=True)
class Step:
    """The scalars of one step, at the time of the first of them. `end`: where the last of them
    ends in the file, with what has no scalar behind it. `closed`: the file goes on with something
    else."""

    step: int
    time: float
    end: int
    values: dict[str, float] = field(default_factory=dict)
    closed: bool = True

    def takes(self, one: Event) -> bool:
        """Whether the event belongs to this step. A tag that comes again does not: a trainer has
        gone back."""
        return one.step == self.step and self.values.keys().isdisjoint(dict(one.scalars))

    def add(self, one: Event, end: int) -> None:
        self.values.update(one.scalars[: MAX_TAGS - len(self.values)])
        self.end = end


@dataclass(frozen=True, slots=True)
class Passed:
    """Records without a scalar, or one that cannot be used; reading goes on at `end`."""

    end: int
    line: BadLine | None = None


def gathered(stream: BinaryIO, name: str, offset: int, size: int) -> Iterator[Step | Passed]:
    """The steps from `offset` on, and what lies between; `size`: where the file ends."""
    waiting: Step | None = None
    broken = ""
    try:
        for record in records(stream, offset, size):
            found = _found(record)
            if isinstance(found, Event):
                if not found.scalars:
                    if waiting is None:
                        yield Passed(record.end)
                    else:
                        waiting.end = record.end
                    continue
                if waiting is None or not waiting.takes(found):
                    if waiting is not None:
                        yield waiting
                    waiting = Step(found.step, found.time, record.end)
                waiting.add(found, record.end)
            else:
                if waiting is not None:
                    yield waiting
                waiting = None
                where = f"record at byte {record.start} of {name}"
                yield Passed(record.end, BadLine(where, found))
    except FramingError as error:
        broken = str(error)
    if waiting is not None:
        waiting.closed = bool(broken)
        yield waiting
    if broken:
        yield Passed(UNREADABLE, BadLine(name, f"is damaged: {broken}; its rest is not read"))


def _found(record: Record) -> Event | str:
    """The event, or what is wrong."""
    if not record.valid:
        return "has a wrong checksum"
    if record.data is None:
        return Event(0, 0.0, ())
    try:
        return event(record.data)
    except ValueError as error:
        return str(error)
