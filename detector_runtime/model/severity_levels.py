"""From which score on a window counts, and how much: the rungs that a service's own history sets.

Each rung stands for a rate that is promised, not for a distance: on a service whose scores have a
heavy tail "ten times rarer" lies much further up than on a calm one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

HIGH_SHARE = 1.0 / 9.0
"""Share of the tolerated false incidents that may be High or above: at one a week one in two
months."""
CRITICAL_SHARE = 1.0 / 52.0
"""Share that may be Critical without a breached SLO: at one a week one a year."""


@dataclass(frozen=True, slots=True)
class SeverityLevels:
    """Scores: `alert`, from which a window is anomalous; `medium`, `high` and `critical`, from
    which it may have that severity. They never fall in this order."""

    alert: float
    medium: float
    high: float
    critical: float

    @classmethod
    def read(cls, stored: Mapping[str, float]) -> Self:
        """From the names and scores of a stored model. One without `medium` was trained when the
        alert level was that rung."""
        alert = float(stored["alert"])
        return cls(
            alert,
            float(stored.get("medium", alert)),
            float(stored["high"]),
            float(stored["critical"]),
        )

    def raised(self, offset: float) -> Self:
        """All rungs by so much higher: what comes true too often does so at each."""
        if not offset:
            return self
        return replace(
            self,
            alert=self.alert + offset,
            medium=self.medium + offset,
            high=self.high + offset,
            critical=self.critical + offset,
        )
