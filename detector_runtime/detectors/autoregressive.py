"""Distance from what the last windows predict: a ridge regression on each metric's own past.

It reads values clipped to a sane range, so that one spike does not bend the predictions after it,
and it sees sudden change that is still within the metric's usual range.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from detector_runtime.detectors.base import Arrays
from detector_runtime.features import Prepared, fill_forward
from detector_runtime.series import Floats

LAGS = 12
RIDGE = 1e-3
"""Times the rows: enough for a constant metric, too little to bias a moving one."""
MAX_INPUT = 10.0
MAD_TO_SIGMA = 1.4826
FLOOR = 0.02
"""Residual spread in scaled units below which a prediction is called exact."""


@dataclass(frozen=True, slots=True, eq=False)
class Autoregressive:
    """`weights` (LAGS + 1, m), the oldest lag first and the constant last; `spread` (m,)."""

    weights: Floats
    spread: Floats
    name: ClassVar[str] = "autoregressive"
    joint: ClassVar[bool] = False
    multivariate: ClassVar[bool] = False
    history: ClassVar[int] = LAGS

    @classmethod
    def fit(cls, rows: Prepared, seed: int) -> Self | None:  # noqa: ARG003
        z = rows.z
        if len(z) < 10 * LAGS:
            return None
        past = _past(z, len(z) - LAGS)
        target = np.clip(z[LAGS:], -MAX_INPUT, MAX_INPUT)
        m = z.shape[1]
        weights = np.zeros((LAGS + 1, m))
        for column in range(m):
            present = np.isfinite(target[:, column])
            if present.sum() < 10 * LAGS:
                continue
            x = np.column_stack([past[present, column], np.ones(int(present.sum()))])
            gram = x.T @ x + RIDGE * len(x) * np.eye(LAGS + 1)
            weights[:, column] = np.linalg.solve(gram, x.T @ target[present, column])
        residual = z[LAGS:] - _predict(weights, past)
        empty = ~np.isfinite(residual).any(axis=0)
        spread = MAD_TO_SIGMA * np.nanmedian(np.abs(np.where(empty, 0.0, residual)), axis=0)
        return cls(weights, np.maximum(spread, FLOOR))

    def deviation(self, rows: Prepared) -> Floats:
        count = len(rows.z) - rows.first
        past = _past(rows.z, count)
        return (rows.scored - _predict(self.weights, past)) / self.spread

    def to_arrays(self) -> Arrays:
        return {"weights": self.weights, "spread": self.spread}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        return cls(**arrays)  # type: ignore[arg-type]


def _past(z: Floats, count: int) -> Floats:
    """(count, m, LAGS): the clipped values before each of the last `count` rows."""
    head = z[max(len(z) - count - LAGS, 0) :]
    short = count + LAGS - len(head)
    filled = np.clip(fill_forward(head), -MAX_INPUT, MAX_INPUT)
    if short > 0:
        filled = np.vstack([np.repeat(filled[:1], short, axis=0), filled])
    return sliding_window_view(filled, LAGS, axis=0)[:-1]


def _predict(weights: Floats, past: Floats) -> Floats:
    out: Floats = np.einsum("nml,lm->nm", past, weights[:-1]) + weights[-1]
    return out
