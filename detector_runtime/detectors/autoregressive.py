"""Distance from what the last windows predict: a ridge regression on each metric's own past.

It works on the seasonal residual, so the clock is not mistaken for change, and it follows a level
that moved, so it still sees faults when the season's table has aged. Inputs are clipped: one spike
must not bend the predictions after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from detector_runtime.detectors.base import Arrays
from detector_runtime.series.features import Prepared, robust_spread
from detector_runtime.series.frame import Floats

LAGS = 12
RIDGE = 1e-3
"""Times the rows: enough for a constant metric, too little to bias a moving one."""
MAX_INPUT = 10.0
FLOOR = 0.02
"""Residual spread in scaled units below which a prediction is called exact."""


@dataclass(frozen=True, slots=True, eq=False)
class Autoregressive:
    """`weights` (LAGS + 1, m), the oldest lag first and the constant last; `spread` (m,)."""

    weights: Floats
    spread: Floats
    name: ClassVar[str] = "autoregressive"
    reason: ClassVar[str] = "departs from its own last windows' course"
    joint: ClassVar[bool] = False
    multivariate: ClassVar[bool] = False
    history: ClassVar[int] = LAGS
    weight: ClassVar[float] = 1.0

    @classmethod
    def fit(cls, rows: Prepared, seed: int) -> Self | None:  # noqa: ARG003
        r = rows.residual
        if len(r) < 10 * LAGS:
            return None
        past = _past(rows)
        target = np.clip(r[rows.first :], -MAX_INPUT, MAX_INPUT)
        weights = np.zeros((LAGS + 1, r.shape[1]))
        for column in range(r.shape[1]):
            present = np.isfinite(target[:, column])
            count = int(present.sum())
            if count < 10 * LAGS:
                continue
            x = np.column_stack([past[present, column], np.ones(count)])
            gram = x.T @ x + RIDGE * count * np.eye(LAGS + 1)
            weights[:, column] = np.linalg.solve(gram, x.T @ target[present, column])
        error = r[rows.first :] - _predict(weights, past)
        return cls(weights, robust_spread(error, FLOOR))

    def deviation(self, rows: Prepared) -> Floats:
        return self.error(rows) / self.spread

    def error(self, rows: Prepared) -> Floats:
        """(scored rows, m): what the prediction misses, in units of the residual."""
        error: Floats = rows.residual[rows.first :] - _predict(self.weights, _past(rows))
        return error

    def to_arrays(self) -> Arrays:
        return {"weights": self.weights, "spread": self.spread}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        return cls(**arrays)  # type: ignore[arg-type]


def _past(rows: Prepared) -> Floats:
    """(scored rows, m, LAGS): the clipped residuals before each row."""
    return rows.past(rows.residual, LAGS + 1, MAX_INPUT)[:, :, :-1]


def _predict(weights: Floats, past: Floats) -> Floats:
    out: Floats = np.einsum("nml,lm->nm", past, weights[:-1]) + weights[-1]
    return out
