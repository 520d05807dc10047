"""How many false incidents a level of the score will bring: read off windows that no model learned
from.

A model is surer of its own history than of tomorrow. On labelled servers the rate falls tenfold
over one unit of score in the history that was learned from, and over up to two units in the weeks
after it. So the rate is estimated on the last fifth of the history under a model of the first four
fifths, by peaks over a threshold (Pickands 1975): incidents at the lowest level, and an exponential
law for how far their peaks reach beyond it. A fifth of a short history holds few incidents; what it
does not show comes from the rest of the history and from the law that a calibrated score follows by
itself. The rate that is asked for is that of the predictive distribution, which is the more careful
the less was seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector_runtime.contract.run_config import IncidentSpec
from detector_runtime.fitting.alert_level import LOWEST, WEEK, History
from detector_runtime.fitting.incident_spans import incident_spans
from detector_runtime.model.magnitude import LARGE
from detector_runtime.series.frame import Floats

PRIOR_INCIDENTS = 8.0
"""Held-out incidents that the history's own rate and PRIOR_EXCESS weigh as much as."""
PRIOR_EXCESS = 0.5
"""Mean excess of a peak, in units of score, before any is seen. A calibrated score falls tenfold a
unit, which is 0.43; six labelled servers showed 0.45 to 0.55 in what was learned from, 0.4 to 0.9
in what was not."""
LEAST_RATE = 0.5
"""Incidents a week at the lowest level that are expected of any service."""
NOTABLE = 2.0
"""Peak from which incidents tell how many are large: a windowful in a hundred."""
PRIOR_LARGE = 2.0
"""Large incidents, and as many others, that are counted before any is seen."""
MAX_EXCESS = 5.0
"""A peak further out is an incident of its own kind and says little of the others' tail."""


@dataclass(frozen=True, slots=True)
class IncidentRate:
    """Incidents a week above a level: `at_lowest` of them at LOWEST, excesses exponential with a
    scale known as well as `seen` draws that sum to `total` make it (a Lomax law)."""

    at_lowest: float
    seen: float
    total: float

    def per_week(self, level: float) -> float:
        excess = max(level - LOWEST, 0.0)
        return float(self.at_lowest * (1.0 + excess / self.total) ** -self.seen)

    def level(self, per_week: float) -> float:
        """The lowest level with at most so many incidents a week, never below LOWEST."""
        ratio = max(self.at_lowest / per_week, 1.0)
        return float(LOWEST + self.total * (ratio ** (1.0 / self.seen) - 1.0))


def incident_rate(held: Floats, quiet: NDArray[np.bool_], history: History) -> IncidentRate:
    """From scores (n,) of held-out windows, of which `quiet` ones count, and the history."""
    peaks = confirmed_peaks(held, quiet, history.step, history.rules)
    weeks = float((quiet & np.isfinite(held)).sum()) * history.step / WEEK
    known = history.false_incidents(LOWEST) / history.weeks if history.weeks else 0.0
    usual = max(known, LEAST_RATE)
    excess = np.clip(peaks - LOWEST, 0.0, MAX_EXCESS)
    return IncidentRate(
        at_lowest=(len(peaks) + PRIOR_INCIDENTS) / (weeks + PRIOR_INCIDENTS / usual),
        seen=len(peaks) + PRIOR_INCIDENTS,
        total=float(excess.sum()) + PRIOR_INCIDENTS * PRIOR_EXCESS,
    )


def large_share(
    held: Floats, quiet: NDArray[np.bool_], magnitude: Floats, history: History
) -> float:
    """Share of the notable held-out incidents in which a metric stayed far outside its range:
    what makes a false incident one that people are told of."""
    found = [
        bool((magnitude[first : last + 1] >= LARGE).any())
        for first, last in incident_spans(
            np.where(quiet, held, 0.0) >= NOTABLE,
            history.step,
            history.rules,
            quiet & np.isfinite(held),
        )
    ]
    return (sum(found) + PRIOR_LARGE) / (len(found) + 2 * PRIOR_LARGE)


def confirmed_peaks(
    scores: Floats, counted: NDArray[np.bool_], step: int, rules: IncidentSpec
) -> Floats:
    """Of each incident at LOWEST the highest level at which it would have been confirmed."""
    present = counted & np.isfinite(scores)
    known = np.where(present, scores, 0.0)
    needed = rules.confirmation_cycles
    lowest_of = known.copy()
    for back in range(1, min(needed, len(known))):
        lowest_of[back:] = np.minimum(lowest_of[back:], known[:-back])
    lowest_of[: needed - 1] = 0.0
    spans = incident_spans(known >= LOWEST, step, rules, present)
    return np.array([lowest_of[first : last + 1].max() for first, last in spans], dtype=np.float64)
