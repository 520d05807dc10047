"""How many windows one range query covers, and how it gets fewer when the source refuses.

Pure. A refused span is halved until it is a day, or, for a limit on points, until it is 100
windows; never below one window.
"""

from __future__ import annotations

from collections.abc import Iterator

from detector_runtime.contract.source_request import SourceLimits
from detector_runtime.sources.limits import LimitKind

MAX_POINTS = 11_000
"""Prometheus refuses a range query of more points per series."""
DAY = 86_400
_FEWEST_POINTS = 100


def most_windows(step: int, limits: SourceLimits | None) -> int:
    """Windows that one range query may cover at first."""
    points = limits.max_points if limits and limits.max_points else MAX_POINTS
    if limits and limits.max_range_seconds:
        points = min(points, limits.max_range_seconds // step + 1)
    return max(points, 1)


def fewer_windows(tried: int, step: int, kind: LimitKind) -> int | None:
    """What to ask for after a refusal of `tried` windows; None when no shorter span is sensible."""
    floor = max(DAY // step, 1)
    if kind is LimitKind.POINTS:
        floor = min(floor, _FEWEST_POINTS)
    return max(tried // 2, floor) if tried > floor else None


def chunks(start: int, end: int, step: int, windows: int = MAX_POINTS) -> Iterator[tuple[int, int]]:
    """(first, last) window end of each range query for the windows in (start, end]."""
    first = (start // step + 1) * step
    last = end // step * step
    width = (windows - 1) * step
    while first <= last:
        stop = min(first + width, last)
        yield first, stop
        first = stop + step


def length(windows: int, step: int) -> str:
    """A span in words: `1.5d`, `4h`, `90s`."""
    seconds = windows * step
    for unit, name in ((DAY, "d"), (3600, "h"), (60, "m")):
        if seconds >= unit:
            return f"{seconds / unit:.3g}{name}"
    return f"{seconds}s"
