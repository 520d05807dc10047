"""From where on a value is low or high for a metric, hour by hour of the week.

Values are read as their distance from what is usual at that time of day, in units of its spread, as
the detectors read them. The borders are the metric's own percentiles of that distance at that hour,
drawn towards those of all hours: four weeks are four independent samples of a Monday at nine. A
percentile alone would call every tenth window high, so what is low or high must also be two
standard deviations from the middle, and very low or very high three.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from detector_runtime.series.features import DAY, IQR_TO_SIGMA, utc_offset
from detector_runtime.series.frame import Floats, Ints

HOUR = 3600
HOURS = 168
PERCENTILES = (5.0, 10.0, 70.0, 80.0, 90.0, 95.0)
"""Below the first: very low, below the second: low; above the others: moderate, elevated, high,
very high."""
NOTABLE, FAR = 2.0, 3.0
"""Standard deviations from the middle that low or high, and very low or very high, take at least.
"""
ENOUGH_WEEKS = 4
"""Weeks of an hour that weigh as much as all other hours together."""
_TAKEN = (*PERCENTILES, 25.0, 50.0, 75.0)
_QUARTER, _MIDDLE, _THREE_QUARTERS = 6, 7, 8


@dataclass(frozen=True, slots=True, eq=False)
class LevelBorders:
    """`borders` (168, m, 6) and `middle` (168, m) as distances from the usual value in units of its
    spread, by hour of the local week from Monday 00:00; `known` (m,): metrics that have any."""

    borders: Floats
    middle: Floats
    known: NDArray[np.bool_]

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        return {
            "borders": self.borders.astype(np.float32),
            "middle": self.middle.astype(np.float32),
            "known": self.known,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> LevelBorders:
        known = np.asarray(arrays["known"], dtype=bool)
        borders = np.asarray(arrays["borders"], dtype=np.float64)
        middle = np.asarray(arrays["middle"], dtype=np.float64)
        m = len(known)
        if borders.shape != (HOURS, m, len(PERCENTILES)) or middle.shape != (HOURS, m):
            raise ValueError(
                f"level borders have shapes {borders.shape} and {middle.shape}, want "
                f"({HOURS}, {m}, {len(PERCENTILES)}) and ({HOURS}, {m})"
            )
        return cls(borders, middle, known)


def hours_of_week(times: Ints, step: int, time_zone: str) -> Ints:
    """Hour of the local week, 0 = Monday 00:00, in which each window (by its end) starts."""
    local = times - step + utc_offset(times, time_zone)
    weekday = (local // DAY + 3) % 7  # 1970-01-01 was a Thursday
    out: Ints = weekday * 24 + local % DAY // HOUR
    return out


def learn_borders(residual: Floats, hours: Ints, step: int) -> LevelBorders:
    """Borders from the `residual` (n, m) of normal windows, NaN where there is none, and their
    `hours` (n,) of the week; `step` in seconds."""
    m = residual.shape[1]
    borders, middle = np.zeros((HOURS, m, len(PERCENTILES))), np.zeros((HOURS, m))
    known: NDArray[np.bool_] = np.asarray(np.isfinite(residual).any(axis=0))
    order = np.argsort(hours, kind="stable")
    edges = np.searchsorted(hours[order], np.arange(HOURS + 1)).tolist()
    enough = ENOUGH_WEEKS * HOUR / step
    for column in np.flatnonzero(known):
        ordered = residual[order, column]
        overall = np.percentile(ordered[np.isfinite(ordered)], _TAKEN)
        for hour, (low, high) in enumerate(pairwise(edges)):
            present = ordered[low:high][np.isfinite(ordered[low:high])]
            mixed = overall
            if len(present):
                weight = len(present) / (len(present) + enough)
                mixed = overall + weight * (np.percentile(present, _TAKEN) - overall)
            borders[hour, column] = _guarded(mixed)
            middle[hour, column] = mixed[_MIDDLE]
    return LevelBorders(borders, middle, known)


def _guarded(mixed: Floats) -> Floats:
    """The six borders, low and high ones no nearer to the middle than NOTABLE and FAR allow."""
    centre = mixed[_MIDDLE]
    sigma = (mixed[_THREE_QUARTERS] - mixed[_QUARTER]) / IQR_TO_SIGMA
    very_low, low, moderate, elevated, high, very_high = mixed[: len(PERCENTILES)]
    high = max(high, centre + NOTABLE * sigma)
    return np.array(
        [
            min(very_low, centre - FAR * sigma),
            min(low, centre - NOTABLE * sigma),
            moderate,
            elevated,
            high,
            max(very_high, centre + FAR * sigma, high),
        ]
    )
