"""One isolation forest on all metrics of a window: combinations that no metric shows alone.

On real servers it finds little by itself (a forest cuts one metric at a time, and dilutes with
their number); validation decides whether it serves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from detector_runtime.detectors.base import Arrays
from detector_runtime.detectors.forest import Forests, grow
from detector_runtime.features import Prepared, fill_forward
from detector_runtime.series import Floats

TREES = 100
MIN_ROWS = 200


@dataclass(frozen=True, slots=True, eq=False)
class JointForest:
    """Deviation (n, 1): the isolation score times 10. A missing metric stands at its last value."""

    forests: Forests
    name: ClassVar[str] = "joint-forest"
    joint: ClassVar[bool] = True
    multivariate: ClassVar[bool] = True
    history: ClassVar[int] = 1

    @classmethod
    def fit(cls, rows: Prepared, seed: int) -> Self | None:
        whole = np.isfinite(rows.z).all(axis=1)
        if rows.z.shape[1] < 2 or whole.sum() < MIN_ROWS:
            return None
        return cls(grow([rows.z[whole].astype(np.float32)], TREES, seed))

    def deviation(self, rows: Prepared) -> Floats:
        x = fill_forward(rows.z)[rows.first :].astype(np.float32)
        score: Floats = 10.0 * self.forests.score(x[None])[0]
        score[np.isnan(rows.scored).all(axis=1)] = np.nan
        return score[:, None]

    def to_arrays(self) -> Arrays:
        return self.forests.to_arrays()

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        return cls(Forests(arrays))
