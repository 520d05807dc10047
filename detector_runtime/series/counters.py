"""Which series are counters: `type: Auto` reads one as a counter only where it is sure.

A counter only rises, and begins again near zero when its process restarts. A gauge that is emptied
falls as well, but to a level above zero, at the same hours or at the same height. Where both are
possible it is a gauge, because a gauge read as a counter hides its level.
"""

from __future__ import annotations

import re

import numpy as np

from detector_runtime.series.frame import Floats, Ints

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
DAY = 86_400
_NAMED = re.compile(r"_total\b")
_DERIVED = re.compile(
    r"\b(rate|irate|increase|delta|idelta|deriv|resets|changes|predict_linear|\w+_over_time)\s*\("
    r"|[-/%]\s|[<>=!]=?\s*\d"
)


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
    falls, rises = np.flatnonzero(change < 0), np.flatnonzero(change > 0)
    if present.min() < 0 or len(falls) > MAX_FALLS * len(change):
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
    by_limit = bool((after > usual * windows).any()) and _same_height(present[falls])
    return not by_limit and not _by_schedule(at[falls + 1] * step)


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


def _by_schedule(moments: Ints) -> bool:
    """Whether it falls at the same hour, at most once a day (`moments` in seconds)."""
    if len(moments) < REGULAR_FALLS or (np.diff(moments) < DAY / 2).any():
        return False
    angle = np.exp(2j * np.pi * (moments % DAY) / DAY)
    return 1 - float(np.abs(angle.mean())) < SAME / 2
