"""Raises a service's alert level where more incidents come true than were asked for.

Training promises a rate from history; a service that has moved on since keeps another one. Each
day counts what opened: more than the rate asks raises the level, fewer lets it back (an integral
controller: in the long run as many open as were asked for, whatever the data do, as long as the
bound is not reached). The rate asked for is that of what people are told, Medium and above; all
together, with those that only stand on the object, may be ALL_FACTOR times as many, and each of the
two promises is kept by itself. What was probably real does not count, and what people said does. A
pure function of the incidents, so that a lost status costs nothing and a backtest lives through the
same as the product.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from anomaly_operator.incidents.state import Verdict
from detector_runtime.contract.vocabulary import Severity

DAY = 86_400
DAYS = 28
"""Days that are looked back on: a raise of the most allowed is forgotten within them at one a week.
"""
GAIN = 0.25
"""Score by which one incident too many raises the level; a quarter of a unit halves the rate of a
service that drifts."""
ALL_FACTOR = 4.0
"""Incidents of any severity for each of Medium and above."""
MOST_A_DAY = 2
"""Or twice a day's share of the rate: one long trouble that flickers is not ten incidents."""
MAX_OFFSET = 1.5
QUANTUM = 0.25
"""The level moves in such steps, so that the scoring pods' configuration seldom changes."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A confirmed incident: `at` unix seconds, its highest severity, what people called it."""

    at: int
    severity: Severity
    feedback: str = ""

    @property
    def counts(self) -> bool:
        """Whether it counts as false. Nobody labels most incidents; those of High and above are
        rare by their level and large, and are taken as real."""
        if self.feedback:
            return self.feedback == Verdict.FALSE_POSITIVE
        return self.severity.rank < Severity.HIGH.rank

    @property
    def told(self) -> bool:
        """Whether people heard of it: by its severity, or since they said something of it."""
        return bool(self.feedback) or self.severity.rank >= Severity.MEDIUM.rank


@dataclass(frozen=True, slots=True)
class Control:
    """`observed`: incidents a week that people were told of and that counted, over `days`;
    `offset`: to be added to the level, 0 to MAX_OFFSET in steps of QUANTUM."""

    observed: float = 0.0
    days: int = 0
    offset: float = 0.0


def control(opened: Iterable[Opened], per_week: float, began: int, now: int) -> Control:
    """The control at the start of the day of `now`: incidents of that day do not count yet.

    `per_week`: what people may be told by mistake. `began`: unix seconds since when the service is
    scored.
    """
    today = now // DAY
    first = max(today - DAYS, began // DAY)
    found = [one for one in opened if one.counts and first <= one.at // DAY < today]
    told = [one for one in found if one.told]
    span = range(first, today)
    offset = max(_integral(told, per_week, span), _integral(found, ALL_FACTOR * per_week, span))
    days = max(today - first, 0)
    observed = len(told) * 7 / days if days else 0.0
    # 1e-9: sums of quarters must not fall short of the next step by rounding
    return Control(observed, days, QUANTUM * int(offset / QUANTUM + 1e-9))


def _integral(found: Sequence[Opened], per_week: float, span: range) -> float:
    """The raise after the days of `span` (days since 1970), which keeps `found` at `per_week`."""
    asked = per_week / 7
    most = max(MOST_A_DAY, 2 * asked)
    offset = 0.0
    for day in span:
        count = min(sum(one.at // DAY == day for one in found), most)
        offset = min(max(offset + GAIN * (count - asked), 0.0), MAX_OFFSET)
    return offset
