"""What is promised at each setting: the levels that a model serves with, and what they will bring.

A level is the higher of two answers to the same question. The history that the model learned from
can be counted, with all its weeks, but it flatters the model; the held-out part does not flatter
and is short. Where they disagree, the one that promises less is believed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detector_runtime.fitting.alert_level import LOWEST, PRECISION, History
from detector_runtime.fitting.incident_rate import IncidentRate
from detector_runtime.model.calibrate import CAP
from detector_runtime.model.severity_levels import CRITICAL_SHARE, HIGH_SHARE, SeverityLevels
from detector_runtime.series.frame import Floats

SETTLED_DAYS = 14
"""Days of history from which a level stands as read; below, it is set higher the less was seen: by
half the logarithm of the ratio, as the error of a level falls with the root of the sample. Measured
on the first days of labelled servers."""
MOST_FROM_REAL = 3.0
"""Real incidents that a level leaves room for, as a multiple of the tolerated false ones. With the
tolerated one of the default, four a week are the most that a service shows."""
SETTINGS = 2.0 ** np.arange(2, -2.5, -0.5)
"""Settings beside the one asked for, as factors of it: people see what another would bring."""


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """`table` (9, 2): alert level and false incidents a week to expect there, what was asked for
    in the middle row; `rates`: false incidents a week to expect above each rung of `levels`."""

    levels: SeverityLevels
    table: Floats
    rates: tuple[float, float, float]

    def by_severity(self, large: float) -> Floats:
        """(4,): false incidents a week of any severity, of Medium and above, High and above,
        Critical. `large`: share of them that have the magnitude for more than Low."""
        alert, high, critical = self.rates
        return np.array([alert, alert * large, high * large, critical * large])


def calibrated(history: History, rate: IncidentRate, wanted: float, days: float) -> Calibration:
    """Levels for `wanted` false incidents a week, from a history of so many days."""
    rates, rungs = wanted * SETTINGS, wanted * np.array([1.0, HIGH_SHARE, CRITICAL_SHARE])
    room = np.minimum(unrecognised(history), MOST_FROM_REAL * rates)
    asked, confirmed = np.concatenate([rates, rungs]), np.concatenate([rates + room, rungs])
    learned = np.array(history.levels(confirmed.tolist()))
    unlearned = np.array([rate.level(one) for one in confirmed.tolist()])
    levels = np.maximum(learned, unlearned)
    # where the level may fall no further, fewer come than were asked for
    floored = levels < LOWEST + PRECISION
    asked = np.where(floored, np.minimum(asked, rate.at_lowest), asked)
    levels = np.minimum(levels + unseen(days), CAP)
    count = len(SETTINGS)
    ladder = np.maximum.accumulate(levels[[count // 2, *range(count, len(levels))]])
    return Calibration(
        SeverityLevels(*ladder.tolist()),
        np.column_stack([np.maximum.accumulate(levels[:count]), asked[:count]]),
        (float(asked[count // 2]), float(asked[count + 1]), float(asked[count + 2])),
    )


def unrecognised(history: History) -> float:
    """Real incidents a week among those that count as false at the alert level.

    Trimming recognises a real incident by its size. A history that holds large ones holds small
    ones too, taken to be as many; a level that let through only the tolerated number of both would
    be one that real incidents set. There is room for them on the object alone: what people are told
    of, Medium and above, keeps the tolerated rate with them.
    """
    return history.real_incidents() / history.weeks if history.weeks else 0.0


def unseen(days: float) -> float:
    """How much higher a level stands for what a history of so many days has not shown."""
    return max(0.5 * float(np.log10(SETTLED_DAYS / days)), 0.0)
