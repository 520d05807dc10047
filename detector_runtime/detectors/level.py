"""Distance of the last few windows' mean from the metric's median: the clock plays no part.

It never saturates, which is what a forest lacks outside its training range, and three windows
together say more than one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from detector_runtime.detectors.base import Arrays
from detector_runtime.series.features import Prepared
from detector_runtime.series.frame import Floats

WIDTH = 3
MAX_INPUT = 50.0


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    name: ClassVar[str] = "level"
    reason: ClassVar[str] = "last windows' mean beyond its range"
    joint: ClassVar[bool] = False
    multivariate: ClassVar[bool] = False
    history: ClassVar[int] = WIDTH - 1
    weight: ClassVar[float] = 1.0

    @classmethod
    def fit(cls, rows: Prepared, seed: int) -> Self | None:  # noqa: ARG003
        return cls()

    def deviation(self, rows: Prepared) -> Floats:
        mean = rows.past(rows.z, WIDTH, MAX_INPUT).mean(axis=2)
        return np.where(np.isnan(rows.scored), np.nan, mean)

    def to_arrays(self) -> Arrays:
        return {}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:  # noqa: ARG003
        return cls()
