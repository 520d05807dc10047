"""Which series are counters: `type: Auto` reads one as a counter only where it is sure.

A counter only rises, and begins again near zero when its process restarts. A gauge that is emptied
falls as well, but to a level above zero, at the same hours or at the same height. Where both are
possible it is a gauge, because a gauge read as a counter hides its level. What role or unit say is
a level (saturation, latency, a share) is a gauge. An age (uptime, seconds since a start) is read as
a counter: it rises by the clock, so its level says nothing.
"""

from __future__ import annotations

import re

import numpy as np

from detector_runtime.contract.run_config import MetricSpec
from detector_runtime.contract.vocabulary import MetricType, Role, Unit
from detector_runtime.series.frame import Bools, Floats, Ints

MIN_VALUES = 50
MIN_RISES = 3
PARTS, MIN_PARTS = 10, 3
"""A counter that seldom moves must have risen in so many tenths of the history: a level that only
moved lately may be a fault."""
BUSY = 0.2
"""Share of windows with a rise below which only whole numbers are taken for a count."""
MAX_FALLS = 0.025
"""Share of windows in which a counter may fall: a restart every two days by the hour."""
MAX_RESETS = 0.5
"""Falls for each rise: what is back at zero after each step counts nothing, it is a spike."""
NEAR_ZERO = 2.0
"""Usual increments within which a counter stands after a reset, for each window since its last
value."""
REGULAR_FALLS = 3
SAME = 0.1
"""Falls at heights that differ by no more than this share, or at hours that differ about as little,
come from a limit or a schedule: rotation, not restarts."""
DAILY = 0.7
"""Share of the falls with another one a day before or after from which on they follow a schedule of
several times a day."""
MAX_APART = 3600
"""Seconds by which such a fall may be early or late."""
CLOCK_RATES = (1.0, 1e3, 1 / 60, 1 / 3600, 1 / 86_400)
"""What an age rises by each second: in seconds, milliseconds, minutes, hours, days."""
BY_THE_CLOCK = 0.95
"""Share of an age's rises that are the time that has passed, and at least half of its windows."""
DAY = 86_400
_LEVELS = frozenset({Role.SATURATION, Role.LATENCY, Role.DEPENDENCY_LATENCY, Role.DATABASE_LATENCY})
_SHARES = frozenset({Unit.RATIO, Unit.PERCENT})
_NAMED = re.compile(r"_total\b")
_DERIVED = re.compile(
    r"\b(rate|irate|increase|delta|idelta|deriv|resets|changes|predict_linear|\w+_over_time)\s*\("
    r"|[-/%]\s|[<>=!]=?\s*\d"
)


def reads_as_counter(metric: MetricSpec, values: Floats, step: int) -> bool:
    """Whether `values` (n,) of a metric are read as their increase per window."""
    if metric.type is not MetricType.AUTO:
        return metric.type is MetricType.COUNTER
    named = named_as_counter(metric.query)
    if not named and (metric.role in _LEVELS or metric.unit in _SHARES):
        return False
    return looks_like_counter(values, step, named=named)


def named_as_counter(query: str) -> bool:
    """Whether a query asks for raw counters by their name: OpenMetrics has it end in `_total`."""
    text = re.sub(r"\{[^}]*\}", "", query)
    return bool(_NAMED.search(text)) and not _DERIVED.search(text)


def looks_like_counter(values: Floats, step: int = 0, *, named: bool = False) -> bool:
    """Whether `values` (n,), one each `step` seconds (0: not known), are surely a counter; NaN left
    out. `named`: its name says so, and then the values must only not contradict it."""
    at = np.flatnonzero(np.isfinite(values))
    present = values[at]
    if len(present) < MIN_VALUES:
        return named and bool((present >= 0).all())
    change = np.diff(present)
    if _is_age(present, change, np.diff(at) * step):
        return True
    falls, rises = np.flatnonzero(change < 0), np.flatnonzero(change > 0)
    if present.min() < 0 or (not named and len(falls) > MAX_FALLS * len(change)):
        return False
    if len(rises) == 0:
        return named and len(falls) == 0
    if not named and not _rises_throughout(present, change, rises):
        return False
    if len(falls) == 0:
        return True
    if len(falls) > MAX_RESETS * len(rises):
        return False
    usual = float(np.percentile(change[rises], 95))
    windows = np.diff(at)[falls]
    after = present[falls + 1]
    if (after > NEAR_ZERO * usual * windows).any() or (after > 0.5 * present[falls]).any():
        return False
    if named:
        return True
    higher = bool((after > usual * windows).any())
    by_limit = _same_height(present[falls]) and (higher or _height_decides(present[falls], falls))
    return not by_limit and not _by_schedule(at[falls + 1] * step)


def _is_age(present: Floats, change: Floats, seconds: Ints) -> bool:
    """Whether a series rises by the time that passes, whatever its falls; `seconds` (n - 1,)."""
    rises = change > 0
    if not seconds.any() or present.min() < 0 or rises.sum() < len(change) / 2:
        return False
    rates: Floats = change[rises] / seconds[rises]
    steady: list[Bools] = [np.abs(rates - rate) <= 0.01 * rate for rate in CLOCK_RATES]
    return any(float(found.mean()) >= BY_THE_CLOCK for found in steady)


def _rises_throughout(present: Floats, change: Floats, rises: Ints) -> bool:
    """Enough rises, all over the history; whole numbers where they are few."""
    if len(rises) < MIN_RISES:
        return False
    if len(np.unique(rises * PARTS // len(change))) < MIN_PARTS:
        return False
    return len(rises) >= BUSY * len(change) or bool((present == np.floor(present)).all())


def _same_height(heights: Floats) -> bool:
    """Whether a series falls at a limit."""
    few = len(heights) < REGULAR_FALLS
    return not few and float(np.ptp(heights)) <= SAME * float(heights.max())


def _height_decides(heights: Floats, falls: Ints) -> bool:
    """Whether the heights before the falls differ less than the times between them: a log is
    rotated at its size, a process that is restarted by the clock counts more or less by then."""
    lives = np.diff(falls)
    return float(heights.std() / heights.mean()) < float(lives.std() / lives.mean()) / 2


def _by_schedule(moments: Ints) -> bool:
    """Whether it falls at the same hours of the day or, at most once a day, at the same hour
    (`moments` in seconds)."""
    if len(moments) < REGULAR_FALLS or not moments.any():
        return False
    apart = np.diff(moments)
    near = min(MAX_APART, SAME * float(np.median(apart)))
    again = _any_near(moments, moments + DAY, near) | _any_near(moments, moments - DAY, near)
    if float(again.mean()) >= DAILY:
        return True
    if (apart < DAY / 2).any():
        return False
    angle = np.exp(2j * np.pi * (moments % DAY) / DAY)
    return 1 - float(np.abs(angle.mean())) < SAME / 2


def _any_near(moments: Ints, wanted: Ints, near: float) -> Bools:
    """(k,): whether one of `moments`, rising, is at most `near` from each of `wanted` (k,)."""
    found: Bools = np.searchsorted(moments, wanted - near) < np.searchsorted(
        moments, wanted + near, side="right"
    )
    return found
