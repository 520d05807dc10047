"""How urgent an incident is: points from 0 to 100, in parts that add up to what is shown.

Each part has a most of points, its weight, and a level in percent that comes from one fact in
coarse steps. The points of a part are whole, so their sum is the value exactly, and a figure that
moves with each window moves no point. What is not known has no part: it is neither calm nor urgent.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from detector_runtime.contract.objectives import ObjectiveState, TierName
from detector_runtime.contract.vocabulary import Category, Severity, SLOStatus

FULL = 100
"""Points of an incident that is at its worst in every part, and percent of a part."""


class Part(StrEnum):
    SEVERITY = "Severity"
    SLO = "SLO"
    BUDGET = "Budget"
    SPREAD = "Spread"
    DURATION = "Duration"
    CONFIDENCE = "Confidence"
    CATEGORY = "Category"
    CONTEXT = "Context"


DEFAULT_WEIGHTS: Mapping[Part, int] = {
    Part.SEVERITY: 35,
    Part.SLO: 15,
    Part.BUDGET: 10,
    Part.SPREAD: 10,
    Part.DURATION: 5,
    Part.CONFIDENCE: 10,
    Part.CATEGORY: 10,
    Part.CONTEXT: 5,
}
"""Chosen so that no incident reaches the first tier of the default playbook by one part alone;
`kubectl-anomaly recalibrate` proposes others from what people said of incidents."""

_SEVERITY = {
    Severity.NONE: 0,
    Severity.INFORMATIONAL: 10,
    Severity.LOW: 30,
    Severity.MEDIUM: 55,
    Severity.HIGH: 80,
    Severity.CRITICAL: 100,
}
_SLO = {SLOStatus.OK: 0, SLOStatus.ELEVATED: 25, SLOStatus.WARNING: 50, SLOStatus.BREACHED: 100}
_BURNING = {
    TierName.PAGE_FAST: 100,
    TierName.PAGE_SLOW: 80,
    TierName.TICKET_FAST: 50,
    TierName.TICKET_SLOW: 30,
}
_EXHAUSTED = 60
_CATEGORY = {
    Category.BUSINESS_CRITICAL: 100,
    Category.CORE: 75,
    Category.STANDARD: 50,
    Category.ADMIN: 25,
    Category.MICRO: 25,
    Category.BACKGROUND: 0,
}
_SPREAD = (1, 2, 4, 8, 16)
"""Affected services from which on the level is a fifth higher."""
_DURATION = (900, 3_600, 14_400, 86_400)
"""Seconds from which on the level is a quarter higher."""
_CONFIDENCE_STEP = 10
_ORDINARY, _BUSY = 50, 100
OLD_MODEL_SECONDS = 14 * 86_400
"""Twice a week of traffic: a model that has seen none of it halves the context."""


@dataclass(frozen=True, slots=True)
class BudgetFact:
    """The worst error budget of the service. Not known: no objective was evaluated."""

    state: ObjectiveState
    tier: TierName | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an incident. None, and `SLOStatus.UNKNOWN`, mean not known.

    `severity`, `slo` and `confidence` (percent) are those of the worst window, `duration` is in
    seconds, `symptoms` counts the other services whose incidents come from this one, `busy` says
    whether the last window lies in a busy period, `model_age` is in seconds.
    """

    severity: Severity
    category: Category
    duration: int
    slo: SLOStatus = SLOStatus.UNKNOWN
    budget: BudgetFact | None = None
    symptoms: int = 0
    confidence: float | None = None
    busy: bool = False
    model_age: int | None = None


@dataclass(frozen=True, slots=True)
class Points:
    """A part with its points, 0 to the weight of the part."""

    name: Part
    points: int


def priority(facts: Facts, weights: Mapping[Part, int]) -> tuple[Points, ...]:
    """The parts that are known, in the order of `Part`; their sum is the priority."""
    most = scaled(weights)
    return tuple(
        Points(part, (most[part] * level + FULL // 2) // FULL)
        for part, level in levels(facts).items()
    )


def levels(facts: Facts) -> dict[Part, int]:
    """Percent of each part that is known."""
    found = {Part.SEVERITY: _SEVERITY[facts.severity]}
    if facts.slo is not SLOStatus.UNKNOWN:
        found[Part.SLO] = _SLO[facts.slo]
    if facts.budget is not None:
        budget = _budget(facts.budget)
        if budget is not None:
            found[Part.BUDGET] = budget
    found[Part.SPREAD] = bisect_right(_SPREAD, facts.symptoms) * FULL // len(_SPREAD)
    found[Part.DURATION] = bisect_right(_DURATION, facts.duration) * FULL // len(_DURATION)
    if facts.confidence is not None:
        share = min(max(facts.confidence, 0.0), float(FULL))
        found[Part.CONFIDENCE] = int(share // _CONFIDENCE_STEP) * _CONFIDENCE_STEP
    found[Part.CATEGORY] = _CATEGORY[facts.category]
    found[Part.CONTEXT] = _context(facts)
    return found


def scaled(weights: Mapping[Part, int]) -> dict[Part, int]:
    """Whole points for each part, 100 in all, in the proportion of `weights` (by largest
    remainder; ties go to the earlier part). A part that is not named has none. Raises ValueError
    where all are 0.
    """
    total = sum(weights.get(part, 0) for part in Part)
    if total <= 0:
        raise ValueError("at least one weight must be above 0")
    shares = {part: divmod(FULL * weights.get(part, 0), total) for part in Part}
    rest = FULL - sum(whole for whole, _ in shares.values())
    by_remainder = sorted(Part, key=lambda part: -shares[part][1])
    more = set(by_remainder[:rest])
    return {part: shares[part][0] + (part in more) for part in Part}


def _budget(fact: BudgetFact) -> int | None:
    match fact.state:
        case ObjectiveState.BURNING:
            return _BURNING[fact.tier] if fact.tier else _BURNING[TierName.TICKET_SLOW]
        case ObjectiveState.EXHAUSTED:
            return _EXHAUSTED
        case ObjectiveState.OK:
            return 0
    return None


def _context(facts: Facts) -> int:
    level = _BUSY if facts.busy else _ORDINARY
    old = facts.model_age is not None and facts.model_age >= OLD_MODEL_SECONDS
    return level // 2 if old else level
