"""Distance of a value from the metric's median, in robust units: the clock plays no part.

It never saturates, which is what a forest lacks outside its training range.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from detector_runtime.detectors.base import Arrays
from detector_runtime.features import Prepared
from detector_runtime.series import Floats


@dataclass(frozen=True, slots=True, eq=False)
class Robust:
    name: ClassVar[str] = "robust"
    joint: ClassVar[bool] = False
    multivariate: ClassVar[bool] = False
    history: ClassVar[int] = 0

    @classmethod
    def fit(cls, rows: Prepared, seed: int) -> Self | None:  # noqa: ARG003
        return cls()

    def deviation(self, rows: Prepared) -> Floats:
        return rows.scored

    def to_arrays(self) -> Arrays:
        return {}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:  # noqa: ARG003
        return cls()
