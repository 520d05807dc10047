"""From "how many false incidents a week may there be" to a level of the score.

The level is read off how often quiet behaviour would have confirmed an incident: the same
confirmation, grace and separation as the operator's folding. Beyond what the sample shows, the
rate falls as the calibrated tail does.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detector_runtime.series import Floats

CONFIRMATION_WINDOWS = 2
GRACE_WINDOWS = 3
WEEK = 7 * 86_400


def incident_starts(
    anomalous: NDArray[np.bool_],
    confirmation: int = CONFIRMATION_WINDOWS,
    grace: int = GRACE_WINDOWS,
) -> list[tuple[int, int]]:
    """Confirmed incidents as (row of the first sighting, row of the last)."""
    found: list[tuple[int, int]] = []
    first = last = -1
    streak = missed = 0
    open_ = False
    for row in np.flatnonzero(anomalous).tolist():
        missed = row - last - 1 if last >= 0 else 0
        if last >= 0 and (missed >= grace if open_ else missed > 0):
            if open_:
                found.append((first, last))
            open_, streak, last = False, 0, -1
        if streak == 0:
            first = row
        streak += 1
        last = row
        open_ = open_ or streak >= confirmation
    if open_:
        found.append((first, last))
    return found


def incidents_per_week(scores: Floats, level: float, step: int) -> float:
    """Confirmed incidents a week of `scores` (n,), consecutive windows, at `level`."""
    present = np.isfinite(scores)
    weeks = max(int(present.sum()) * step, 1) / WEEK
    return len(incident_starts(np.nan_to_num(scores) >= level)) / weeks


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
