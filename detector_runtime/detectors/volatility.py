"""Change of a metric's restlessness: suddenly noisy, or suddenly frozen.

Many faults do not move a level, they make it swing; a dead exporter does the opposite. The
deviation of the last hour's windows is compared, on a log scale, with what is usual.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from detector_runtime.detectors.base import Arrays
from detector_runtime.series.features import Prepared
from detector_runtime.series.frame import Floats

WIDTH = 12
MAX_INPUT = 20.0
FLOOR = 0.05
"""Added to the deviation before the logarithm, in scaled units: quieter is all the same."""


@dataclass(frozen=True, slots=True, eq=False)
class Volatility:
    """`usual` (m,): median log deviation in training. Signed as the metric's own distance is."""

    usual: Floats
    name: ClassVar[str] = "volatility"
    reason: ClassVar[str] = "suddenly restless or frozen"
    joint: ClassVar[bool] = False
    multivariate: ClassVar[bool] = False
    history: ClassVar[int] = WIDTH - 1
    weight: ClassVar[float] = 1.0

    @classmethod
    def fit(cls, rows: Prepared, seed: int) -> Self | None:  # noqa: ARG003
        return cls(np.median(_log_deviation(rows), axis=0))

    def deviation(self, rows: Prepared) -> Floats:
        now = rows.residual[rows.first :]
        change = np.abs(_log_deviation(rows) - self.usual)
        return np.where(np.isnan(now), np.nan, np.where(now < 0, -change, change))

    def to_arrays(self) -> Arrays:
        return {"usual": self.usual}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        return cls(**arrays)  # type: ignore[arg-type]


def _log_deviation(rows: Prepared) -> Floats:
    out: Floats = np.log(rows.past(rows.residual, WIDTH, MAX_INPUT).std(axis=2) + FLOOR)
    return out
