"""Values that repeat themselves when they never do: a stuck exporter, a dead connection.

A frozen value lies within every usual range, so whoever measures distances does not see it. Read
over all metrics together, as what freezes is mostly their common source; a missing value repeats
nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from detector_runtime.detectors.base import Arrays
from detector_runtime.series.features import Prepared, trailing
from detector_runtime.series.frame import Floats

WIDTH = 12
RAREST = 1e-3
"""Lowest share of repeated values that is told apart."""
MIN_WEIGHT = 0.5
"""Of the liveliest metric: below, every value repeats itself in three windows of five."""
MIN_ROWS = 100


@dataclass(frozen=True, slots=True, eq=False)
class Flatline:
    """`surprise` (m,): -ln of how often each metric repeats its value in training.

    Deviation: the surprise of the repeated values of the last WIDTH windows, as a share of what a
    full flatline would be.
    """

    surprise: Floats
    name: ClassVar[str] = "flatline"
    reason: ClassVar[str] = "values that repeat themselves"
    joint: ClassVar[bool] = True
    multivariate: ClassVar[bool] = False
    history: ClassVar[int] = WIDTH
    weight: ClassVar[float] = 1.0

    @classmethod
    def fit(cls, rows: Prepared, seed: int) -> Self | None:  # noqa: ARG003
        z = rows.scored
        pairs = np.isfinite(z[1:]) & np.isfinite(z[:-1])
        if pairs.any(axis=1).sum() < MIN_ROWS:
            return None
        share = ((z[1:] == z[:-1]) & pairs).sum(axis=0) / np.maximum(pairs.sum(axis=0), 1)
        # a metric that training never saw says nothing
        surprise = np.where(pairs.any(axis=0), -np.log(np.maximum(share, RAREST)), 0.0)
        return cls(surprise) if surprise.max() >= MIN_WEIGHT else None

    def deviation(self, rows: Prepared) -> Floats:
        head = max(rows.first - WIDTH, 0)
        z = rows.z[head:]
        pairs = np.isfinite(z[1:]) & np.isfinite(z[:-1])
        repeated = ((z[1:] == z[:-1]) & pairs) @ self.surprise
        share = repeated / self.surprise.sum()
        # the first row has none before it to repeat
        known = np.concatenate([[0.0], share])[:, None]
        out: Floats = trailing(known, WIDTH, rows.first - head).mean(axis=2)[:, 0]
        out[np.isnan(rows.scored).all(axis=1)] = np.nan
        return out[:, None]

    def to_arrays(self) -> Arrays:
        return {"surprise": self.surprise}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        return cls(**arrays)  # type: ignore[arg-type]
