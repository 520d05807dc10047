"""The triggers above Normal that still stand, which is what a conclusion is drawn from.

A trigger is over when the run goes on from an earlier step, when it has reached a better loss
since, and, where it asks for less than to stop or to go back, after a pause of `cooldown_steps`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from detector_runtime.contract.training_run import MAX_EVIDENCE_TRIGGERS, RunTrigger
from detector_runtime.following.told import rank
from detector_runtime.training_run.trigger import Action, Tier

_LASTING = frozenset({Action.STOP.value, Action.ROLL_BACK.value})


@dataclass(slots=True)
class Standing:
    """Oldest first."""

    triggers: list[RunTrigger] = field(default_factory=list)

    def add(self, trigger: RunTrigger) -> None:
        """One more; of too many the oldest of the lowest tier is forgotten."""
        if rank(trigger) <= Tier.NORMAL.rank:
            return
        self.triggers.append(trigger)
        if len(self.triggers) > MAX_EVIDENCE_TRIGGERS:
            self.triggers.remove(min(self.triggers, key=rank))

    def resumed(self, step: int) -> None:
        """The run goes on from `step`: what came later has been undone."""
        self.triggers = [one for one in self.triggers if one.step < step]

    def improved(self, step: int) -> None:
        """The best loss so far was reached at `step`."""
        self.triggers = [one for one in self.triggers if one.step >= step]

    def at(self, step: int, cooldown_steps: int) -> tuple[RunTrigger, ...]:
        """Those that stand at `step`."""
        return tuple(
            one
            for one in self.triggers
            if one.action in _LASTING or step - one.step < max(cooldown_steps, 1)
        )
