"""Made-up sensor rows with three kinds of anomalies: what `evaluate` measures without a file.

The recipe is that of a published notebook on voting detectors, so that its table can be checked:
8 correlated normal features, 5 % anomalies in thirds, shuffled. It favours detectors that look at
one feature at a time: two of the three kinds leave the usual range of a single feature.
"""

from __future__ import annotations

import numpy as np

from anomaly_cli.evaluation.labelled import Labelled
from detector_runtime.series.frame import Floats

ROWS, FEATURES, SHARE = 10_000, 8, 0.05
KINDS = ("spike", "broken correlation", "drifted cluster")
_VARIANCE, _NEIGHBOURS = 0.8, 0.3
"""Of a feature, and its covariance with the next one."""
_SPIKE = (4.0, 9.0)
_FLIP = -5.0
_DRIFT, _DRIFT_VARIANCE = (3.0, 5.0), 0.5


def generated(seed: int) -> Labelled:
    """10,000 rows. One stream of random numbers, drawn in a fixed order: a seed names the rows."""
    random = np.random.default_rng(seed)
    anomalies = round(SHARE * ROWS)
    third = anomalies // 3
    counts = [ROWS - anomalies, third, third, anomalies - 2 * third]
    beside = np.eye(FEATURES, k=1) + np.eye(FEATURES, k=-1)
    covariance = _VARIANCE * np.eye(FEATURES) + _NEIGHBOURS * beside
    parts = [
        random.multivariate_normal(np.zeros(FEATURES), covariance, counts[0]),
        _spikes(random, counts[1]),
        _broken(random, counts[2], covariance),
        _drifted(random, counts[3]),
    ]
    order = random.permutation(ROWS)
    return Labelled(
        np.concatenate(parts)[order],
        np.repeat(np.arange(4), counts)[order],
        KINDS,
        tuple(f"feature_{number}" for number in range(1, FEATURES + 1)),
        alike=True,
        notes=(f"{ROWS:,} generated rows, seed {seed}",),
    )


def _spikes(random: np.random.Generator, rows: int) -> Floats:
    """Every feature is far out, on a side of its own."""
    size = random.uniform(*_SPIKE, (rows, FEATURES))
    spikes: Floats = size * random.choice([-1.0, 1.0], size=size.shape)
    return spikes


def _broken(random: np.random.Generator, rows: int, covariance: Floats) -> Floats:
    """Normal rows of which one feature is turned round and stretched."""
    values = random.multivariate_normal(np.zeros(FEATURES), covariance, rows)
    values[np.arange(rows), random.integers(0, FEATURES, rows)] *= _FLIP
    return values


def _drifted(random: np.random.Generator, rows: int) -> Floats:
    """A dense cluster beside the normal one: its rows are each other's neighbours."""
    centre = random.uniform(*_DRIFT, FEATURES)
    return random.multivariate_normal(centre, _DRIFT_VARIANCE * np.eye(FEATURES), rows)
