"""Distance of a metric's last windows, as a shape, from the nearest shapes seen in training.

Not normalised: level and shape count both. For services with one metric, where it is the strongest
single detector; with many metrics its reference shapes would cost more than they find.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from detector_runtime.detectors.base import Arrays
from detector_runtime.series.features import Prepared
from detector_runtime.series.frame import Floats

WIDTH = 5
NEIGHBOURS = 5
REFERENCES = 2000
MAX_INPUT = 20.0
CHUNK = 500
"""Rows compared with all references at a time: bounds memory at 8 MB."""


@dataclass(frozen=True, slots=True, eq=False)
class WindowNeighbours:
    """`shapes` float32 (m, references, WIDTH) in scaled units.

    A training row that is its own reference has a distance of 0 to itself, so the distance is to
    the neighbour after the nearest five; that is the same rank for unseen rows.
    """

    shapes: NDArray[np.float32]
    name: ClassVar[str] = "window-neighbours"
    reason: ClassVar[str] = "shape unlike any seen before"
    joint: ClassVar[bool] = False
    multivariate: ClassVar[bool] = False
    history: ClassVar[int] = WIDTH - 1
    weight: ClassVar[float] = 1.0

    @classmethod
    def fit(cls, rows: Prepared, seed: int) -> Self | None:
        present = np.isfinite(rows.scored).all(axis=1)
        taken = np.flatnonzero(present)
        if len(taken) < 10 * NEIGHBOURS:
            return None
        if len(taken) > REFERENCES:
            chosen = np.random.default_rng(seed).choice(len(taken), REFERENCES, replace=False)
            taken = taken[np.sort(chosen)]
        return cls(_shapes(rows)[taken].transpose(1, 0, 2).astype(np.float32))

    def deviation(self, rows: Prepared) -> Floats:
        shapes = _shapes(rows).astype(np.float32)
        out = np.empty(shapes.shape[:2])
        for column, references in enumerate(self.shapes):
            square = (references**2).sum(axis=1)
            for at in range(0, len(shapes), CHUNK):
                part = shapes[at : at + CHUNK, column]
                distance = square - 2 * part @ references.T + (part**2).sum(axis=1)[:, None]
                nearest = np.partition(distance, NEIGHBOURS, axis=1)[:, NEIGHBOURS]
                out[at : at + CHUNK, column] = np.sqrt(np.maximum(nearest, 0.0))
        signed = np.where(rows.scored < 0, -out, out)
        return np.where(np.isnan(rows.scored), np.nan, signed)

    def to_arrays(self) -> Arrays:
        return {"shapes": self.shapes}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        return cls(**arrays)  # type: ignore[arg-type]


def _shapes(rows: Prepared) -> Floats:
    return rows.past(rows.z, WIDTH, MAX_INPUT)
