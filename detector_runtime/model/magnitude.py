"""How far outside its usual range a metric has stayed: what tells trouble from a rare wiggle.

A score says how rare a window is, and on a calm service rare is soon reached without anything
being wrong. On generated services nine in ten false incidents had no metric twice as far out as
its range is wide for three minutes on end; of the faults all had one.
"""

from __future__ import annotations

import numpy as np

from detector_runtime.series.features import USUAL_WIDTH
from detector_runtime.series.frame import Floats

SUSTAINED_SECONDS = 180
LARGE = 1.0
"""From this distance on it is more than a wiggle: the usual range is 3 sigma, so this is 6."""
VERY_LARGE = 2.0
OVERWHELMING = 15.0
"""From here on the size alone says that it is rare, whatever a score with a heavy tail says."""
LEAST_WINDOWS = 2
"""One window may be chance at any step."""


def windows(step: int) -> int:
    """Windows that a metric has to stay out."""
    return max(-(-SUSTAINED_SECONDS // step), LEAST_WINDOWS)


def sustained(distance: Floats, step: int) -> Floats:
    """(n,): the farthest that some metric has been out in each of the last windows, in half-widths
    of its usual range beyond it; 0 where none has.

    `distance` (n, m): from the usual value in units of its spread, on the alarming side. A missing
    value has not been out.
    """
    beyond = np.fmax(np.abs(distance) / USUAL_WIDTH - 1.0, 0.0)  # 0 for NaN, too
    held = beyond.copy()
    for back in range(1, windows(step)):
        held[back:] = np.minimum(held[back:], beyond[: len(beyond) - back])
        held[:back] = 0.0
    out: Floats = held.max(axis=1, initial=0.0)
    return out
