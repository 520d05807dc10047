"""All rows in two dimensions: principal components, to look at and for nothing else."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detector_runtime.series.frame import Floats, Ints

MAX_SHOWN = 3000
"""Rows drawn; anomalies come first, because they are few."""


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """`explained` (2,): share of the variance of each component; `points` (n, 2) of the rows that
    are shown, `kinds` (n,) of theirs."""

    explained: tuple[float, float]
    points: Floats
    kinds: Ints


def projection(values: Floats, kinds: Ints, seed: int) -> Projection:
    """Of rows (n, k). With one column the second component explains nothing."""
    centred = values - values.mean(axis=0)
    _, sizes, axes = np.linalg.svd(centred, full_matrices=False)
    variance = sizes**2
    share = [*(variance / variance.sum()).tolist(), 0.0]
    plane = np.zeros((len(values), 2))
    # The sign of a component has no meaning: its largest weight is positive.
    used = axes[:2] * np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])[:2, None]
    plane[:, : len(used)] = centred @ used.T
    shown = _shown(kinds, seed)
    return Projection((share[0], share[1]), plane[shown], kinds[shown])


def _shown(kinds: Ints, seed: int) -> Ints:
    if len(kinds) <= MAX_SHOWN:
        return np.arange(len(kinds))
    order = np.random.default_rng(seed).permutation(len(kinds))
    first = order[np.argsort(kinds[order] == 0, kind="stable")][:MAX_SHOWN]
    return np.sort(first)
