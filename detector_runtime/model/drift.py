"""Has the service's normal moved since training? Lowers confidence, never silences.

The mean of the last six hours is held against how much such means differed among themselves in
training: a distance of single windows would only repeat the detectors. A drift below 3 costs no
confidence, 3 to 5 costs 15 %, more costs 30 %.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector_runtime.series.features import MAD_TO_SIGMA, fill_forward
from detector_runtime.series.frame import Floats

BLOCK_SECONDS = 6 * 3600
"""Length of the stretch whose mean is compared."""
MODERATE, SEVERE = 3.0, 5.0
PENALTIES = (0.0, 0.15, 0.30)
MIN_BLOCKS = 6
RIDGE = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class DriftScores:
    """Of each window: `score` (n,) overall, `per_metric` (n, m) distances in standard deviations,
    `penalty` (n,) the share taken off confidence."""

    score: Floats
    per_metric: Floats
    penalty: Floats


@dataclass(frozen=True, slots=True, eq=False)
class DriftBaseline:
    """Block means in training: `mean`, `spread` (m,), `precision` (m, m) of the z values."""

    mean: Floats
    spread: Floats
    precision: Floats

    def check(self, residual: Floats, first: int, step: int) -> DriftScores:
        """DriftScores of the rows of `residual` (n, m) from `first` on.

        `residual`: distances from the usual value, scaled units, NaN where missing; `step` in
        seconds. A row is judged by the mean of the block that ends with it, and by nothing that
        comes after. A metric that is missing in more than half of its block has none.
        """
        width = max(BLOCK_SECONDS // step, 1)
        total, present = _blocks(residual, first, width)
        enough = 2 * present >= width
        mean = total / np.maximum(present, 1)
        z = np.where(enough, (mean - self.mean) / self.spread, 0.0)
        count = len(self.mean)
        if count == 1:
            score = np.abs(z[:, 0])
        else:
            # the limit p + 3 sqrt(2p) + 3 of the squared distance is where "moderate" begins
            limit = count + 3.0 * np.sqrt(2.0 * count) + 3.0
            square = ((z @ self.precision) * z).sum(axis=1)
            score = MODERATE * np.sqrt(np.maximum(square, 0.0) / limit)
        return DriftScores(score, np.abs(z), penalty(score))

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        return {"mean": self.mean, "spread": self.spread, "precision": self.precision}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> DriftBaseline:
        return cls(**arrays)  # type: ignore[arg-type]


def penalty(score: Floats) -> Floats:
    """Share taken off confidence at each drift `score` (n,)."""
    none, moderate, severe = PENALTIES
    return np.where(score < MODERATE, none, np.where(score <= SEVERE, moderate, severe))


def _blocks(residual: Floats, first: int, width: int) -> tuple[Floats, Floats]:
    """Sum and number of the values (n - first, m) in the `width` rows up to each row from `first`
    on."""
    head = max(first - width + 1, 0)
    known = residual[head:]
    present = np.isfinite(known)
    nothing = np.zeros((1, residual.shape[1]))
    total = np.vstack([nothing, np.cumsum(np.where(present, known, 0.0), axis=0)])
    count = np.vstack([nothing, np.cumsum(present, axis=0)])
    end = np.arange(first - head + 1, len(known) + 1)
    start = np.maximum(end - width, 0)
    return total[end] - total[start], count[end] - count[start]


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
    spread = np.maximum(MAD_TO_SIGMA * np.median(np.abs(means - centre), axis=0), 0.05)
    z = np.clip((means - centre) / spread, -5.0, 5.0)
    covariance = z.T @ z / blocks
    # shrink towards independence: few blocks, many metrics
    weight = m / (m + blocks)
    covariance = (1 - weight) * covariance + weight * np.diag(np.diag(covariance) + RIDGE)
    covariance += np.eye(m) * max(RIDGE, 0.05)
    return DriftBaseline(centre, spread, np.linalg.inv(covariance))
