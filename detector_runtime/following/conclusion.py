"""What someone who trains the model should do now: stop, go back to a step, or go on.

One sentence that begins with it, and the next step. It follows from the triggers that stand and
from the checkpoints that are known; nobody's training is touched here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from detector_runtime.contract.training_run import Checkpoint, RunTrigger
from detector_runtime.errors import one_line
from detector_runtime.following.figures import figure
from detector_runtime.following.told import rank
from detector_runtime.training_run.best import Best
from detector_runtime.training_run.trigger import Action, Tier

MAX_SENTENCE = 300
_URGENCY = {action.value: rank for rank, action in enumerate(Action)}


@dataclass(frozen=True, slots=True)
class Conclusion:
    """`sentence` begins with Stop, Go back or Go on; `advice` is the next step."""

    sentence: str
    advice: str


def worst_first(triggers: Iterable[RunTrigger]) -> list[RunTrigger]:
    """By tier, then by what they ask for, then in the order of the log."""
    return sorted(triggers, key=lambda one: (-rank(one), -_URGENCY.get(one.action, 0)))


def conclude(
    triggers: Iterable[RunTrigger], checkpoint: Checkpoint | None, best: Best
) -> Conclusion:
    """What follows from `triggers`, in the order of the log. `checkpoint`: the last good one, below
    the first of them."""
    ordered = sorted(triggers, key=lambda one: (-_URGENCY.get(one.action, 0), -rank(one)))
    if not ordered:
        return _nothing(best)
    leading = ordered[0]
    cause = f"{leading.name} at step {leading.step}"
    target = f"step {checkpoint.step}" if checkpoint is not None else "the last good checkpoint"
    place = f" ({checkpoint.path})" if checkpoint is not None and checkpoint.path else ""
    if leading.action == Action.STOP:
        return _of(f"Stop: {cause}. Then go back to {target}{place}.", _looking(leading))
    if leading.action == Action.ROLL_BACK:
        return _of(f"Go back to {target}{place}: {cause}.", _looking(leading))
    if leading.tier == Tier.CRITICAL:
        return _of(f"Go on only after a look at {cause}.", _looking(leading))
    return _of(f"Go on, and look at {cause}.", _looking(leading))


def _of(sentence: str, advice: str) -> Conclusion:
    return Conclusion(one_line(sentence, MAX_SENTENCE), one_line(advice, MAX_SENTENCE))


def _nothing(best: Best) -> Conclusion:
    if best.loss is None:
        return _of("Go on: no trigger above Normal stands.", "")
    return _of(
        f"Go on: no trigger above Normal stands; the best loss is {figure(best.loss)} at step "
        f"{best.step}.",
        f"Keep the checkpoint of step {best.step}.",
    )


def _looking(trigger: RunTrigger) -> str:
    said = trigger.message
    return _ADVICE[trigger.action] + (f" {said[0].upper()}{said[1:]}." if said else "")


_ADVICE = {
    Action.STOP.value: "Stop the trainer before it overwrites its last good checkpoint.",
    Action.ROLL_BACK.value: "Resume from the checkpoint, and find out first what changed.",
    Action.INVESTIGATE.value: "Look at the batches, the inputs and the log around this step.",
    Action.MONITOR.value: "Watch the next steps.",
    Action.NONE.value: "Nothing to do.",
}
