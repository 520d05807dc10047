"""A window evaluated against its SLOPolicy: a status for each metric and the worst of them.

Thresholds of latency and errors are absolute, those of the database's latency are ratios to the
training mean, those of the request rate are ratios to the usual rate at this time of the week
(`slo_traffic`). Where so little happens that a threshold says nothing, a metric is Ok
(`slo_floors`). A value that is missing or undefined is `Unknown`, never `Ok`. The rules and their
reasons: `operator/docs/slo.md`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from detector_runtime.contract.detection import MetricEvaluation, SLOEvaluation
from detector_runtime.contract.run_config import BusyPeriod, PeriodSpec, SLOSpec, Thresholds
from detector_runtime.contract.text import decimal
from detector_runtime.contract.vocabulary import Role, SLOStatus
from detector_runtime.series.units import figure, ratio_per, readable, seconds_per
from detector_runtime.verdict.reading import Reading
from detector_runtime.verdict.slo_floors import SLOW_SHARE, requests_below_floor, too_few
from detector_runtime.verdict.slo_traffic import TrafficContext, judge_traffic, stopped

BUSY_ERROR_CAPS = (0.10, 0.15, 0.20)
"""Beyond these the busy factor lifts no error threshold (acceptable, warning, critical)."""
UNDEFINED = "undefined"
_BELOW_FLOOR = "below its floor"
_QUIET = "not evaluated: traffic is below the floor"


@dataclass(frozen=True, slots=True)
class SLOVerdict:
    """`floored`: metrics that lie under a floor, so that a finding on them is noise. `judged`:
    those that have a threshold and a value. `outage`: traffic metrics whose requests have stopped;
    known without a policy too.
    """

    evaluation: SLOEvaluation
    floored: frozenset[str] = frozenset()
    judged: frozenset[str] = frozenset()
    outage: frozenset[str] = frozenset()

    @property
    def status(self) -> SLOStatus:
        return self.evaluation.status

    @property
    def breached(self) -> bool:
        return self.evaluation.status is SLOStatus.BREACHED


@dataclass(frozen=True, slots=True)
class _MetricResult:
    """One metric against its thresholds, all in the metric's own unit; `ratio` = value/critical.
    `bound`: what decided, `text`: value and bound in words, `note`: what else there is to say."""

    reading: Reading
    status: SLOStatus
    limits: Thresholds | None = None
    ratio: float = math.nan
    note: str = ""
    floored: bool = False
    bound: str = ""
    text: str = ""


def evaluate(
    policy: SLOSpec | None,
    readings: tuple[Reading, ...],
    end: int,
    period: PeriodSpec,
    step: int = 60,
) -> SLOVerdict:
    """Evaluate the window of `step` seconds that ends at `end` (UTC unix seconds, in `period`)
    against `policy`."""
    if policy is None:
        outage = stopped(readings, floor=0.0)
        return SLOVerdict(SLOEvaluation(SLOStatus.UNKNOWN), outage=outage)
    outage = stopped(readings, policy.traffic_floor)
    busy = next((one for one in policy.busy_periods if one.start < end <= one.end), None)
    results = list(_evaluate_metrics(policy, readings, busy, step))
    context = TrafficContext(
        limits=policy.request_rate,
        floor=policy.traffic_floor,
        busy_factor=policy.busy_factor if busy else 1.0,
        period=period,
        latency=_worst(results, Role.LATENCY),
        errors=_worst(results, Role.ERRORS),
    )
    results += _evaluate_traffic(context, readings, outage)
    known = [one for one in results if one.status is not SLOStatus.UNKNOWN]
    worst = max(known, key=lambda one: (one.status.rank, _comparable(one.ratio)), default=None)
    ratios = [one.ratio for one in known if math.isfinite(one.ratio)]
    evaluation = SLOEvaluation(
        status=SLOStatus.UNKNOWN,
        proximity=decimal(max(ratios), 3) if ratios else "",
        policy=policy.policy,
        busy_period="" if busy is None else busy.name,
        explanation=_nothing_evaluated(results),
        metrics=tuple(_row(one) for one in results),
    )
    if worst is not None:
        reading = worst.reading
        evaluation = replace(
            evaluation,
            status=worst.status,
            explanation=f"{worst.text} ({worst.note})" if worst.note else worst.text,
            metric=reading.metric.name,
            value=readable(reading.value, reading.metric.unit),
            bound=worst.bound,
        )
    return SLOVerdict(
        evaluation,
        floored=frozenset(one.reading.metric.name for one in results if one.floored),
        judged=frozenset(one.reading.metric.name for one in known),
        outage=outage,
    )


def status_of(value: float, limits: Thresholds) -> SLOStatus:
    """Ok up to acceptable, then Elevated; Warning and Breached from their thresholds on, Breached
    for an infinite value."""
    if math.isnan(value) or value == -math.inf:
        return SLOStatus.UNKNOWN
    if value >= limits.critical:
        return SLOStatus.BREACHED
    if value >= limits.warning:
        return SLOStatus.WARNING
    return SLOStatus.ELEVATED if value > limits.acceptable else SLOStatus.OK


def busy_latency(limits: Thresholds, factor: float) -> Thresholds:
    """Latency thresholds of a busy period."""
    return _scaled(limits, factor)


def busy_errors(limits: Thresholds, factor: float) -> Thresholds:
    """Error thresholds of a busy period: lifted to the caps at most, never lowered by them."""
    plain = (limits.acceptable, limits.warning, limits.critical)
    lifted = [
        max(limit, min(limit * factor, cap))
        for limit, cap in zip(plain, BUSY_ERROR_CAPS, strict=True)
    ]
    return Thresholds(*lifted)


def _evaluate_metrics(
    policy: SLOSpec, readings: tuple[Reading, ...], busy: BusyPeriod | None, step: int
) -> Iterator[_MetricResult]:
    requests = requests_below_floor(policy, readings, step)
    factor = policy.busy_factor
    for reading in readings:
        role, unit = reading.metric.role, reading.metric.unit
        seconds, ratio = seconds_per(unit), ratio_per(unit)
        if role is Role.LATENCY and policy.latency is not None and seconds is not None:
            limits = busy_latency(policy.latency, factor) if busy else policy.latency
            quiet = too_few(requests, SLOW_SHARE)
            yield _absolute(reading, _scaled(limits, 1 / seconds), 0.0, quiet)
        elif role is Role.ERRORS and policy.error_rate is not None and ratio is not None:
            limits = busy_errors(policy.error_rate, factor) if busy else policy.error_rate
            # A floor of 0 stands for the acceptable rate: up to there nothing is reported.
            floor = policy.error_rate_floor or policy.error_rate.acceptable
            quiet = too_few(requests, reading.value * ratio)
            yield _absolute(reading, _scaled(limits, 1 / ratio), floor / ratio, quiet)
        elif role is Role.DATABASE_LATENCY and policy.database_latency is not None:
            yield _database(policy, reading)


def _absolute(reading: Reading, limits: Thresholds, floor: float, quiet: bool) -> _MetricResult:
    found = _threshold(reading, limits, limits.critical)
    if found.status is SLOStatus.UNKNOWN:
        return found
    if quiet:
        return _floored(found, math.nan, _QUIET)
    if floor > 0 and reading.value <= floor:
        return _floored(found, found.ratio, _BELOW_FLOOR)
    return found


def _database(policy: SLOSpec, reading: Reading) -> _MetricResult:
    limits = policy.database_latency
    seconds = seconds_per(reading.metric.unit)
    if limits is None or seconds is None or not reading.mean > 0:
        note = "no training mean to compare it with"
        return _MetricResult(reading, SLOStatus.UNKNOWN, note=note)
    # From `high` on the SLO counts as breached; proximity is relative to `critical`.
    bounds = Thresholds(
        limits.informational * reading.mean,
        limits.warning * reading.mean,
        limits.high * reading.mean,
    )
    found = _threshold(reading, bounds, limits.critical * reading.mean)
    if found.status is SLOStatus.UNKNOWN:
        return found
    if reading.value * seconds < limits.floor:
        return _floored(found, found.ratio, _BELOW_FLOOR)
    return replace(found, note="thresholds are relative to the training mean")


def _threshold(reading: Reading, limits: Thresholds, whole: float) -> _MetricResult:
    """A value against its thresholds; `whole`: the one that its proximity is relative to."""
    name, unit = reading.metric.name, reading.metric.unit
    status = status_of(reading.value, limits)
    if status is SLOStatus.UNKNOWN:
        return _MetricResult(reading, status, limits, note=_why_unknown(reading))
    shown = f"{name} {readable(reading.value, unit)}"
    bound = f"acceptable threshold of {readable(limits.acceptable, unit)}"
    text = f"{shown}, acceptable up to {readable(limits.acceptable, unit)}"
    if status is SLOStatus.ELEVATED:
        text = f"{shown} is above the {bound}"
    elif status is not SLOStatus.OK:
        word, limit = (
            ("critical", limits.critical)
            if status is SLOStatus.BREACHED
            else ("warning", limits.warning)
        )
        bound = f"{word} threshold of {readable(limit, unit)}"
        text = f"{shown} is at or above the {bound}"
    ratio = reading.value / whole if whole > 0 else math.nan
    return _MetricResult(reading, status, limits, ratio, bound=bound, text=text)


def _floored(found: _MetricResult, ratio: float, note: str) -> _MetricResult:
    reading = found.reading
    text = f"{reading.metric.name} {readable(reading.value, reading.metric.unit)}"
    return replace(
        found, status=SLOStatus.OK, ratio=ratio, note=note, floored=True, bound="floor", text=text
    )


def _evaluate_traffic(
    context: TrafficContext, readings: tuple[Reading, ...], outage: frozenset[str]
) -> Iterator[_MetricResult]:
    """A row for each traffic metric; without thresholds of the request rate only for an outage."""
    for reading in readings:
        name = reading.metric.name
        named = context.limits is not None and reading.metric.role is Role.TRAFFIC
        if not named and name not in outage:
            continue
        found = judge_traffic(context, reading, name in outage)
        note = found.note or ("" if found.text else _why_unknown(reading))
        yield _MetricResult(
            reading, found.status, None, note=note, bound=found.bound, text=found.text
        )


def _worst(results: list[_MetricResult], role: Role) -> SLOStatus:
    found = [one.status for one in results if one.reading.metric.role is role]
    return max(found, key=lambda status: status.rank, default=SLOStatus.UNKNOWN)


def _scaled(limits: Thresholds, factor: float) -> Thresholds:
    """Rounded, because 0.8 s x 1.5 is a little more than 1.2 s in binary, and 1.2 s is Warning."""
    plain = (limits.acceptable, limits.warning, limits.critical)
    return Thresholds(*(round(limit * factor, 9) for limit in plain))


def _row(result: _MetricResult) -> MetricEvaluation:
    limits, reading = result.limits, result.reading
    return MetricEvaluation(
        metric=reading.metric.name,
        value=UNDEFINED if reading.undefined else figure(reading.value),
        acceptable="" if limits is None else decimal(limits.acceptable),
        warning="" if limits is None else decimal(limits.warning),
        critical="" if limits is None else decimal(limits.critical),
        status=result.status,
    )


def _why_unknown(reading: Reading) -> str:
    return f"{UNDEFINED} (no requests)" if reading.undefined else "missing"


def _nothing_evaluated(results: list[_MetricResult]) -> str:
    if not results:
        return "not evaluated: the policy has no threshold for a metric of this service"
    reasons = (f"{one.reading.metric.name} is {one.note}" for one in results[:3])
    return f"not evaluated: {', '.join(reasons)}"


def _comparable(ratio: float) -> float:
    return 0.0 if math.isnan(ratio) else ratio
