"""Standard deviations from the mean of the training rows, each metric by itself.

A member that people name by hand. The clock plays no part, and mean and standard deviation are
those of all rows that were learned, outliers among them: `Level` and `Seasonal` are the robust
ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from detector_runtime.detectors.base import Arrays
from detector_runtime.series.features import Prepared
from detector_runtime.series.frame import Floats

THRESHOLD = 3.0
MIN_ROWS = 30
_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True, eq=False)
class ZScore:
    """`mean`, `scale` (m,); `threshold`: the largest |z| above which a row is an outlier."""

    mean: Floats
    scale: Floats
    threshold: float
    name: ClassVar[str] = "z-score"
    reason: ClassVar[str] = "standard deviations from the mean"
    joint: ClassVar[bool] = False
    multivariate: ClassVar[bool] = False
    history: ClassVar[int] = 0
    weight: ClassVar[float] = 1.0

    @classmethod
    def learn(cls, table: Floats, *, threshold: float = THRESHOLD) -> Self:
        """From rows (n, m), NaN left out, with the population's standard deviation, as
        `StandardScaler` has it; a column that is constant or empty has a scale of 1."""
        present = np.isfinite(table)
        count = np.maximum(present.sum(axis=0), 1)
        mean = np.where(present, table, 0.0).sum(axis=0) / count
        away = np.where(present, table - mean, 0.0)
        scale = np.sqrt((away * away).sum(axis=0) / count)
        # a sum of so many values is rounded by as much: what lies below is no spread
        constant = scale <= count * _EPS * np.abs(mean)
        return cls(mean, np.where(constant, 1.0, scale), threshold)

    def transform(self, table: Floats) -> Floats:
        """(n, m): signed z of rows (n, m), NaN where missing."""
        return np.asarray((table - self.mean) / self.scale)

    def score_samples(self, table: Floats) -> Floats:
        """(n,): minus the largest |z| of each row; lower is more unusual, as in scikit-learn.
        NaN for a row without a value."""
        z = np.abs(self.transform(table))
        present = np.isfinite(z)
        largest = np.where(present, z, 0.0).max(axis=1, initial=0.0)
        return np.where(present.any(axis=1), -largest, np.nan)

    @classmethod
    def fit(cls, rows: Prepared, seed: int, *, threshold: float = THRESHOLD) -> Self | None:  # noqa: ARG003
        z = rows.scored
        if np.isfinite(z).any(axis=1).sum() < MIN_ROWS:
            return None
        return cls.learn(z, threshold=threshold)

    def deviation(self, rows: Prepared) -> Floats:
        return self.transform(rows.scored)

    def to_arrays(self) -> Arrays:
        return {"mean": self.mean, "scale": self.scale, "limit": np.array([self.threshold])}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        mean, scale = (np.asarray(arrays[name], dtype=np.float64) for name in ("mean", "scale"))
        return cls(mean, scale, float(arrays["limit"][0]))
