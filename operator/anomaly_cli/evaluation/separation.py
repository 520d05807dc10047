"""How far the scores of anomalies stand from those of normal rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from anomaly_cli.figures import Bools
from detector_runtime.series.frame import Floats

BINS = 40


@dataclass(frozen=True, slots=True)
class Group:
    """Mean and standard deviation (of the population) of `count` scores."""

    count: int
    mean: float
    deviation: float


@dataclass(frozen=True, slots=True, eq=False)
class Separation:
    """`edges` (b + 1,); `normal_density`, `anomaly_density` (b,), each with an area of one.
    `cohen_d`: NaN where no score varies."""

    member: str
    normal: Group
    anomaly: Group
    cohen_d: float
    edges: Floats
    normal_density: Floats
    anomaly_density: Floats


def separation(member: str, scores: Floats, anomalous: Bools) -> Separation:
    """Of one member's `scores` (n,), higher is more unusual; both groups have rows."""
    normal, anomaly = scores[~anomalous], scores[anomalous]
    edges = np.histogram_bin_edges(scores, bins=BINS)
    return Separation(
        member,
        _group(normal),
        _group(anomaly),
        cohen_d(normal, anomaly),
        edges,
        np.histogram(normal, bins=edges, density=True)[0],
        np.histogram(anomaly, bins=edges, density=True)[0],
    )


def cohen_d(one: Floats, other: Floats) -> float:
    """Difference of the means in pooled standard deviations: |m1 - m2| / sqrt((s1² + s2²) / 2)
    (Cohen, Statistical Power Analysis for the Behavioral Sciences, 1988)."""
    pooled = float(np.sqrt((one.var() + other.var()) / 2))
    return float(abs(one.mean() - other.mean())) / pooled if pooled > 0 else float("nan")


def _group(scores: Floats) -> Group:
    return Group(len(scores), float(scores.mean()), float(scores.std()))
