"""Distance of the last windows of all metrics together from the nearest typical course.

k-means on windows of ten: what the service usually looks like over a short while, all metrics at
once. Strong where incidents last and touch many metrics.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from detector_runtime.detectors.base import Arrays
from detector_runtime.series.features import Prepared, fill_forward, trailing
from detector_runtime.series.frame import Floats

WIDTH = 10
CLUSTERS = 50
MAX_ROWS = 4000
MAX_INPUT = 10.0
UNIT_FLOOR = 0.1
CHUNK = 1000


@dataclass(frozen=True, slots=True, eq=False)
class WindowClusters:
    """`centres` float32 (k, m x WIDTH); `unit` (m,): standard deviation of the clipped values."""

    centres: NDArray[np.float32]
    unit: Floats
    name: ClassVar[str] = "window-clusters"
    reason: ClassVar[str] = "unusual course of all metrics together"
    joint: ClassVar[bool] = True
    multivariate: ClassVar[bool] = True
    history: ClassVar[int] = WIDTH - 1
    weight: ClassVar[float] = 1.0

    @classmethod
    def fit(cls, rows: Prepared, seed: int) -> Self | None:
        from sklearn.cluster import KMeans  # noqa: PLC0415 - fit side only

        taken = np.flatnonzero(np.isfinite(rows.folded[rows.first :]).any(axis=1))
        if rows.z.shape[1] < 2 or len(taken) < 4 * CLUSTERS:
            return None
        clipped = np.clip(fill_forward(rows.folded), -MAX_INPUT, MAX_INPUT)[rows.first :]
        unit = np.maximum(clipped[taken].std(axis=0), UNIT_FLOOR)
        if len(taken) > MAX_ROWS:
            chosen = np.random.default_rng(seed).choice(len(taken), MAX_ROWS, replace=False)
            taken = taken[np.sort(chosen)]
        shapes = _shapes(rows, unit)[taken].reshape(len(taken), -1)
        model = KMeans(CLUSTERS, n_init=1, max_iter=30, random_state=seed).fit(shapes)
        return cls(model.cluster_centers_.astype(np.float32), unit)

    def deviation(self, rows: Prepared) -> Floats:
        shapes = _shapes(rows, self.unit)
        centres = self.centres.astype(np.float64)
        square = (centres**2).sum(axis=1)
        out = np.empty(len(shapes))
        for at in range(0, len(shapes), CHUNK):
            part = shapes[at : at + CHUNK].reshape(-1, centres.shape[1])
            distance = (square - 2 * part @ centres.T).min(axis=1) + (part**2).sum(axis=1)
            out[at : at + CHUNK] = np.sqrt(np.maximum(distance, 0.0))
        out[np.isnan(rows.folded[rows.first :]).all(axis=1)] = np.nan
        return out[:, None]

    def to_arrays(self) -> Arrays:
        return {"centres": self.centres, "unit": self.unit}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        return cls(**arrays)  # type: ignore[arg-type]


def _shapes(rows: Prepared, unit: Floats) -> Floats:
    known = rows.with_past(rows.folded, WIDTH, MAX_INPUT) / unit
    return trailing(known, WIDTH, WIDTH - 1)
