"""Distance from the moving average of the metric's own last hours.

A level that has drifted since training does not disturb it; a slow drift it does not see.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from detector_runtime.detectors.base import Arrays
from detector_runtime.series.features import Prepared
from detector_runtime.series.frame import Floats

LONG_STEP = 900
MAX_WIDTH = 60
REACH_SECONDS = 5 * 3600
"""Half a working day: what it is compared with is the metric's own recent past."""
MAX_INPUT = 20.0


@dataclass(frozen=True, slots=True, eq=False)
class MovingAverage:
    name: ClassVar[str] = "moving-average"
    reason: ClassVar[str] = "away from the mean of its last hours"
    joint: ClassVar[bool] = False
    multivariate: ClassVar[bool] = False
    history: ClassVar[int] = MAX_WIDTH
    weight: ClassVar[float] = 1.0

    @classmethod
    def fit(cls, rows: Prepared, seed: int) -> Self | None:  # noqa: ARG003
        return cls()

    def deviation(self, rows: Prepared) -> Floats:
        """Residual minus the mean of the windows before it, up to five hours of them (60 windows
        where a step is longer than a quarter of an hour)."""
        width = MAX_WIDTH if rows.step > LONG_STEP else min(MAX_WIDTH, REACH_SECONDS // rows.step)
        known = rows.with_past(rows.residual, width + 1, MAX_INPUT)
        total = np.cumsum(np.concatenate([np.zeros((1, known.shape[1])), known]), axis=0)
        before = (total[width:-1] - total[: -width - 1]) / width
        out: Floats = np.clip(rows.residual[rows.first :], -MAX_INPUT, MAX_INPUT) - before
        return out

    def to_arrays(self) -> Arrays:
        return {}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:  # noqa: ARG003
        return cls()
