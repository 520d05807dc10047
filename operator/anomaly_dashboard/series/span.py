"""Which windows a chart of the last hours shows, and how densely they are asked for. Pure."""

from __future__ import annotations

from dataclasses import dataclass

HOUR = 3_600
MAX_HOURS = 14 * 24
DEFAULT_HOURS = 6
MAX_QUERIED = 11_000
"""Points of one range query: what Prometheus answers at most, so that a metric is one query."""


@dataclass(frozen=True, slots=True)
class Span:
    """The windows that end after `start` and no later than `end` (unix seconds), one every `step`
    seconds."""

    start: int
    end: int
    step: int

    @property
    def points(self) -> int:
        return (self.end - self.start) // self.step


def span_of(hours: int, step: int, delay: int, now: float) -> Span:
    """The last `hours` of a service whose windows have `step` seconds and are complete `delay`
    seconds after their end. The step is a multiple of the service's where its own gives too many
    points. Raises ValueError for hours out of range."""
    if not 1 <= hours <= MAX_HOURS:
        raise ValueError(f"hours is {hours}; give 1 to {MAX_HOURS}")
    seconds = hours * HOUR
    wide = step * max(-(-seconds // (step * MAX_QUERIED)), 1)
    end = int(now - delay) // wide * wide
    return Span(end - seconds // wide * wide, end, wide)
