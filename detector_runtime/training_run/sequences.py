"""What several triggers say together: at one step (`MULTIPLE_TRIGGERS`), or one after the other
(`overfitting_detected`, `memorising_detected`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from detector_runtime.training_run.examples import INVERTED, WRONG
from detector_runtime.training_run.thresholds import Thresholds
from detector_runtime.training_run.trigger import Action, Tier, Trigger


def multiple(found: Sequence[Trigger], thresholds: Thresholds) -> Trigger | None:
    """The trigger of three or more at one step, of which one at least is more than Normal: a hard
    batch moves many metrics a little."""
    counted = [one for one in found if one.tier is not Tier.INFORMATIONAL]
    worst = max((one.tier.rank for one in counted), default=0)
    if len(counted) < thresholds.multiple or worst <= Tier.NORMAL.rank:
        return None
    return Trigger(
        step=counted[0].step,
        kind="MULTIPLE_TRIGGERS",
        name="MULTIPLE_TRIGGERS",
        tier=Tier.CRITICAL,
        action=Action.ROLL_BACK,
        message=f"{len(counted)} triggers at one step: " + ", ".join(one.name for one in counted),
        advice="Roll back to the last good checkpoint, then find out what changed.",
    )


@dataclass(slots=True)
class Overfitting:
    """What came after the best step: a drop of the accuracy, then answers that are surely wrong."""

    best_step: int = 0
    dropped: bool = False
    signs: int = 0

    def step(self, step: int, found: Sequence[Trigger], thresholds: Thresholds) -> Trigger | None:
        """Once for each best step, at the second sign after the drop."""
        kinds = {one.kind for one in found}
        if "best_model_loss" in kinds:
            self.best_step, self.dropped, self.signs = step, False, 0
            return None
        sign = any(kind == WRONG or kind.startswith(INVERTED) for kind in kinds)
        self.signs += self.dropped and sign
        self.dropped = self.dropped or "accuracy_drop" in kinds
        if not sign or self.signs != thresholds.overfitting_signs:
            return None
        return Trigger(
            step=step,
            kind="overfitting_detected",
            name="overfitting_detected",
            tier=Tier.WARNING,
            action=Action.ROLL_BACK,
            message=f"after the best loss at step {self.best_step} the accuracy fell, and answers "
            "are confident and wrong",
            advice=f"Use the model of step {self.best_step}; stop, or train on more diverse data.",
        )


@dataclass(slots=True)
class Memorising:
    """Whether the accuracy is far below its best while the loss is no worse than usual."""

    told: bool = False

    def step(
        self, step: int, points: float, learnt: Callable[[], bool], thresholds: Thresholds
    ) -> Trigger | None:
        """Once until it is over. `points`: of accuracy below the best; `learnt`: whether the loss
        is at or below its usual level."""
        if points <= thresholds.accuracy_watch_points:
            self.told = False
        if self.told or points <= thresholds.accuracy_drop_points or not learnt():
            return None
        self.told = True
        return Trigger(
            step=step,
            kind="memorising_detected",
            name="memorising_detected",
            tier=Tier.WARNING,
            action=Action.INVESTIGATE,
            message=f"the accuracy is {points:.1f} points under its best while the loss is no "
            "higher than usual",
            advice="The model may learn its data by heart: compare with the best step.",
        )
