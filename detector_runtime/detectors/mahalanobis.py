"""Distance of all metrics together from their usual joint behaviour (shrunk Mahalanobis).

It sees broken correlations: metrics that are each within their range but not in this combination.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from detector_runtime.detectors.base import Arrays
from detector_runtime.series.features import Prepared
from detector_runtime.series.frame import Floats

SHRINKAGE = 0.1
"""Towards independence: constant and collinear metrics must not give infinite distances."""
MAX_INPUT = 10.0
UNIT_FLOOR = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Mahalanobis:
    """`mean`, `unit` (m,) of the clipped scaled values; `precision` (m, m)."""

    mean: Floats
    unit: Floats
    precision: Floats
    name: ClassVar[str] = "mahalanobis"
    reason: ClassVar[str] = "unusual combination of metrics"
    joint: ClassVar[bool] = True
    multivariate: ClassVar[bool] = True
    history: ClassVar[int] = 0
    weight: ClassVar[float] = 0.5

    @classmethod
    def fit(cls, rows: Prepared, seed: int) -> Self | None:  # noqa: ARG003
        z = np.clip(rows.folded[rows.first :], -MAX_INPUT, MAX_INPUT)
        m = z.shape[1]
        z = z[np.isfinite(z).any(axis=1)]
        if m < 2 or len(z) < 20 * m:
            return None
        return cls(*precision_of(z, UNIT_FLOOR))

    def deviation(self, rows: Prepared) -> Floats:
        """A missing metric stands at its mean."""
        z = np.clip(rows.folded[rows.first :], -MAX_INPUT, MAX_INPUT)
        y = np.where(np.isnan(z), 0.0, (z - self.mean) / self.unit)
        distance: Floats = np.sqrt(np.maximum(((y @ self.precision) * y).sum(axis=1), 0.0))
        distance[np.isnan(z).all(axis=1)] = np.nan
        return distance[:, None]

    def to_arrays(self) -> Arrays:
        return {"mean": self.mean, "unit": self.unit, "precision": self.precision}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        return cls(**arrays)  # type: ignore[arg-type]


def precision_of(values: Floats, floor: float) -> tuple[Floats, Floats, Floats]:
    """Mean, standard deviation of at least `floor` (m,) and inverse of the shrunk correlation
    (m, m) of values (n, m), NaN left out."""
    known = np.isfinite(values)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, values, 0.0).sum(axis=0) / count
    centred = np.where(known, values - mean, 0.0)
    unit = np.maximum(np.sqrt((centred**2).sum(axis=0) / count), floor)
    y = centred / unit
    correlation = (1 - SHRINKAGE) * (y.T @ y) / len(y) + SHRINKAGE * np.eye(values.shape[1])
    return mean, unit, np.linalg.inv(correlation)
