"""A level that moved a week ago and stayed: offered to a person as the new baseline.

Whether the old level or the new one is right, only a person knows. So the shift is said in one
line with what to write, and nothing is changed because of it. What to write is a look-back that
begins at the shift: `training.exclude` may take out a fifth of the look-back at most, which is
nearly always less than what came before.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from detector_runtime.contract.run_config import Interval
from detector_runtime.contract.text import decimal, iso
from detector_runtime.series.features import DAY, MAD_TO_SIGMA
from detector_runtime.series.frame import Floats, Frame

LASTING_DAYS = 7
MIN_DAYS_BEFORE = 7
FAR = 6.0
"""Robust standard deviations of the daily medians before; weekdays and weekends both count."""
RELATIVE = 0.2
"""And at least a fifth of the former level: a quiet metric has hardly any spread."""
STANDS = 0.5
"""Share of the shift by which a level may have moved before or after it. A steady slope moves by
the whole of its "shift" on one side at least, whichever day is taken for it."""
TRAINED_SHARE = 0.8
"""Of the look-back's windows: what admission expects to hold a value and compares with
`minSamples.univariate`."""


def lasting_shift(
    frame: Frame, names: Sequence[str], min_samples: int, accepted: Sequence[Interval] = ()
) -> str:
    """One line for the metric that moved farthest at least seven days ago; empty when none did.

    `min_samples`: training samples that the service's spec asks for. `accepted`: spans of incidents
    that were learned as normal. A shift that began with one of them is no offer any more.
    """
    per_day = DAY // frame.step
    days = len(frame) // per_day if per_day else 0
    if days < LASTING_DAYS + MIN_DAYS_BEFORE:
        return ""
    cut = frame.values[len(frame) - days * per_day :].reshape(days, per_day, len(names))
    medians = _daily(cut)
    best, line = FAR, ""
    for column, name in enumerate(names):
        distance, start, before, after = _shift(medians[:, column])
        if distance > best and not _taken(frame, (days - start) * per_day, per_day, accepted):
            since = int(frame.times[len(frame) - (days - start) * per_day]) - frame.step
            best = distance
            line = (
                f"{name} has stood at {decimal(after, 3)} since {iso(since)}, before at "
                f"{decimal(before, 3)}; to take that as its new normal, set "
                f"{_instruction(days - start, frame.step, min_samples)}"
            )
    return line


def _taken(frame: Frame, rows: int, per_day: int, accepted: Sequence[Interval]) -> bool:
    """Whether the day that begins `rows` before the end, or the one before it, in which the level
    may have moved late, shares time with a span that was accepted."""
    begin = int(frame.times[max(len(frame) - rows - per_day, 0)]) - frame.step
    end = int(frame.times[len(frame) - rows + per_day - 1])
    return any(span.start < end and begin < span.end for span in accepted)


def _instruction(days: int, step: int, min_samples: int) -> str:
    """Fields and values under which training sees the new level only, and admission agrees."""
    lookback = f"spec.training.lookback to {days}d"
    samples = int(TRAINED_SHARE * days * DAY / step)
    if samples >= min_samples:
        return lookback
    return f"{lookback} and spec.training.minSamples.univariate to {samples}"


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
        spread = max(MAD_TO_SIGMA * float(np.median(np.abs(before - level))), 1e-12)
        moved = max(_moved(before), _moved(after))
        stood = moved <= STANDS * abs(new - level)
        if apart and stood and abs(new - level) >= RELATIVE * abs(level):
            distance = abs(new - level) / spread
            if distance > found[0]:
                found = (distance, start, level, new)
    return found


def _moved(medians: Floats) -> float:
    """By how much daily medians (n,) rose or fell in all, by their Theil-Sen slope (the median of
    the slopes of all pairs of days): weekends at one end of a week do not tilt it."""
    first, last = np.triu_indices(len(medians), 1)
    slope = np.median((medians[last] - medians[first]) / (last - first))
    return float(abs(slope)) * (len(medians) - 1)
