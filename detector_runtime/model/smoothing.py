"""Averages evidence over the last windows, because faults last and noise does not.

The newest window counts most and the others fade, so that an onset shows at once and a fault that
goes on gathers weight. It is a root mean square: one strong window among weak ones is not drowned.
A single metric has no neighbours to confirm what it shows. Time must do that, so a part of its
weights fades over hours.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from detector_runtime.series.frame import Floats

FADE_SECONDS, FADE_SECONDS_ONE_METRIC = 600, 1200
"""Time after which a window's weight has fallen to 1/e. A single metric is a noisier witness than
many together. Measured: 300 to 900 s differ little for many metrics, beyond that they lose."""
MAX_FADE = 7.0
"""Windows; at short steps the fade is bounded by what a run can afford to score again."""
SLOW_SHARE = 0.6
"""Of a single metric's weights: what fades over SLOW_SECONDS. Half to two thirds differ little."""
SLOW_SECONDS = 7200
"""Measured on single metrics: one hour gains half as much, four hours cost some at short faults."""
SLOW_MAX_FADE = 24.0
"""Windows; as MAX_FADE, for the slow part."""
SLOW_MAX_STEP = 600
"""A longer window is itself a mean over so much that more of them lose (metrics by the hour)."""
CUT = 2.5
"""Fades after which a window is left out; 8 % of the weight lie beyond."""


@cache
def kernel(step: int, metrics: int) -> Floats:
    """Weights of the last windows, the newest first and 1; at a step of an hour only that one."""
    fade = FADE_SECONDS_ONE_METRIC if metrics == 1 else FADE_SECONDS
    weights = _fading(min(fade / step, MAX_FADE))
    if metrics == 1 and step <= SLOW_MAX_STEP:
        slow = _fading(min(SLOW_SECONDS / step, SLOW_MAX_FADE))
        mixed = SLOW_SHARE * slow / slow.sum()
        mixed[: len(weights)] += (1 - SLOW_SHARE) * weights / weights.sum()
        weights = mixed / mixed[0]
    weights.flags.writeable = False
    return weights


def _fading(windows: float) -> Floats:
    """Exponential weights that fall to 1/e in so many windows."""
    weights: Floats = np.exp(-np.arange(max(int(np.ceil(CUT * windows)), 1)) / windows)
    return weights


def smooth(values: Floats, weights: Floats) -> Floats:
    """Weighted causal root mean square of values (n,); a missing one weighs nothing, stays NaN."""
    present = ~np.isnan(values)
    total = _trailing_sum(np.where(present, values, 0.0) ** 2, weights)
    mass = _trailing_sum(present.astype(np.float64), weights)
    return np.where(present, np.sqrt(total / np.maximum(mass, 1e-300)), np.nan)


def _trailing_sum(values: Floats, weights: Floats) -> Floats:
    if len(values) == 0:
        return values
    out: Floats = np.convolve(values, weights)[: len(values)]
    return out
