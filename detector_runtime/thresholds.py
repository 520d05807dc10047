"""From "how many false incidents a week may there be" to a level of the score.

The level is read off how often quiet behaviour would have confirmed an incident: the same
confirmation, grace and reopening as the operator's folding. Beyond what the sample shows, the
rate falls as the calibrated tail does.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detector_runtime.series import Floats

CONFIRMATION_WINDOWS = 2
GRACE_WINDOWS = 3
REOPEN_SECONDS = 1800
WEEK = 7 * 86_400


def incident_spans(anomalous: NDArray[np.bool_], step: int) -> list[tuple[int, int]]:
    """Incidents of consecutive windows (n,) as (row that confirms it, row last seen).

    Two anomalous windows in a row confirm; three others close; an anomalous window within half an
    hour of closing reopens.
    """
    found: list[tuple[int, int]] = []
    reopen = GRACE_WINDOWS + REOPEN_SECONDS // step
    before = -2
    for row in np.flatnonzero(anomalous).tolist():
        if found and row - found[-1][1] <= reopen:
            found[-1] = (found[-1][0], row)
        elif row - before == CONFIRMATION_WINDOWS - 1:
            found.append((row, row))
        before = row
    return found


def incidents_per_week(scores: Floats, level: float, step: int) -> float:
    """Confirmed incidents a week of `scores` (n,), consecutive windows, at `level`."""
    present = np.isfinite(scores)
    weeks = max(int(present.sum()) * step, 1) / WEEK
    return len(incident_spans(np.nan_to_num(scores) >= level, step)) / weeks


def alert_level(scores: Floats, step: int, wanted: float) -> float:
    """The lowest score level at which quiet `scores` confirm at most `wanted` incidents a week.

    Where the history is too short to show so few, one incident in it anchors the tail: score is
    -log10 of a probability, so a rate ten times smaller lies one unit higher.
    """
    present = scores[np.isfinite(scores)]
    if len(present) == 0:
        return 3.0
    low, high = 0.5, float(present.max()) + 1e-6
    weeks = len(present) * step / WEEK
    reachable = max(wanted, 1.0 / max(weeks, 1e-9))
    for _ in range(24):
        middle = (low + high) / 2
        if incidents_per_week(scores, middle, step) > reachable:
            low = middle
        else:
            high = middle
    return float(high + np.log10(reachable / wanted))
