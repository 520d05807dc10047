"""The same trigger again within 500 steps is not told again, unless it is worse."""

from __future__ import annotations

from dataclasses import dataclass, field

from detector_runtime.training_run.thresholds import Thresholds
from detector_runtime.training_run.trigger import Tier, Trigger


@dataclass(slots=True)
class Cooldown:
    """Step and tier of the last trigger told, by kind."""

    told: dict[str, tuple[int, Tier]] = field(default_factory=dict)

    def passes(self, trigger: Trigger, thresholds: Thresholds) -> bool:
        """Whether it is told; it then starts the pause of its kind."""
        at, tier = self.told.get(trigger.kind, (-thresholds.cooldown_steps, Tier.INFORMATIONAL))
        pausing = trigger.step - at < thresholds.cooldown_steps
        if pausing and trigger.tier.rank <= tier.rank:
            return False
        self.told[trigger.kind] = (trigger.step, trigger.tier)
        return True

    def rewind(self, step: int) -> None:
        """After a resume from `step` no pause lasts longer than from there."""
        self.told = {kind: (min(at, step), tier) for kind, (at, tier) in self.told.items()}
