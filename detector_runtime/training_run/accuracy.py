"""An accuracy that falls: `accuracy_drop_12.3pct`, in percentage points."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from math import fsum

from detector_runtime.training_run.baseline import Distance
from detector_runtime.training_run.thresholds import Thresholds
from detector_runtime.training_run.trigger import Action, Tier, Trigger


@dataclass(slots=True)
class AccuracyDrop:
    """The last accuracies in percent, the mean of twenty and the best such mean: noise makes one of
    fewer."""

    last: deque[float] = field(default_factory=deque)
    mean: float = 0.0
    best: float | None = None

    def step(
        self, step: int, percent: float, far: Distance | None, thresholds: Thresholds
    ) -> Trigger | None:
        """Against the mean of the last rows; a Warning only where noise does not explain it."""
        found = None
        recent = list(self.last)[-thresholds.recent_rows :]
        if len(recent) >= thresholds.recent_min:
            points = fsum(recent) / len(recent) - percent
            if points > thresholds.accuracy_watch_points:
                noise = not self._beyond_noise(points, recent, far, thresholds)
                warns = points > thresholds.accuracy_drop_points and not noise
                found = _drop(step, percent, points, warns)
        self.last.append(percent)
        if len(self.last) > thresholds.accuracy_rows:
            self.last.popleft()
        if len(self.last) == thresholds.accuracy_rows:
            self.mean = fsum(self.last) / len(self.last)
            self.best = self.mean if self.best is None else max(self.best, self.mean)
        return found

    @staticmethod
    def _beyond_noise(
        points: float, recent: list[float], far: Distance | None, thresholds: Thresholds
    ) -> bool:
        if far is not None:
            return far.weight < -thresholds.z_warning
        # Too few rows for a z-score: twice the range of five is not reached by chance.
        return len(recent) == thresholds.recent_rows and points > 2 * (max(recent) - min(recent))

    def below_best(self) -> float:
        """Points between the mean of the last rows and the best there was."""
        return 0.0 if self.best is None else self.best - self.mean


def _drop(step: int, percent: float, points: float, warns: bool) -> Trigger:
    return Trigger(
        step=step,
        kind="accuracy_drop",
        name=f"accuracy_drop_{points:.1f}pct",
        tier=Tier.WARNING if warns else Tier.NORMAL,
        action=Action.INVESTIGATE if warns else Action.MONITOR,
        message=f"accuracy {percent:.1f} % is {points:.1f} points under the mean of the last rows",
        advice="Compare with the best step; the model may overfit."
        if warns
        else "Watch the trend; fine if it recovers.",
    )
