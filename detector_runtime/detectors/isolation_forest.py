"""scikit-learn's Isolation Forest over the metrics of one window, scored by numpy.

A member that people name by hand: it reads the values of one window and nothing of its past, as the
textbook does. `JointForest` reads the last windows' means and deviations too, and serves in `Auto`.
Its score is flat outside the training range, so it says little of how far a value went.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from detector_runtime.detectors.base import Arrays
from detector_runtime.detectors.forest import Forests, grow
from detector_runtime.detectors.plain_rows import plain_rows
from detector_runtime.series.features import Prepared
from detector_runtime.series.frame import Floats

TREES = 200
CONTAMINATION = 0.05
MIN_ROWS = 100


@dataclass(frozen=True, slots=True, eq=False)
class IsolationForest:
    """Deviation: the isolation score, in (0, 1), one number a window. `threshold`: the deviation
    above which scikit-learn's `predict` calls a row an outlier."""

    forests: Forests
    threshold: float
    name: ClassVar[str] = "isolation-forest"
    reason: ClassVar[str] = "window isolated by few cuts"
    joint: ClassVar[bool] = True
    multivariate: ClassVar[bool] = True
    history: ClassVar[int] = 0
    weight: ClassVar[float] = 1.0

    @classmethod
    def learn(
        cls,
        table: Floats,
        *,
        trees: int = TREES,
        contamination: float = CONTAMINATION,
        seed: int = 42,
    ) -> Self:
        """From rows (n, k) without holes; `contamination`: the share of them above `threshold`."""
        forests = grow([table.astype(np.float32)], trees, seed)
        score = forests.score(table.astype(np.float32)[None])[0]
        return cls(forests, -float(np.percentile(-score, 100.0 * contamination)))

    def score_samples(self, table: Floats) -> Floats:
        """(n,): as scikit-learn's `score_samples` for rows (n, k); lower is more unusual."""
        out: Floats = -self.forests.score(table.astype(np.float32)[None])[0]
        return out

    @classmethod
    def fit(
        cls,
        rows: Prepared,
        seed: int,
        *,
        trees: int = TREES,
        contamination: float = CONTAMINATION,
    ) -> Self | None:
        table, present = plain_rows(rows)
        if present.sum() < MIN_ROWS:
            return None
        return cls.learn(table[present], trees=trees, contamination=contamination, seed=seed)

    def deviation(self, rows: Prepared) -> Floats:
        """A missing metric stands at its centre; NaN where every metric is missing."""
        table, present = plain_rows(rows)
        return np.where(present, -self.score_samples(table), np.nan)[:, None]

    def to_arrays(self) -> Arrays:
        return {**self.forests.to_arrays(), "limit": np.array([self.threshold])}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        forest = {name: array for name, array in arrays.items() if name != "limit"}
        return cls(Forests(forest), float(arrays["limit"][0]))
