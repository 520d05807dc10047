"""A request rate against its usual rate: outage, minimum of the period, cliff and surge.

A change of traffic alone breaks no promise to a user, so its status depends on latency and errors
in the same window. An outage is the exception: where next to no requests arrive, latency and errors
are undefined and nothing is worse. `operator/docs/slo.md` has the table. Peak hours are those
with a usual rate of at least the training mean, so that no table of hours is needed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from detector_runtime.contract.run_config import PeriodSpec, RequestRateThresholds
from detector_runtime.contract.text import decimal
from detector_runtime.contract.vocabulary import Direction, Role, SLOStatus, Unit
from detector_runtime.series.units import readable, readable_range
from detector_runtime.verdict.reading import Reading

NEARLY_NOTHING = 0.02
"""Share of the usual rate up to which requests count as stopped: health checks and stray clients
go on in most outages."""


@dataclass(frozen=True, slots=True)
class TrafficContext:
    """What a window's rate is judged by; `latency` and `errors`: the window's own SLO statuses.
    `limits` None: the policy names no request rate, and only an outage counts."""

    limits: RequestRateThresholds | None
    floor: float
    busy_factor: float
    period: PeriodSpec
    latency: SLOStatus
    errors: SLOStatus


@dataclass(frozen=True, slots=True)
class TrafficResult:
    """`bound`: what the rate was compared with, the same from window to window; `text` says both in
    a sentence; `note` adds what decided."""

    status: SLOStatus
    bound: str = ""
    text: str = ""
    note: str = ""


def stopped(readings: Iterable[Reading], floor: float) -> frozenset[str]:
    """The traffic metrics of an outage: all that are usually above `floor` now carry next to
    nothing. Empty where one of them still does, or where that is usual at this time.
    """
    rates = [one for one in readings if one.metric.role is Role.TRAFFIC and _expected(one, floor)]
    if all(_next_to_nothing(one) for one in rates):
        return frozenset(one.metric.name for one in rates)
    return frozenset()


def judge_traffic(context: TrafficContext, reading: Reading, outage: bool) -> TrafficResult:
    """Status of a rate; `outage`: it is one of the metrics that `stopped`. NaN is Unknown."""
    value, unit, name = reading.value, reading.metric.unit, reading.metric.name
    if math.isnan(value):
        return TrafficResult(SLOStatus.UNKNOWN)
    shown = readable(value, unit)
    failing = context.errors.rank >= SLOStatus.WARNING.rank
    limits = context.limits
    minimum = None if limits is None else dict(limits.minimum).get(context.period.name)
    if minimum is not None and value < minimum:
        nothing = outage or value <= NEARLY_NOTHING * minimum
        status = SLOStatus.BREACHED if failing or nothing else SLOStatus.WARNING
        where = f" in {context.period.spoken}" if context.period.spoken else ""
        bound = f"minimum of {readable(minimum, unit)}{where}"
        return TrafficResult(status, bound, f"{name} {shown} is under the {bound}")
    if outage:
        bound = f"{decimal(100 * NEARLY_NOTHING)}% of its usual rate"
        return TrafficResult(SLOStatus.BREACHED, bound, f"{name} fell to {shown}{usually(reading)}")
    # A ratio to next to nothing means nothing: there is no cliff at three in the morning.
    known = math.isfinite(reading.usual) and reading.usual > max(context.floor, 0.0)
    if limits is None or not known:
        return TrafficResult(SLOStatus.OK, "", f"{name} {shown}")
    return _against_usual(context, limits, reading)


def usually(reading: Reading) -> str:
    """` (usually 60 to 160)`, empty when nothing is known."""
    unit = reading.metric.unit
    usual = readable_range(reading.low, reading.high, reading.value, unit)
    if not usual and math.isfinite(reading.usual):
        usual = f"about {readable(reading.usual, unit)}"
    return f" (usually {usual})" if usual else ""


def _against_usual(
    context: TrafficContext, limits: RequestRateThresholds, reading: Reading
) -> TrafficResult:
    value, unit = reading.value, reading.metric.unit
    ratio = value / reading.usual
    text = (
        f"{reading.metric.name} {readable(value, unit)} is {decimal(ratio, 2) or 'far over 1000'}x "
        f"its usual rate of {readable(reading.usual, unit)}"
    )
    if ratio <= limits.cliff:
        bound = f"{decimal(limits.cliff)}x its usual rate"
        if context.errors.rank >= SLOStatus.WARNING.rank:
            return TrafficResult(SLOStatus.BREACHED, bound, text, "with errors")
        if reading.usual >= reading.mean:
            return TrafficResult(SLOStatus.WARNING, bound, text)
        return TrafficResult(SLOStatus.ELEVATED, bound, text, "outside peak hours")
    surge = limits.surge * context.busy_factor
    if ratio < surge:
        return TrafficResult(SLOStatus.OK, "", text)
    bound = f"{decimal(surge)}x its usual rate"
    if context.errors is SLOStatus.BREACHED:
        return TrafficResult(SLOStatus.WARNING, bound, text, "with errors")
    if context.latency is SLOStatus.BREACHED:
        return TrafficResult(SLOStatus.ELEVATED, bound, text, "with high latency")
    return TrafficResult(SLOStatus.OK, bound, text, "no breach of latency or errors")


def _expected(reading: Reading, floor: float) -> bool:
    """Whether requests usually arrive at this time, so that their absence says something."""
    if reading.metric.direction is Direction.UP:
        return False
    least = max(floor, 0.0) if reading.metric.unit is Unit.REQUESTS_PER_SECOND else 0.0
    return math.isfinite(reading.usual) and reading.usual > least


def _next_to_nothing(reading: Reading) -> bool:
    limit = NEARLY_NOTHING * reading.usual
    # Where the usual range and the rarest values of training both reach down to here, it is usual.
    usual = reading.low <= limit and reading.least <= limit
    return reading.value <= limit and not usual
