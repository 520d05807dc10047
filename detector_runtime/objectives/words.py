"""What is said of an objective, with its figures."""

from __future__ import annotations

import math

from detector_runtime.contract.objectives import (
    MAX_EXPLANATION,
    ObjectiveSpec,
    ObjectiveType,
    window_text,
)
from detector_runtime.contract.text import decimal, percent
from detector_runtime.errors import one_line
from detector_runtime.objectives.burn import Burn
from detector_runtime.objectives.queries import sides

_BAD = {ObjectiveType.AVAILABILITY: "failed", ObjectiveType.LATENCY: "were too slow"}
BURN_ACTIONS = (
    "Compare the start of the burn with the latest deployment; roll back if they match",
    "Read the latest errors and the slowest traces of the requests that the objective counts",
    "Stop risky changes until the budget recovers",
)


def burn_text(burn: Burn) -> str:
    """Objective, share of bad events, rate, tier and what is left, in one sentence."""
    objective, tier = burn.objective, burn.tier
    long, short = window_text(tier.long_seconds), window_text(tier.short_seconds)
    share = f"{_share(burn.events.ratio)} of the events {_BAD[objective.type]} in the last {long}"
    if not math.isnan(burn.events.bad):
        counted = decimal(round(burn.events.bad))
        share = f"{counted} events ({_share(burn.events.ratio)}) {_BAD[objective.type]} "
        share += f"in the last {long}"
    rates = f"{decimal(burn.long, 3)}x what the target of {target(objective)} allows"
    text = f"{objective.name}: {share}, {rates}; {tier.name} burns from {tier.factor:g}x over "
    text += f"{long} and {short}"
    if burn.budget_left is not None:
        text += f"; {left_text(objective, burn.budget_left)}"
    return one_line(text, MAX_EXPLANATION)


def left_text(objective: ObjectiveSpec, left: float) -> str:
    """`63% of the error budget for 30d is left`, or by how much it is overspent."""
    window = window_text(objective.window_seconds)
    if left > 0:
        return f"{percent(left)} of the error budget for {window} is left"
    return f"the error budget for {window} is used up ({percent(1 - left)} of it)"


def target(objective: ObjectiveSpec) -> str:
    """`99.9%`."""
    return f"{decimal(100 * objective.target, 6)}%"


def missing_text(objective: ObjectiveSpec, missing: tuple[str, ...], seconds: int) -> str:
    """Which of the objective's queries had no value over a window, and what to do."""
    where = " and ".join(missing) or " and ".join(sides(objective))
    text = f"no value for {where} over {window_text(seconds)}; the budget is left as it was"
    if missing == ("errors",):
        text += ". If no event has failed yet, append `or vector(0)` to the query"
    return one_line(text, MAX_EXPLANATION)


def _share(ratio: float) -> str:
    return f"{decimal(100 * ratio, 3)}%"
