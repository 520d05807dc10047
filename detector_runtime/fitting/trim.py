"""Which training windows are not normal: past incidents must not become the new normal.

The bulk of the evidence says how far its tail should reach; windows far beyond that are left out
of calibration. How many they are is estimated from the evidence itself; `expectedAnomalyRate`
bounds it from above: at most three times that share, never more than 15 %. There is no lower bound,
as a clean history would lose good windows to it. No threshold is set here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector_runtime.series.frame import Floats

MAX_TRIMMED = 0.15
MAX_FACTOR = 3.0
MIN_WINDOWS = 100
MARGIN_SECONDS = 600
"""Time before and after an implausible window that goes with it: onset and recovery."""
PLAUSIBLE = 1.0 / 288
"""Probability, by the bulk's own tail, below which a window is taken as part of an incident: once
a day at a step of five minutes. Left in, a month's real incidents (two or three a week on the
servers measured) would count as false ones and push the alert level beyond most of the next."""
CHANCE_RATE = PLAUSIBLE / 2
"""How often quiet behaviour passes that limit. Evidence averaged over windows has a lighter tail
than the exponential that the limit assumes: half as many were seen where nothing had happened."""


@dataclass(frozen=True, slots=True, eq=False)
class Trimming:
    """`windows` (n,): no part of the evidence's own bulk; `by_chance` 0 .. 1: the share of them
    that counts as quiet behaviour. It falls to 0 where there are twice as many as chance explains:
    such a history holds incidents, and what little of it was chance cannot be told from them."""

    windows: NDArray[np.bool_]
    by_chance: float


def implausible(evidence: Floats, expected_rate: float, step: int) -> Trimming:
    """Which windows of smoothed evidence (n,) are no part of its own bulk.

    The bulk's tail is taken as exponential between the median and the 90 % quantile, which is
    on the safe side for the light-tailed root mean squares at hand.
    """
    out = np.zeros(len(evidence), dtype=bool)
    present = np.flatnonzero(np.isfinite(evidence))
    if len(present) < MIN_WINDOWS:
        return Trimming(out, 1.0)
    values = evidence[present]
    half, high = np.quantile(values, [0.5, 0.9])
    scale = (high - half) / np.log(5.0)
    limit = half + scale * np.log(0.5 / PLAUSIBLE)
    beyond = int((values > limit).sum())
    explained = CHANCE_RATE * len(values) / max(beyond, 1)
    by_chance = float(np.clip(2 * explained - 1, 0.0, 1.0))
    most = min(MAX_FACTOR * expected_rate, MAX_TRIMMED)
    limit = max(limit, float(np.quantile(values, 1.0 - most)))
    margin = MARGIN_SECONDS // step
    for row in present[values > limit]:
        out[max(row - margin, 0) : row + margin + 1] = True
    return Trimming(out, by_chance)
