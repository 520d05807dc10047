"""A loss that jumps (`loss_spike_45.2pct`), climbs (`divergence_detected`) or is no number."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import pairwise
from math import fsum, inf, isnan

from detector_runtime.training_run.baseline import Baseline, Distance
from detector_runtime.training_run.thresholds import Thresholds
from detector_runtime.training_run.trigger import Action, Tier, Trigger


@dataclass(slots=True)
class Spikes:
    """The last losses, as many as a climb is judged by."""

    losses: deque[float] = field(default_factory=deque)

    def spike(
        self, step: int, loss: float, far: Distance | None, thresholds: Thresholds
    ) -> Trigger | None:
        """Against the mean of the last rows. A Warning only where the z-score is one: a loss that
        falls fast is noisy, and its baseline shows that."""
        recent = list(self.losses)[-thresholds.recent_rows :]
        mean = fsum(recent) / len(recent) if recent else 0.0
        if len(recent) < thresholds.recent_min or mean <= 0:
            return None
        percent = 100 * (loss / mean - 1)
        if percent <= thresholds.spike_percent:
            return None
        warns = far is not None and far.weight > thresholds.z_warning
        return Trigger(
            step=step,
            kind="loss_spike",
            name=f"loss_spike_{percent:.1f}pct",
            tier=Tier.WARNING if warns else Tier.NORMAL,
            action=Action.INVESTIGATE if warns else Action.MONITOR,
            message=f"loss {loss:.6g} is {percent:.1f} % above the mean {mean:.6g} of the last "
            f"{len(recent)} rows",
            advice="Look at the batches of this step, and at the next rows: does it recover?"
            if warns
            else "Monitor; usually recovers.",
        )

    def divergence(
        self, step: int, loss: float, usual: Baseline, thresholds: Thresholds
    ) -> Trigger | None:
        """Most of the last ten rows rise, by a tenth in all, and lead above the usual level. By
        chance, noise rises over ten rows too, but hardly by five of its deviations."""
        earlier = thresholds.rising_rows - 1
        if len(self.losses) < earlier:
            return None
        first = self.losses[-earlier]
        percent = 100 * (loss / first - 1) if first > 0 else -inf
        if percent < thresholds.rising_percent or loss <= usual.level():
            return None
        robust = len(usual.ordered) >= thresholds.robust_rows
        if robust and loss - first <= thresholds.rising_noise * usual.deviation():
            return None
        window = [*self.losses, loss][-thresholds.rising_rows :]
        rises = [after > before for before, after in pairwise(window)]
        if sum(rises) < thresholds.rising_part * len(rises):
            return None
        return Trigger(
            step=step,
            kind="divergence_detected",
            name="divergence_detected",
            tier=Tier.WARNING,
            action=Action.INVESTIGATE,
            message=f"loss rose in {sum(rises)} of the last {len(rises)} rows, by {percent:.1f} %",
            advice="Stop if it goes on: lower the learning rate or go back to a checkpoint.",
        )

    def add(self, loss: float, thresholds: Thresholds) -> None:
        self.losses.append(loss)
        if len(self.losses) > max(thresholds.rising_rows - 1, thresholds.recent_rows):
            self.losses.popleft()


def undefined(step: int, metric: str, value: float) -> Trigger:
    """The trigger of a value that is NaN or infinite: `loss_nan`, `loss_infinite`."""
    name = f"{metric}_{'nan' if isnan(value) else 'infinite'}"
    stops = metric == "loss"
    return Trigger(
        step=step,
        kind=name,
        name=name,
        tier=Tier.CRITICAL if stops else Tier.WARNING,
        action=Action.STOP if stops else Action.INVESTIGATE,
        message=f"{metric} is {'NaN' if isnan(value) else 'infinite'}",
        advice="Stop training and go back to the last good checkpoint; the weights may be lost."
        if stops
        else f"Find out why {metric} is no number; mixed precision may overflow.",
    )
