"""What a detector is: learned once, immutable, and a pure function from rows to deviations.

Detectors know nothing of thresholds, directions or calibration: they say how far each metric is
from what they expect, signed, in a unit of their own. The engine makes tail probabilities of it.
"""

from __future__ import annotations

from typing import ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from detector_runtime.series.features import Prepared
from detector_runtime.series.frame import Floats

Arrays = dict[str, NDArray[np.generic]]


class Detector(Protocol):
    """`deviation` gives (rows from `first` on, m), or (.., 1) for a `joint` detector.

    `reason` says in a few words what it sees; `history` rows before a row are read for it;
    `weight`: what a joint detector's word counts beside that of one which judges each metric. NaN
    where the row has no value to judge.
    """

    name: ClassVar[str]
    reason: ClassVar[str]
    joint: ClassVar[bool]
    multivariate: ClassVar[bool]
    history: ClassVar[int]
    weight: ClassVar[float]

    @classmethod
    def fit(cls, rows: Prepared, seed: int) -> Self | None:
        """Learn from rows taken as normal; None where this detector has nothing to say."""

    def deviation(self, rows: Prepared) -> Floats: ...

    def to_arrays(self) -> Arrays: ...

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self: ...
