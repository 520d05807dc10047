"""When an anomaly is over: what detectors remember of it must not outlive it.

The score is a mean over several windows and most detectors read a dozen windows back, so it stays
high for a while after every metric has returned. People (and the incident) ask about now. A window
is therefore no longer anomalous once the metrics that were outside their usual range are all back
inside. This module only ever says "over": it raises no alarm, changes no score, and has no say in
an anomaly in which no metric left its usual range (a change of the metrics' relation).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detector_runtime.features import fill_forward, one_sided
from detector_runtime.series import Floats, Ints

BACK_WINDOWS = 2
"""Windows that all metrics must be back for: one alone may be chance."""


def recovered(residual: Floats, side: Ints, usual_width: float, memory: int) -> NDArray[np.bool_]:
    """(n,) windows whose high score is only memory.

    `residual` (n, m): distance from the usual value in units of its spread, NaN where missing;
    `side` (m,) as in `Scaling`; `usual_width`: half-width of the usual range in the same units;
    `memory`: windows that detectors and smoothing look back. Causal. A missing value is neither
    inside nor outside: the metric stays where it was last seen.
    """
    if len(residual) == 0:
        return np.zeros(0, dtype=bool)
    outside = (one_sided(fill_forward(residual), side) >= usual_width).any(axis=1)
    seen = np.concatenate([[0], np.cumsum(outside)])
    rows = np.arange(1, len(seen))
    lately = seen[rows] - seen[np.maximum(rows - BACK_WINDOWS, 0)]
    remembered = seen[rows] - seen[np.maximum(rows - memory, 0)]
    over: NDArray[np.bool_] = (lately == 0) & (remembered > 0)
    return over
