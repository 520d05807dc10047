"""When an anomaly is over: what detectors remember of it must not outlive it.

The score is a mean over several windows and most detectors read a dozen windows back, so it stays
high for a while after every metric has returned. People (and the incident) ask about now. A window
is therefore no longer anomalous once the metrics that left their usual range in this very anomaly,
the unbroken run of high scores, are all back inside. From then on a metric must be far outside, or
outside for more than one window, to begin anew: by chance one of many is outside now and then, and
a score that still remembers the fault would make an incident of it. This module only ever says
"over": it raises no alarm, changes no score, and has no say in an anomaly in which no metric left
its usual range (a freeze, a change of the metrics' relation), whatever happened hours before.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detector_runtime.series.features import USUAL_WIDTH, fill_forward, one_sided
from detector_runtime.series.frame import Floats, Ints

Bools = NDArray[np.bool_]

BACK_WINDOWS = 2
"""Windows that all metrics must be back for, or one outside for to begin anew: one alone may be
chance."""
FAR = 2.0
"""Half-widths of the usual range from which on one window outside is no chance, as in `magnitude`:
twice the range's three sigma."""


def outside(residual: Floats, side: Ints, reach: float = 1.0) -> Bools:
    """(n,) windows in which a metric is outside its usual range, `reach` half-widths from its usual
    value.

    `residual` (n, m): distance from the usual value in units of its spread, NaN where missing;
    `side` (m,) as in `Scaling`. A missing value is neither inside nor outside: the metric stays
    where it was last seen.
    """
    beyond = one_sided(fill_forward(residual), side) >= reach * USUAL_WIDTH
    return np.asarray(beyond.any(axis=1))


def recovered(
    outside: Bools, high: Bools, lookback: int | None = None, far: Bools | None = None
) -> Bools:
    """(n,) windows whose high score is only memory: in their run of `high` ones some metric was
    `outside` (both (n,)), then none was for BACK_WINDOWS, and since then none has been for as many
    windows on end or `far` (n,) outside. Of a run no more than the last `lookback` windows count.
    Causal.
    """
    rows = np.arange(1, len(high) + 1)
    seen = np.concatenate([[0], np.cumsum(outside)])
    begin = np.maximum.accumulate(np.where(high, 0, rows))
    if lookback is not None:
        begin = np.maximum(begin, rows - 1 - lookback)
    lately = seen[rows] - seen[np.maximum(rows - BACK_WINDOWS, 0)]
    back = np.maximum.accumulate(np.where(lately == 0, rows, 0))
    begun = lately == BACK_WINDOWS if far is None else (lately == BACK_WINDOWS) | far
    again = np.maximum.accumulate(np.where(begun, rows, 0))
    over: Bools = high & (seen[back] > seen[begin]) & (back > again)
    return over
