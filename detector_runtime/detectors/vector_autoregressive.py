"""Distance from what all metrics' last windows predict: a ridge vector autoregression.

A metric that goes its own way, or does not follow where the others lead, stands out here and
nowhere else. Only the past is read: a fault that hits all metrics at once must not explain itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from detector_runtime.detectors.base import Arrays
from detector_runtime.series.features import Prepared, robust_spread
from detector_runtime.series.frame import Floats

LAGS = 3
RIDGE = 1e-2
MAX_INPUT = 10.0
FLOOR = 0.02


@dataclass(frozen=True, slots=True, eq=False)
class VectorAutoregressive:
    """`weights` (m x LAGS + 1, m): metric-major lags, the constant last; `spread` (m,)."""

    weights: Floats
    spread: Floats
    name: ClassVar[str] = "vector-autoregressive"
    reason: ClassVar[str] = "does not follow the other metrics"
    joint: ClassVar[bool] = False
    multivariate: ClassVar[bool] = True
    history: ClassVar[int] = LAGS
    weight: ClassVar[float] = 1.0

    @classmethod
    def fit(cls, rows: Prepared, seed: int) -> Self | None:  # noqa: ARG003
        r = rows.residual[rows.first :]
        m = r.shape[1]
        present = np.isfinite(r)
        if m < 2 or present.any(axis=1).sum() < 10 * LAGS * m:
            return None
        x = _design(rows)
        target = np.clip(r, -MAX_INPUT, MAX_INPUT)
        weights = np.zeros((x.shape[1], m))
        # Metrics with the same holes, mostly none, are solved for together.
        for rows_of in np.unique(present, axis=1).T:
            columns = np.flatnonzero((present == rows_of[:, None]).all(axis=0))
            count = int(rows_of.sum())
            if count < 10 * LAGS:
                continue
            gram = x[rows_of].T @ x[rows_of] + RIDGE * count * np.eye(x.shape[1])
            weights[:, columns] = np.linalg.solve(gram, x[rows_of].T @ target[rows_of][:, columns])
        return cls(weights, robust_spread(r - x @ weights, FLOOR))

    def deviation(self, rows: Prepared) -> Floats:
        out: Floats = (rows.residual[rows.first :] - _design(rows) @ self.weights) / self.spread
        return out

    def to_arrays(self) -> Arrays:
        return {"weights": self.weights, "spread": self.spread}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        return cls(**arrays)  # type: ignore[arg-type]


def _design(rows: Prepared) -> Floats:
    past = rows.past(rows.residual, LAGS + 1, MAX_INPUT)[:, :, :-1]
    return np.column_stack([past.reshape(len(past), -1), np.ones(len(past))])
