"""Has the service's normal moved since training? Lowers confidence, never silences.

Drift speaks of the recent hours as a whole, against how much such hours differed among themselves
in training: a window-wise distance would only repeat the detectors. Bands as in seed 003: below 3
no penalty, 3 to 5 15 %, above 30 %.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector_runtime.features import fill_forward
from detector_runtime.series import Floats

BLOCK_SECONDS = 6 * 3600
MODERATE, SEVERE = 3.0, 5.0
PENALTIES = (0.0, 0.15, 0.30)
MIN_BLOCKS = 6
RIDGE = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Drift:
    """`score` overall, `per_metric` (m,) z values, `penalty` the share taken off confidence."""

    score: float
    per_metric: Floats
    penalty: float


@dataclass(frozen=True, slots=True, eq=False)
class DriftBaseline:
    """Block means in training: `mean`, `spread` (m,), `precision` (m, m) of the z values."""

    mean: Floats
    spread: Floats
    precision: Floats

    def check(self, residual: Floats) -> Drift:
        """`residual` (n, m): the recent windows' distance from their usual value, scaled units."""
        count = len(self.mean)
        present = np.isfinite(residual)
        enough = present.sum(axis=0) >= max(len(residual) // 2, 1)
        if len(residual) == 0 or not enough.any():
            return Drift(0.0, np.zeros(count), 0.0)
        total = np.where(present, residual, 0.0).sum(axis=0) / np.maximum(present.sum(axis=0), 1)
        z = np.where(enough, (total - self.mean) / self.spread, 0.0)
        if count == 1:
            score = float(abs(z[0]))
        else:
            # the limit p + 3 sqrt(2p) + 3 of the squared distance is where "moderate" begins
            limit = count + 3.0 * np.sqrt(2.0 * count) + 3.0
            score = MODERATE * float(np.sqrt(max(z @ self.precision @ z, 0.0) / limit))
        return Drift(score, np.abs(z), penalty(score))

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        return {"mean": self.mean, "spread": self.spread, "precision": self.precision}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> DriftBaseline:
        return cls(**arrays)  # type: ignore[arg-type]


def penalty(score: float) -> float:
    return PENALTIES[0 if score < MODERATE else 1 if score <= SEVERE else 2]


def learn_drift(residual: Floats, step: int) -> DriftBaseline:
    """From the training windows' distances from their usual value (n, m), scaled units."""
    width = max(BLOCK_SECONDS // step, 1)
    blocks = len(residual) // width
    m = residual.shape[1]
    if blocks < MIN_BLOCKS:
        return DriftBaseline(np.zeros(m), np.ones(m), np.eye(m))
    cut = fill_forward(residual)[len(residual) - blocks * width :]
    means = cut.reshape(blocks, width, m).mean(axis=1)
    centre = np.median(means, axis=0)
    spread = np.maximum(1.4826 * np.median(np.abs(means - centre), axis=0), 0.05)
    z = np.clip((means - centre) / spread, -5.0, 5.0)
    covariance = z.T @ z / blocks
    # shrink towards independence: few blocks, many metrics
    weight = m / (m + blocks)
    covariance = (1 - weight) * covariance + weight * np.diag(np.diag(covariance) + RIDGE)
    covariance += np.eye(m) * max(RIDGE, 0.05)
    return DriftBaseline(centre, spread, np.linalg.inv(covariance))
