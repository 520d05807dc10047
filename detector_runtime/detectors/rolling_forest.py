"""One isolation forest per metric on its rolling shape: value, mean and deviation, short and long.

The forest sees unusual noise, flat lines and unusual levels that no single value shows. Its score
is flat outside the training range, so it serves beside detectors that are not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from detector_runtime.detectors.base import Arrays
from detector_runtime.detectors.forest import Forests, grow
from detector_runtime.series.features import Prepared
from detector_runtime.series.frame import Floats

SHORT, LONG = 5, 15
"""Rows of the rolling windows: a spike fills the short one, a plateau the long one."""
TREES = 100
MIN_ROWS = 100


@dataclass(frozen=True, slots=True, eq=False)
class RollingForest:
    """Deviation: the isolation score times 10, with the sign of the value's own deviation."""

    forests: Forests
    name: ClassVar[str] = "rolling-forest"
    reason: ClassVar[str] = "unusual level, noise or flatness"
    joint: ClassVar[bool] = False
    multivariate: ClassVar[bool] = False
    history: ClassVar[int] = LONG - 1
    weight: ClassVar[float] = 1.0

    @classmethod
    def fit(cls, rows: Prepared, seed: int) -> Self | None:
        tables = rolling_features(rows)
        present = np.isfinite(rows.scored)
        enough = present.sum(axis=0) >= MIN_ROWS
        if not enough.any():
            return None
        # One without values gets a forest that nobody asks, and does not blind the others.
        kept = [
            table[present[:, column]] if enough[column] else table
            for column, table in enumerate(tables)
        ]
        return cls(grow(kept, TREES, seed))

    def deviation(self, rows: Prepared) -> Floats:
        score = 10.0 * self.forests.score(rolling_features(rows)).T
        sign = np.where(rows.scored < 0, -1.0, 1.0)
        return np.where(np.isnan(rows.scored), np.nan, score * sign)

    def to_arrays(self) -> Arrays:
        return self.forests.to_arrays()

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        return cls(Forests(arrays))


def rolling_features(rows: Prepared) -> NDArray[np.float32]:
    """(m, scored rows, 5): value, mean and deviation over SHORT, the same over LONG rows.

    Holes take the last value; before the first row stands the first.
    """
    long = rows.past(rows.z, LONG)
    mean, deviation = _moments(long)
    near_mean, near_deviation = _moments(long[:, :, LONG - SHORT :])
    parts = [long[:, :, -1], near_mean, near_deviation, mean, deviation]
    return np.stack(parts, axis=2).transpose(1, 0, 2).astype(np.float32)


def _moments(values: Floats) -> tuple[Floats, Floats]:
    """Mean and standard deviation over the last axis, to the last bit those of numpy, which takes
    both twice and with more ceremony."""
    width = values.shape[2]
    mean = np.add.reduce(values, axis=2, keepdims=True) / width
    distance = values - mean
    return mean[:, :, 0], np.sqrt(np.add.reduce(distance * distance, axis=2) / width)
