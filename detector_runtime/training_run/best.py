"""The best step of a run: `best_model_loss_0.6234`."""

from __future__ import annotations

from dataclasses import dataclass

from detector_runtime.training_run.thresholds import Thresholds
from detector_runtime.training_run.trigger import Action, Tier, Trigger


@dataclass(slots=True)
class Best:
    """The lowest loss and its step; `told` is the one that the last trigger named."""

    loss: float | None = None
    step: int = 0
    told: float | None = None
    told_at: int = 0

    def update(self, step: int, loss: float, thresholds: Thresholds) -> Trigger | None:
        """The trigger of a loss that is clearly lower than the last one told, long enough after."""
        if self.loss is None or loss < self.loss:
            self.loss, self.step = loss, step
        if self.told is not None:
            enough = self.told - thresholds.best_percent / 100 * abs(self.told)
            if loss >= enough or 0 <= step - self.told_at < thresholds.cooldown_steps:
                return None
        self.told, self.told_at = loss, step
        return Trigger(
            step=step,
            kind="best_model_loss",
            name=f"best_model_loss_{loss:.4f}",
            tier=Tier.INFORMATIONAL,
            action=Action.NONE,
            message=f"lowest loss so far: {loss:.4f}",
            advice="None; keep the checkpoint of this step.",
        )
