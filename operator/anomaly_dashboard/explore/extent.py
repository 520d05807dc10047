"""How much of the past a trial reads, and from which window on it judges. Pure.

The bounds: 14 days that are judged, 30 days that are learned from before them, and so many windows
of a metric in all. What does not fit shortens what is learned from, and that is said.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from anomaly_dashboard.series.span import MAX_QUERIED, Span
from anomaly_operator.api.durations import format_seconds
from detector_runtime.series.frame import Frame

DAY = 86_400
MAX_DAYS = 14
MAX_LOOKBACK = 30 * DAY
MAX_WINDOWS = 200_000
MAX_CELLS = 2_000_000
"""Windows times metrics: 16 MB of values, which some results are kept with."""


class NothingToTryError(Exception):
    """There are no windows to judge. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Extent:
    """The windows to read, and how many of the last of them to judge; `note` if the lookback is
    shorter than the service's."""

    span: Span
    judged: int
    note: str = ""


def extent_of(
    days: int, lookback: int, step: int, delay: int, now: float, *, metrics: int = 1
) -> Extent:
    """The last `days` of windows of `step` seconds, which are complete `delay` seconds after their
    end, with `lookback` seconds before them. Raises ValueError for days out of range."""
    if not 1 <= days <= MAX_DAYS:
        raise ValueError(f"days is {days}; give 1 to {MAX_DAYS}")
    judged = days * DAY // step
    windows = min(MAX_WINDOWS, MAX_CELLS // max(metrics, 1))
    room = (windows - judged) * step
    before = max(min(lookback, MAX_LOOKBACK, room), 0) // step
    end = int(now - delay) // step * step
    note = ""
    if before * step < lookback // step * step:
        note = (
            f"learned from the {format_seconds(before * step)} before, not from "
            f"spec.training.lookback, {format_seconds(lookback)}: a trial reads at most "
            f"{format_seconds(MAX_LOOKBACK)} and {windows} windows of a metric"
        )
    return Extent(Span(end - (judged + before) * step, end, step), judged, note)


def pieces(span: Span) -> Iterator[Span]:
    """The span as range queries that a Prometheus answers."""
    width = MAX_QUERIED * span.step
    for start in range(span.start, span.end, width):
        yield Span(start, min(start + width, span.end), span.step)


def begun(frame: Frame, judged: int, name: str) -> tuple[Frame, int, str]:
    """`frame` from its first window with a value on, the row from which it is judged, and a note
    where that leaves too little to learn from. Raises NothingToTryError.

    A quarter is learned from at least, as a backtest does that is not told otherwise.
    """
    rows = np.flatnonzero(np.isfinite(frame.values).any(axis=1))
    if not len(rows):
        raise NothingToTryError(
            f"no metric of {name} has a value in these days; check its queries and spec.source.name"
        )
    begun_at = frame.rows(int(rows[0]))
    windows = len(begun_at)
    warmup = max(windows - judged, windows // 4)
    if warmup < 1 or warmup >= windows:
        raise NothingToTryError(
            f"the metrics of {name} have {windows} windows with values, too few to try anything on"
        )
    if warmup == windows - judged:
        return begun_at, warmup, ""
    known = format_seconds(windows * frame.step)
    note = f"the source has {known} of values; the first quarter is learned from"
    return begun_at, warmup, note
