"""How good the detector was in the eyes of those it woke: shares, precision and medians.

Recomputed from the Anomaly objects each time. Only whole days count, so the figures of a service
change with what people say and once a day, not with each incident that opens or closes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median
from typing import Any

from anomaly_operator.api.text import span_text
from anomaly_operator.evaluation.outcome import Judgement, Outcome
from detector_runtime.contract.text import percent

DAY = 86_400
DAYS = 30


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Counts of incidents; medians in seconds, None where nothing was measured.

    `dismissed` holds those that were called FalsePositive or Expected, `false` the former alone.
    """

    confirmed: int = 0
    dismissed: int = 0
    false: int = 0
    ignored: int = 0
    pending: int = 0
    detect: int | None = None
    acknowledge: int | None = None
    close: int | None = None

    @property
    def judged(self) -> int:
        return self.confirmed + self.dismissed + self.ignored

    @property
    def precision(self) -> float | None:
        """Confirmed ones among those that were called right or wrong. What was expected is
        neither: the deviation was there.
        """
        spoken = self.confirmed + self.false
        return self.confirmed / spoken if spoken else None


def first_moment(now: int) -> int:
    """The start of the DAYS whole days (UTC) before today, in unix seconds."""
    return last_moment(now) - DAYS * DAY


def last_moment(now: int) -> int:
    """The end of these days: the last midnight."""
    return now - now % DAY


def evaluated(outcomes: Iterable[Outcome], now: int) -> Evaluation:
    """The figures of the DAYS whole days before `now` (unix seconds)."""
    start, end = first_moment(now), last_moment(now)
    found = [one for one in outcomes if start <= one.opened < end]
    count = Counter(one.judgement for one in found)
    false, expected = count[Judgement.FALSE_POSITIVE], count[Judgement.EXPECTED]
    return Evaluation(
        confirmed=count[Judgement.CONFIRMED],
        dismissed=false + expected,
        false=false,
        ignored=count[Judgement.IGNORED],
        pending=count[Judgement.PENDING],
        detect=_median(one.detect for one in found),
        acknowledge=_median(one.acknowledge for one in found),
        close=_median(one.close for one in found),
    )


def rendered(found: Evaluation) -> dict[str, Any]:
    """`status.evaluation`, empty where no incident was judged."""
    if not found.judged:
        return {}
    spans = {
        "medianTimeToDetect": found.detect,
        "medianTimeToAcknowledge": found.acknowledge,
        "medianTimeToClose": found.close,
    }
    precision = found.precision
    return {
        "incidents": found.judged,
        "confirmed": percent(found.confirmed / found.judged),
        "dismissed": percent(found.dismissed / found.judged),
        "ignored": percent(found.ignored / found.judged),
        **({} if precision is None else {"precision": percent(precision)}),
        **{key: span_text(value) for key, value in spans.items() if value is not None},
    }


def _median(values: Iterable[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return round(median(known)) if known else None
