"""From counted events to burn rates, and from burn rates to the tier that burns.

The burn rate is the share of bad events over the share that the target allows: at 1 the budget is
used up exactly when its window ends (The Site Reliability Workbook, chapter 5). A tier burns while
its long window says that enough was lost and its short one that it still goes on. What is not known
burns nothing and ends nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from detector_runtime.contract.objectives import BurnTier, ObjectiveSpec


@dataclass(frozen=True, slots=True)
class Events:
    """Over one window. `total` NaN: only the share `ratio` of bad events is known."""

    bad: float
    total: float
    ratio: float


Windows = Mapping[int, Events | None]
"""By length in seconds; None is asked for and not known, absent was not asked for."""


@dataclass(frozen=True, slots=True)
class Burn:
    """A tier that burns: `long` and `short` are burn rates, `events` those of the long window."""

    objective: ObjectiveSpec
    tier: BurnTier
    long: float
    short: float
    events: Events
    budget_left: float | None = None


def events_of(objective: ObjectiveSpec, values: Mapping[str, float | None]) -> Events | None:
    """From the values of the objective's queries by the names of their fields; None where one is
    missing or infinite. NaN is 0/0: nothing happened, so nothing was bad."""
    found = {side: value for side, value in values.items() if value is not None}
    if len(found) < len(values) or any(map(math.isinf, found.values())):
        return None
    if "errorRatio" in found:
        ratio = found["errorRatio"]
        ratio = 0.0 if math.isnan(ratio) else min(max(ratio, 0.0), 1.0)
        return Events(math.nan, math.nan, ratio)
    counted = {side: 0.0 if math.isnan(value) else value for side, value in found.items()}
    total = max(counted["total"], 0.0)
    bad = counted["errors"] if objective.errors else total - counted["good"]
    # The source extrapolates each count to the window, so bad may exceed total by a little.
    bad = min(max(bad, 0.0), total)
    return Events(bad, total, bad / total if total else 0.0)


def burn_rate(objective: ObjectiveSpec, events: Events) -> float:
    """Times the rate that would use the budget up in the objective's window."""
    return events.ratio / objective.budget


def smoulders(objective: ObjectiveSpec, tier: BurnTier, windows: Windows) -> bool:
    """Whether the short window of `tier` burns, so that its long one is worth a query."""
    events = windows.get(tier.short_seconds)
    return events is not None and burn_rate(objective, events) >= tier.factor


def burning(objective: ObjectiveSpec, windows: Windows) -> Burn | None:
    """The most urgent tier that burns."""
    for tier in objective.tiers:
        short, long = windows.get(tier.short_seconds), windows.get(tier.long_seconds)
        if short is None or long is None or not smoulders(objective, tier, windows):
            continue
        rate = burn_rate(objective, long)
        few = not math.isnan(long.bad) and long.bad < objective.min_bad_events
        if rate >= tier.factor and not few:
            return Burn(objective, tier, rate, burn_rate(objective, short), long)
    return None


def undecided(objective: ObjectiveSpec, windows: Windows) -> bool:
    """Whether some tier might burn and the events that would tell are not known."""
    for tier in objective.tiers:
        if windows.get(tier.short_seconds) is None:
            return True
        if smoulders(objective, tier, windows) and windows.get(tier.long_seconds) is None:
            return True
    return False


def budget_left(objective: ObjectiveSpec, events: Events) -> float:
    """Share of the error budget that is left over the objective's window; negative: overspent."""
    return 1 - burn_rate(objective, events)
