"""Local Outlier Factor in its novelty form (Breunig, Kriegel, Ng, Sander 2000), scored by numpy.

Equal to scikit-learn's within rounding, and fitted by numpy as well: what scikit-learn learns lies
in attributes that are not public. A model holds the kept rows, the distance of each to its last
neighbour that counts and its local reachability density. A new row is compared with every kept one,
so their number is bounded: at most `references` rows stay, drawn by the seed, in
references x (k + 2) x 8 bytes for k metrics, and work is done in pieces of at most CHUNK distances.
Where two kept rows are exactly as far away as the last neighbour that counts, which of them counts
is not defined, here as in scikit-learn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from detector_runtime.detectors.base import Arrays
from detector_runtime.detectors.plain_rows import plain_rows
from detector_runtime.series.features import Prepared
from detector_runtime.series.frame import Floats, Ints

NEIGHBOURS = 20
CONTAMINATION = 0.05
REFERENCES, MAX_REFERENCES = 2000, 10_000
"""Kept rows: 160 kB by default and 800 kB at most for eight metrics."""
CHUNK = 500_000
"""Distances computed at a time: 4 MB, and as much again for the neighbours."""
_TINY = 1e-10
"""Added to a mean distance before it is inverted, as scikit-learn does."""


@dataclass(frozen=True, slots=True, eq=False)
class LocalOutlierFactor:
    """`kept` (k, r) columns of the kept rows; `radius`, `density` (r,) distance to the last
    neighbour and local reachability density of each. `sampled_from`: rows that were there.

    Deviation: the factor, about 1 for a row like its neighbours. `threshold`: the factor above
    which scikit-learn's `predict` calls a row an outlier.
    """

    kept: Floats
    radius: Floats
    density: Floats
    neighbours: int
    threshold: float
    sampled_from: int
    name: ClassVar[str] = "local-outlier-factor"
    reason: ClassVar[str] = "sparser than its neighbours"
    joint: ClassVar[bool] = True
    multivariate: ClassVar[bool] = True
    history: ClassVar[int] = 0
    weight: ClassVar[float] = 1.0

    @classmethod
    def learn(
        cls,
        table: Floats,
        *,
        neighbours: int = NEIGHBOURS,
        contamination: float = CONTAMINATION,
        references: int = REFERENCES,
        seed: int = 42,
    ) -> Self:
        """From rows (n, k) without holes, n > `neighbours`, of which at most `references` stay."""
        total = len(table)
        if total > references:
            chosen = np.random.default_rng(seed).choice(total, references, replace=False)
            table = table[np.sort(chosen)]
        kept = np.ascontiguousarray(table.T, dtype=np.float64)
        references = len(table)
        radius, nearest = np.empty(references), np.empty((references, neighbours), dtype=np.int64)
        distance = np.empty((references, neighbours))
        rows = max(CHUNK // references, 1)
        for at in range(0, references, rows):
            part = slice(at, min(at + rows, references))
            square = _square_distances(kept, table[part])
            square[np.arange(len(square)), np.arange(part.start, part.stop)] = np.inf
            nearest[part], distance[part] = _nearest(square, neighbours)
            radius[part] = distance[part].max(axis=1)
        density = 1.0 / (_reach(distance, radius[nearest]) + _TINY)
        factor = density[nearest].mean(axis=1) / density
        limit = float(np.percentile(-factor, 100.0 * contamination))
        return cls(kept, radius, density, neighbours, -limit, total)

    def score_samples(self, table: Floats) -> Floats:
        """(n,): what scikit-learn's `score_samples` gives for rows (n, k): minus the factor."""
        rows = max(CHUNK // self.kept.shape[1], 1)
        parts = [self._factor(table[at : at + rows]) for at in range(0, len(table), rows)]
        return -np.concatenate(parts) if parts else np.zeros(0)

    def _factor(self, table: Floats) -> Floats:
        nearest, distance = _nearest(_square_distances(self.kept, table), self.neighbours)
        reach = _reach(distance, self.radius[nearest])
        out: Floats = self.density[nearest].mean(axis=1) * (reach + _TINY)
        return out

    @classmethod
    def fit(
        cls,
        rows: Prepared,
        seed: int,
        *,
        neighbours: int = NEIGHBOURS,
        contamination: float = CONTAMINATION,
        references: int = REFERENCES,
    ) -> Self | None:
        table, present = plain_rows(rows)
        if present.sum() < 5 * neighbours:
            return None
        return cls.learn(
            table[present],
            neighbours=neighbours,
            contamination=contamination,
            references=references,
            seed=seed,
        )

    def deviation(self, rows: Prepared) -> Floats:
        """A missing metric stands at its centre; NaN where every metric is missing."""
        table, present = plain_rows(rows)
        return np.where(present, -self.score_samples(table), np.nan)[:, None]

    def to_arrays(self) -> Arrays:
        return {
            "kept": self.kept,
            "radius": self.radius,
            "density": self.density,
            "counts": np.array([self.neighbours, self.sampled_from]),
            "limit": np.array([self.threshold]),
        }

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        kept, radius, density = (
            np.asarray(arrays[name], dtype=np.float64) for name in ("kept", "radius", "density")
        )
        neighbours, total = (int(count) for count in arrays["counts"])
        references = kept.shape[1]
        if radius.shape != (references,) or density.shape != (references,):
            raise ValueError(
                f"local outlier factor keeps {references} rows, {len(radius)} distances and "
                f"{len(density)} densities"
            )
        if not 0 < neighbours <= references:
            raise ValueError(f"{neighbours} neighbours of {references} kept rows")
        return cls(kept, radius, density, neighbours, float(arrays["limit"][0]), total)


def _square_distances(kept: Floats, table: Floats) -> Floats:
    """(n, r) of rows (n, k) to the kept ones (k, r), by exact differences: the expansion of the
    square loses half of the digits near zero."""
    out = np.zeros((len(table), kept.shape[1]))
    for column, values in enumerate(kept):
        away = values - table[:, column, None]
        away *= away
        out += away
    return out


def _nearest(square: Floats, neighbours: int) -> tuple[Ints, Floats]:
    """Of each row of squared distances (n, r) the nearest (n, neighbours) and how far they are."""
    nearest: Ints = np.argpartition(square, neighbours - 1, axis=1)[:, :neighbours]
    return nearest, np.sqrt(np.take_along_axis(square, nearest, axis=1))


def _reach(distance: Floats, radius: Floats) -> Floats:
    """(n,): mean reachability distance over the neighbours (n, k)."""
    out: Floats = np.maximum(distance, radius).mean(axis=1)
    return out
