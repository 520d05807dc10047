"""What is usual for one metric: the level and the spread of its last rows.

The value that is judged is never part of what judges it: inside a window of ten no z-score could
exceed 3. Quartiles carry the spread, so that a spike in the window does not hide the next one.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import copysign, fsum, log, sqrt
from struct import Struct

from detector_runtime.training_run.quantiles import quantile
from detector_runtime.training_run.tails import TAIL, TAIL_Z, weight
from detector_runtime.training_run.thresholds import Thresholds

MOST = 1000.0
"""No z-score is given as more than this: on a constant history it says nothing beyond."""
_LEAST_SCALE = 1e-12
_PACK, _UNPACK = Struct("<f").pack, Struct("<f").unpack
_MOST_SINGLE = 2.0**127
_IQR = 1.349
"""Interquartile range of the standard normal distribution."""


@dataclass(frozen=True, slots=True)
class Distance:
    """`z`: in standard deviations; `weight`: the z-score that a tier goes by."""

    z: float
    weight: float


INSIDE = Distance(0.0, 0.0)


@dataclass(slots=True)
class Baseline:
    """The last finite values of one metric, also in the order of size."""

    values: deque[float] = field(default_factory=deque)
    ordered: list[float] = field(default_factory=list)
    last: float = 0.0
    fell: bool = False
    """Whether it was ever below the value before it: what only grows is a counter."""

    def add(self, value: float, size: int, *, single: bool = False) -> None:
        """One more value, of which the last `size` are kept; `single`: rounded to single precision,
        which is far finer than any spread and takes half the memory between runs."""
        values, ordered = self.values, self.ordered
        if value < self.last and values:
            self.fell = True
        self.last = value
        if single:
            value = _rounded(value)
        values.append(value)
        insort(ordered, value)
        while len(values) > size:
            del ordered[bisect_left(ordered, values.popleft())]

    @property
    def counts(self) -> bool:
        """Whether it has grown more than once and never fallen, as tokens and epochs do."""
        if self.fell or not self.ordered:
            return False
        between = bisect_left(self.ordered, self.ordered[-1])
        return between > 0 and self.ordered[between - 1] > self.ordered[0]

    def level(self) -> float:
        """The median. There must be a value."""
        return quantile(self.ordered, 0.5)

    def z(self, value: float, thresholds: Thresholds) -> float | None:
        """Distance of `value` from the level in standard deviations; None: too few rows.

        From `robust_rows` on the level is the median, and the deviation the larger of the
        interquartile range / 1.349 and the distance of the 2.5 % tail on the side of `value` /
        1.960. Before that: mean and sample standard deviation (n - 1).
        """
        if len(self.ordered) < thresholds.min_rows:
            return None
        if len(self.ordered) < thresholds.robust_rows:
            return z_of_few(value, self.values, thresholds.floor_of_level)
        return _limited(value, self._quantiles(value), thresholds.floor_of_level)

    def far(self, value: float, thresholds: Thresholds, *, skewed: bool = False) -> Distance | None:
        """How far `value` lies from the level; None: too few rows. The middle 95 % of the last rows
        are INSIDE: there z is at most 1.96, and of most rows no more need be known.

        `skewed`: a z-score beyond the threshold, of a metric that was always positive, is that of
        the logarithm if that is nearer to 0; norms of gradients have long tails.
        """
        ordered = self.ordered
        rows = len(ordered)
        if rows >= thresholds.robust_rows and min(thresholds.z, thresholds.z_warning) > TAIL_Z:
            high = int(TAIL * (rows - 1))
            if ordered[rows - 1 - high] <= value <= ordered[high]:
                return INSIDE
        z = self.z(value, thresholds)
        if z is None:
            return None
        if abs(z) <= thresholds.z or rows < thresholds.robust_rows:
            return Distance(z, z)
        if skewed and ordered[0] > 0 and value > 0:
            z = min(z, self._z_of_logarithm(value, thresholds), key=abs)
        # What is critical stays so, whatever the tail.
        if not thresholds.z_warning < abs(z) <= thresholds.z_critical:
            return Distance(z, z)
        lighter = weight(ordered, value)
        return Distance(z, z if lighter is None else copysign(min(abs(z), lighter), z))

    def deviation(self) -> float:
        """Interquartile range / 1.349. There must be a value."""
        return (quantile(self.ordered, 0.75) - quantile(self.ordered, 0.25)) / _IQR

    def _z_of_logarithm(self, value: float, thresholds: Thresholds) -> float:
        low, level, high, tail = map(log, self._quantiles(value))
        scale = max((high - low) / _IQR, abs(tail - level) / TAIL_Z, thresholds.floor_of_level)
        return (log(value) - level) / scale

    def _quantiles(self, value: float) -> tuple[float, float, float, float]:
        """Lower quartile, median, upper quartile, and the tail on the side of `value`."""
        level = self.level()
        tail = quantile(self.ordered, TAIL if value > level else 1 - TAIL)
        return quantile(self.ordered, 0.25), level, quantile(self.ordered, 0.75), tail


def _rounded(value: float) -> float:
    if not -_MOST_SINGLE <= value <= _MOST_SINGLE:
        return _MOST_SINGLE if value > 0 else -_MOST_SINGLE
    single: float = _UNPACK(_PACK(value))[0]
    return single


def z_of_few(value: float, values: Sequence[float], floor_of_level: float) -> float:
    """Distance of `value` from the mean of at least two `values`, in sample standard deviations."""
    mean = fsum(values) / len(values)
    deviation = sqrt(fsum((one - mean) ** 2 for one in values) / (len(values) - 1))
    scale = max(deviation, floor_of_level * abs(mean), _LEAST_SCALE)
    return max(-MOST, min(MOST, (value - mean) / scale))


def _limited(
    value: float, quantiles: tuple[float, float, float, float], floor_of_level: float
) -> float:
    low, level, high, tail = quantiles
    deviation = max((high - low) / _IQR, abs(tail - level) / TAIL_Z)
    scale = max(deviation, floor_of_level * abs(level), _LEAST_SCALE)
    return max(-MOST, min(MOST, (value - level) / scale))
