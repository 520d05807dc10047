"""A trigger as documents hold it: texts cut, its row's time beside it."""

from __future__ import annotations

from detector_runtime.contract.text import iso
from detector_runtime.contract.training_run import RunTrigger
from detector_runtime.errors import one_line
from detector_runtime.training_run.trigger import Tier, Trigger

MAX_NAME = 120
MAX_TEXT = 200


def told(trigger: Trigger, at: float) -> RunTrigger:
    """`trigger`, whose row was logged `at` (unix seconds)."""
    return RunTrigger(
        step=trigger.step,
        name=one_line(trigger.name, MAX_NAME),
        tier=trigger.tier.value,
        action=trigger.action.value,
        at=iso(at),
        message=one_line(trigger.message, MAX_TEXT),
    )


def rank(trigger: RunTrigger) -> int:
    """How bad it is, as `Tier.rank`."""
    return Tier(trigger.tier).rank
