"""One isolation forest over all metrics' last windows: combinations that are few and far between.

It reads the value of each metric with mean and deviation over half a dozen windows, and sees what
is rare without asking how: a corner of the space that training hardly visited. Its score is flat
outside the training range, so it serves beside detectors that are not.
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

WIDTH = 6
MAX_INPUT = 10.0
TREES = 100
MIN_ROWS = 100


@dataclass(frozen=True, slots=True, eq=False)
class JointForest:
    """Deviation: the isolation score times 10, one number a window."""

    forests: Forests
    name: ClassVar[str] = "joint-forest"
    reason: ClassVar[str] = "rare combination of metrics"
    joint: ClassVar[bool] = True
    multivariate: ClassVar[bool] = True
    history: ClassVar[int] = WIDTH - 1
    weight: ClassVar[float] = 1.0

    @classmethod
    def fit(cls, rows: Prepared, seed: int) -> Self | None:
        table = _table(rows)
        present = np.isfinite(rows.scored).any(axis=1)
        if rows.z.shape[1] < 2 or present.sum() < MIN_ROWS:
            return None
        return cls(grow([table[present]], TREES, seed))

    def deviation(self, rows: Prepared) -> Floats:
        """A missing metric stands at its centre; NaN where every metric is missing."""
        score: Floats = 10.0 * self.forests.score(_table(rows)[None])[0]
        score[np.isnan(rows.scored).all(axis=1)] = np.nan
        return score[:, None]

    def to_arrays(self) -> Arrays:
        return self.forests.to_arrays()

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        return cls(Forests(arrays))


def _table(rows: Prepared) -> NDArray[np.float32]:
    """(scored rows, 3 m): values, means and deviations."""
    z = rows.folded[rows.first :]
    value = np.where(np.isnan(z), 0.0, z)
    near = rows.past(rows.folded, WIDTH, MAX_INPUT)
    mean = near.sum(axis=2) / WIDTH
    # the values are bounded, so this is exact enough; std() costs three times as much
    square = np.einsum("nmw,nmw->nm", near, near) / WIDTH
    spread = np.sqrt(np.maximum(square - mean * mean, 0.0))
    return np.concatenate([value, mean, spread], axis=1).astype(np.float32)
