"""Objectives with an error budget: what a scoring pod is told of them, and what it reports.

An objective says which share of events must be good over a window. Its queries count events over
`$(window)`, so one text serves each burn window. The operator resolves all other placeholders.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, ClassVar

from detector_runtime.contract.codec import OMIT_DEFAULT
from detector_runtime.contract.vocabulary import Severity

ERROR_BUDGET_BURN = "error_budget_burn"
"""Name of the finding of a burning budget."""
MAX_OBJECTIVES = 8
"""Of a policy: each costs up to twelve expressions in a request."""
MAX_QUERY = 2048
MAX_EXPLANATION = 400
WINDOW = "$(window)"
"""In a query: the window as a Prometheus duration, such as `5m`."""
WINDOW_SECONDS = "$(windowSeconds)"
"""In a query: the same in seconds, to turn a rate into a number of events."""
MIN_BAD_EVENTS = 10.0
"""Bad events in the long window below which nothing burns: a tier of 14.4x for 99.9 % would else
need a single failure in 69 requests."""
DAY = 86_400
BASE_WINDOW = 30 * DAY
SHORTEST = 300
"""Seconds of the shortest burn window: a rate needs a few scrapes."""


class ObjectiveType(StrEnum):
    """What makes an event bad: that it failed, or that it was slow."""

    AVAILABILITY = "Availability"
    LATENCY = "Latency"


class TierName(StrEnum):
    """The tiers of the SRE workbook, the most urgent first."""

    PAGE_FAST = "PageFast"
    PAGE_SLOW = "PageSlow"
    TICKET_FAST = "TicketFast"
    TICKET_SLOW = "TicketSlow"


class ObjectiveState(StrEnum):
    """`Burning`: a tier's rate is exceeded; `Exhausted`: nothing burns, and nothing is left."""

    OK = "Ok"
    INCONCLUSIVE = "Inconclusive"
    EXHAUSTED = "Exhausted"
    BURNING = "Burning"

    @property
    def rank(self) -> int:
        return _STATE_ORDER[self]


_STATE_ORDER = {state: rank for rank, state in enumerate(ObjectiveState)}


@dataclass(frozen=True, slots=True)
class BurnTier:
    """Burns while the budget goes at `factor` times the rate that would use it up in the
    objective's window, over the long and the short window (seconds) alike."""

    name: TierName
    severity: Severity
    factor: float
    long_seconds: int
    short_seconds: int


TIERS = (
    BurnTier(TierName.PAGE_FAST, Severity.CRITICAL, 14.4, 3600, 300),
    BurnTier(TierName.PAGE_SLOW, Severity.HIGH, 6.0, 6 * 3600, 1800),
    BurnTier(TierName.TICKET_FAST, Severity.MEDIUM, 3.0, DAY, 2 * 3600),
    BurnTier(TierName.TICKET_SLOW, Severity.LOW, 1.0, 3 * DAY, 6 * 3600),
)
"""For a window of 30 days: 2 %, 5 %, 10 % and 10 % of the budget in the long window (The Site
Reliability Workbook, chapter 5, table 5-8). The severities are ours."""


def scaled(tier: BurnTier, window_seconds: int) -> BurnTier:
    """`tier` for an objective over `window_seconds`: the factor stays and the windows keep their
    share of it, so that the same share of the budget is gone when the tier burns. Whole minutes,
    at least SHORTEST."""
    share = window_seconds / BASE_WINDOW
    long, short = (
        max(SHORTEST, round(seconds * share / 60) * 60)
        for seconds in (tier.long_seconds, tier.short_seconds)
    )
    return BurnTier(tier.name, tier.severity, tier.factor, long, short)


def window_text(seconds: int) -> str:
    """As a duration of one unit, which each dialect of PromQL reads: 5040 -> `84m`."""
    for unit, size in (("d", DAY), ("h", 3600), ("m", 60)):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def over(query: str, seconds: int) -> str:
    """`query` for a window of `seconds`."""
    return query.replace(WINDOW, window_text(seconds)).replace(WINDOW_SECONDS, str(seconds))


@dataclass(frozen=True, slots=True)
class ObjectiveSpec:
    """An objective as it applies to one service.

    `target`: share of good events, below 1. Either `total` with one of `errors` and `good`, which
    count events, or `error_ratio`, the share of bad ones. `tiers`: those that are switched on, the
    most urgent first, already scaled. `min_bad_events` needs counted events.
    """

    omit_empty: ClassVar[bool] = True

    name: str
    type: ObjectiveType
    target: float
    window_seconds: int
    tiers: tuple[BurnTier, ...]
    min_bad_events: float = MIN_BAD_EVENTS
    errors: str = ""
    good: str = ""
    total: str = ""
    error_ratio: str = ""

    @property
    def budget(self) -> float:
        """The share of events that may be bad."""
        return 1 - self.target


@dataclass(frozen=True, slots=True)
class BurnRate:
    """Over one window: `rate` times what the budget allows, empty where nothing is known."""

    omit_empty: ClassVar[bool] = True

    window: str
    rate: str = ""
    bad: str = ""


@dataclass(frozen=True, slots=True)
class ObjectiveReport:
    """One objective at the newest window, and what the next run goes on from.

    `tier`: the most urgent that burns; `since`: from when on the state holds; `budget_left`: a
    percentage, negative when overspent, empty = not known; `budget_due`: when it is asked for
    again; `budget_failure`: why it was not answered last time. `digest`: of the spec, since what
    was found for another one says nothing. `smouldering`: tiers whose short window burns.
    `retry_at`: a query that the source refuses is not asked before. Times are ISO 8601.
    """

    omit_empty: ClassVar[bool] = True

    name: str
    digest: str
    state: ObjectiveState
    since: str = ""
    tier: Annotated[TierName | None, OMIT_DEFAULT] = None
    severity: Annotated[Severity, OMIT_DEFAULT] = Severity.NONE
    explanation: str = ""
    budget_left: str = ""
    budget_due: str = ""
    budget_failure: str = ""
    smouldering: tuple[TierName, ...] = ()
    burn: tuple[BurnRate, ...] = ()
    retry_at: str = ""
