"""From "how many false incidents a week may there be" to a level of the score.

The level is read off how often quiet behaviour would have confirmed an incident, under the
service's own settings of confirmation, grace, separation and reopening. Beyond what the sample
shows, the rate is taken to fall as the calibrated tail does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector_runtime.contract.run_config import IncidentSpec
from detector_runtime.fitting.incident_spans import incident_spans
from detector_runtime.model.calibrate import UNUSUAL
from detector_runtime.series.frame import Floats

WEEK = 7 * 86_400
LOWEST = UNUSUAL
"""A window that one in twenty is as unusual as raises no alarm, whatever the wish: a week of hourly
windows has only 168, and four incidents among them would flag every sixth."""
PRECISION = 0.02
NO_HISTORY = 3.0


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """What a level is read off: `scores` (n,) of consecutive windows, NaN where there is none;
    `trimmed` (n,): windows too unusual to be part of the bulk; `by_chance`: the share of them that
    a history without incidents would show all the same (1 where nothing is known of incidents);
    `rules`: when windows become an incident.
    """

    scores: Floats
    trimmed: NDArray[np.bool_]
    by_chance: float
    step: int
    rules: IncidentSpec

    @property
    def weeks(self) -> float:
        return int(np.isfinite(self.scores).sum()) * self.step / WEEK

    def false_incidents(self, level: float) -> float:
        """How many incidents `level` would have confirmed without a cause.

        An incident with a trimmed window was a real one, and so were the weaker windows around it,
        but for those that chance explains; nobody labelled them, so each counts with that share.
        """
        return sum(self.by_chance if real else 1.0 for real in self._incidents(level))

    def real_incidents(self) -> float:
        """How many incidents there were at LOWEST that chance does not explain."""
        return sum(1.0 - self.by_chance for real in self._incidents(LOWEST) if real)

    def _incidents(self, level: float) -> list[bool]:
        """Of each incident that `level` confirms, whether it has a trimmed window."""
        present = np.isfinite(self.scores)
        spans = incident_spans(self.scores >= level, self.step, self.rules, present)
        return [bool(self.trimmed[first : last + 1].any()) for first, last in spans]

    def levels(self, wanted: Sequence[float]) -> list[float]:
        """For each rate the lowest level that confirms at most that many false incidents a week.

        Read from the highest level down, as far down incidents run together and are few again.
        Where the history is too short to show so few, one incident in it anchors the tail: score is
        -log10 of a probability, so a rate ten times smaller lies one unit higher.
        """
        if not np.isfinite(self.scores).any():
            return [NO_HISTORY] * len(wanted)
        weeks = self.weeks
        shown = [max(rate, 1.0 / weeks) for rate in wanted]
        highest = float(np.nanmax(self.scores)) + 1e-6
        found: dict[float, float] = {}
        lowest = highest
        for level in np.arange(highest, LOWEST, -PRECISION).tolist():
            rate = self.false_incidents(level) / weeks
            for limit in shown:
                if rate > limit:
                    found.setdefault(limit, lowest)
            if len(found) == len(set(shown)):
                break
            lowest = level
        return [
            found.get(limit, lowest) + float(np.log10(limit / rate))
            for limit, rate in zip(shown, wanted, strict=True)
        ]
