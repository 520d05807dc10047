"""How much a distance weighs where the tail of a metric is heavier than a normal one.

Losses of small batches, and of data with outliers, lie six standard deviations off every few
thousand rows. The weight never makes a z-score larger.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log

from detector_runtime.training_run.quantiles import quantile

TAIL, TAIL_Z = 0.975, 1.960
_END, _END_Z = 0.995, 2.576
_LEAST_ROWS = 200
"""Rows that the end of a tail needs: one of them lies beyond it."""
_HEAVY = 1.1
"""Length of the end of a tail, in that of a normal one, from which the tail is heavy: 1,000 rows of
normal noise have 1.00, with a standard deviation of 0.06."""


def weight(ordered: Sequence[float], value: float) -> float | None:
    """The normal deviate of `value`; None where its side of `ordered` has no heavy tail.

    Distances from the median are taken to grow with a power of the normal deviate (1 = normal), and
    the power is that between the 2.5 % and the 0.5 % quantile.
    """
    if len(ordered) < _LEAST_ROWS:
        return None
    level = quantile(ordered, 0.5)
    above = value > level
    tail = abs(quantile(ordered, TAIL if above else 1 - TAIL) - level)
    end = abs(quantile(ordered, _END if above else 1 - _END) - level)
    if tail <= 0 or end / tail < _HEAVY * _END_Z / TAIL_Z:
        return None
    power = log(end / tail) / log(_END_Z / TAIL_Z)
    normal: float = TAIL_Z * (abs(value - level) / tail) ** (1 / power)
    return normal
