"""A level that moved a week ago and stayed: offered to a person as the new baseline.

Whether the old level or the new one is right, only a person knows. So the shift is said in one
line with what to write, and nothing is changed because of it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from detector_runtime.series import Floats, Frame
from detector_runtime.times import decimal, iso

DAY = 86_400
LASTING_DAYS = 7
MIN_DAYS_BEFORE = 7
FAR = 6.0
"""Robust standard deviations of the daily medians before; weekdays and weekends both count."""
RELATIVE = 0.2
"""And at least a fifth of the former level: a quiet metric has hardly any spread."""


def lasting_shift(frame: Frame, names: Sequence[str]) -> str:
    """One line for the metric that moved farthest at least seven days ago; empty when none did."""
    per_day = DAY // frame.step
    days = len(frame) // per_day if per_day else 0
    if days < LASTING_DAYS + MIN_DAYS_BEFORE:
        return ""
    cut = frame.values[len(frame) - days * per_day :].reshape(days, per_day, len(names))
    medians = _daily(cut)
    best, line = FAR, ""
    for column, name in enumerate(names):
        distance, start, before, after = _shift(medians[:, column])
        if distance > best:
            since = int(frame.times[len(frame) - (days - start) * per_day]) - frame.step
            best = distance
            line = (
                f"{name} has stood at {decimal(after, 3)} since {iso(since)}, before at "
                f"{decimal(before, 3)}; to take that as its new normal, put the time before "
                "into spec.training.exclude or shorten spec.training.lookback"
            )
    return line


def _daily(cut: Floats) -> Floats:
    """(days, m) medians, NaN for a day that is mostly missing."""
    enough = np.isfinite(cut).mean(axis=1) >= 0.5
    safe = np.where(enough[:, None, :], cut, 0.0)
    return np.where(enough, np.nanmedian(safe, axis=1), np.nan)


def _shift(medians: Floats) -> tuple[float, int, float, float]:
    """Distance, first day after, level before and after of the clearest shift; 0 when none."""
    found = (0.0, 0, 0.0, 0.0)
    for start in range(MIN_DAYS_BEFORE, len(medians) - LASTING_DAYS + 1):
        before, after = medians[:start], medians[start:]
        before, after = before[np.isfinite(before)], after[np.isfinite(after)]
        if len(before) < MIN_DAYS_BEFORE or len(after) < LASTING_DAYS:
            continue
        low, high = float(before.min()), float(before.max())
        apart = bool((after > high).all() or (after < low).all())
        level, new = float(np.median(before)), float(np.median(after))
        spread = max(1.4826 * float(np.median(np.abs(before - level))), 1e-12)
        if apart and abs(new - level) >= RELATIVE * abs(level):
            distance = abs(new - level) / spread
            if distance > found[0]:
                found = (distance, start, level, new)
    return found
