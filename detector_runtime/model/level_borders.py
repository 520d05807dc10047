"""From where on a value is low or high for a metric, hour by hour of the week.

The borders are the metric's own percentiles at that hour, drawn towards those of all hours where an
hour has few values: four weeks are four independent samples of a Monday at nine. A percentile alone
would call every tenth window high, so what is low or high must also be two standard deviations from
the middle, and very low or very high three.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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
ENOUGH = 120
"""Values of an hour of the week that weigh as much as all other hours together: four weeks at a
step of two minutes."""
_TAKEN = (*PERCENTILES, 25.0, 50.0, 75.0)
_MIDDLE, _QUARTER, _THREE_QUARTERS = 7, 6, 8


@dataclass(frozen=True, slots=True, eq=False)
class LevelBorders:
    """`borders` (168, m, 6) in the metrics' own units, by hour of the local week from Monday 00:00,
    `middle` (168, m) the median; all NaN for a metric that training hardly saw."""

    borders: Floats
    middle: Floats

    def at(self, hour: int) -> Floats:
        """(m, 6): the borders of an hour of the week."""
        out: Floats = self.borders[hour]
        return out

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        # Infinity stands for NaN in no file of ours: what has no border is left at zero and masked.
        known = np.isfinite(self.middle[0])
        return {
            "borders": np.where(known[None, :, None], self.borders, 0.0).astype(np.float32),
            "middle": np.where(known[None, :], self.middle, 0.0).astype(np.float32),
            "known": known,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> LevelBorders:
        known = np.asarray(arrays["known"], dtype=bool)
        borders = np.asarray(arrays["borders"], dtype=np.float64)
        middle = np.asarray(arrays["middle"], dtype=np.float64)
        if borders.shape != (HOURS, len(known), len(PERCENTILES)) or middle.shape != (
            HOURS,
            len(known),
        ):
            raise ValueError(
                f"level borders have shapes {borders.shape} and {middle.shape}, want "
                f"({HOURS}, {len(known)}, {len(PERCENTILES)}) and ({HOURS}, {len(known)})"
            )
        return cls(
            np.where(known[None, :, None], borders, np.nan), np.where(known[None, :], middle, np.nan)
        )


def hours_of_week(times: Ints, step: int, time_zone: str) -> Ints:
    """Hour of the local week, 0 = Monday 00:00, in which each window (by its end) starts."""
    local = times - step + utc_offset(times, time_zone)
    weekday = (local // DAY + 3) % 7  # 1970-01-01 was a Thursday
    out: Ints = weekday * 24 + local % DAY // HOUR
    return out


def learn_borders(
    values: Floats, hours: Ints, absolute: Floats, relative: Floats
) -> LevelBorders:
    """Borders from normal values (n, m), NaN where there is none, and their `hours` of the week.

    `absolute`, `relative` (m,): the metrics' smallest deviation that counts, 0 where none is set.
    """
    m = values.shape[1]
    borders, middle = np.full((HOURS, m, len(PERCENTILES)), np.nan), np.full((HOURS, m), np.nan)
    order = np.argsort(hours, kind="stable")
    edges = np.searchsorted(hours[order], np.arange(HOURS + 1))
    for column in range(m):
        ordered = values[order, column]
        present = ordered[np.isfinite(ordered)]
        if not len(present):
            continue
        own = [_percentiles(ordered[low:high]) for low, high in zip(edges, edges[1:], strict=False)]
        overall = np.percentile(present, _TAKEN)
        around = _around(own, overall)
        least = max(float(absolute[column]), 0.0)
        for hour, (count, found) in enumerate(own):
            weight = count / (count + ENOUGH)
            centre = found[_MIDDLE] if count else overall[_MIDDLE]
            shape = around if count else overall - overall[_MIDDLE]
            mixed = centre + weight * (found - centre) + (1 - weight) * shape
            slack = max(least, float(relative[column]) * abs(float(centre)))
            borders[hour, column] = _guarded(mixed, slack)
            middle[hour, column] = centre
    return LevelBorders(borders, middle)


def _percentiles(values: Floats) -> tuple[int, Floats]:
    present = values[np.isfinite(values)]
    if not len(present):
        return 0, np.zeros(len(_TAKEN))
    return len(present), np.percentile(present, _TAKEN)


def _around(own: list[tuple[int, Floats]], overall: Floats) -> Floats:
    """Percentiles around the hour's median, averaged over the hours by their number of values."""
    total = sum(count for count, _ in own)
    if not total:
        return overall - overall[_MIDDLE]
    parts = [count * (found - found[_MIDDLE]) for count, found in own if count]
    out: Floats = np.sum(parts, axis=0) / total
    return out


def _guarded(mixed: Floats, slack: float) -> Floats:
    """The six borders, low and high ones no nearer to the middle than NOTABLE and FAR allow."""
    centre = mixed[_MIDDLE]
    sigma = (mixed[_THREE_QUARTERS] - mixed[_QUARTER]) / IQR_TO_SIGMA
    near, far = max(NOTABLE * sigma, slack), max(FAR * sigma, slack)
    very_low, low, moderate, elevated, high, very_high = mixed[: len(PERCENTILES)]
    high = max(high, centre + near)
    return np.array(
        [
            min(very_low, centre - far),
            min(low, centre - near),
            moderate,
            elevated,
            high,
            max(very_high, centre + far, high),
        ]
    )
