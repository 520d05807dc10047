"""A window evaluated against its SLOPolicy: a status for each metric and the worst of them.

Thresholds of latency and errors are absolute, those of the database's latency are ratios to the
training mean, those of the request rate are ratios to the usual rate at this time of the week
(`slo_traffic`). A value below its floor is Ok: ten errors in ten requests at night are noise. A
missing value is `Unknown`, never `Ok`. The rules and their reasons: `operator/docs/runtime.md`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from detector_runtime.contract.detection import MetricEvaluation, SLOEvaluation
from detector_runtime.contract.run_config import BusyPeriod, MetricSpec, SLOSpec, Thresholds
from detector_runtime.contract.text import decimal
from detector_runtime.contract.vocabulary import Role, SLOStatus, Unit
from detector_runtime.verdict.slo_traffic import TrafficContext, judge_traffic
from detector_runtime.verdict.units import ratio_per, readable, seconds_per

BUSY_ERROR_CAPS = (0.10, 0.15, 0.20)
"""Beyond these the busy factor lifts no error threshold (acceptable, warning, critical)."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A metric's `value` in a window, its `usual` value then and its training `mean`; own unit."""

    metric: MetricSpec
    value: float
    usual: float
    mean: float


@dataclass(frozen=True, slots=True)
class SLOVerdict:
    """`floored`: metrics whose value lies below a floor, so that a finding on them is noise."""

    evaluation: SLOEvaluation
    floored: frozenset[str] = frozenset()

    @property
    def status(self) -> SLOStatus:
        return self.evaluation.status

    @property
    def breached(self) -> bool:
        return self.evaluation.status is SLOStatus.BREACHED


@dataclass(frozen=True, slots=True)
class _MetricResult:
    """One metric against its thresholds, all in the metric's own unit; `ratio` = value/critical."""

    reading: Reading
    status: SLOStatus
    limits: Thresholds | None
    ratio: float = math.nan
    note: str = ""
    floored: bool = False


def evaluate(
    policy: SLOSpec | None, readings: tuple[Reading, ...], end: int, period: str
) -> SLOVerdict:
    """Evaluate the window that ends at `end` (UTC unix seconds, in `period`) against `policy`."""
    if policy is None:
        return SLOVerdict(SLOEvaluation(SLOStatus.UNKNOWN))
    busy = next((one for one in policy.busy_periods if one.start < end <= one.end), None)
    results = list(_evaluate_metrics(policy, readings, busy))
    results += _evaluate_traffic(policy, readings, results, period, busy)
    known = [one for one in results if one.status is not SLOStatus.UNKNOWN]
    worst = max(known, key=lambda one: (one.status.rank, _finite(one.ratio)), default=None)
    ratios = [one.ratio for one in known if math.isfinite(one.ratio)]
    evaluation = SLOEvaluation(
        status=SLOStatus.UNKNOWN if worst is None else worst.status,
        proximity=decimal(max(ratios), 3) if ratios else "",
        policy=policy.policy,
        busy_period="" if busy is None else busy.name,
        explanation="no metric of the policy could be evaluated"
        if worst is None
        else _explain(worst),
        metrics=tuple(_row(one) for one in results),
    )
    return SLOVerdict(evaluation, frozenset(o.reading.metric.name for o in results if o.floored))


def status_of(value: float, limits: Thresholds) -> SLOStatus:
    """Ok up to acceptable, then Elevated; Warning and Breached from their thresholds on."""
    if not math.isfinite(value):
        return SLOStatus.UNKNOWN
    if value >= limits.critical:
        return SLOStatus.BREACHED
    if value >= limits.warning:
        return SLOStatus.WARNING
    return SLOStatus.ELEVATED if value > limits.acceptable else SLOStatus.OK


def busy_latency(limits: Thresholds, factor: float) -> Thresholds:
    """Latency thresholds of a busy period."""
    return Thresholds(limits.acceptable * factor, limits.warning * factor, limits.critical * factor)


def busy_errors(limits: Thresholds, factor: float) -> Thresholds:
    """Error thresholds of a busy period: lifted to the caps at most, never lowered by them."""
    plain = (limits.acceptable, limits.warning, limits.critical)
    lifted = [
        max(limit, min(limit * factor, cap))
        for limit, cap in zip(plain, BUSY_ERROR_CAPS, strict=True)
    ]
    return Thresholds(*lifted)


def _evaluate_metrics(
    policy: SLOSpec, readings: tuple[Reading, ...], busy: BusyPeriod | None
) -> Iterator[_MetricResult]:
    quiet = _too_quiet(policy, readings)
    factor = policy.busy_factor
    for reading in readings:
        role, unit = reading.metric.role, reading.metric.unit
        seconds, ratio = seconds_per(unit), ratio_per(unit)
        if role is Role.LATENCY and policy.latency is not None and seconds is not None:
            limits = busy_latency(policy.latency, factor) if busy else policy.latency
            yield _absolute(reading, _scaled(limits, 1 / seconds), 0.0, quiet)
        elif role is Role.ERRORS and policy.error_rate is not None and ratio is not None:
            limits = busy_errors(policy.error_rate, factor) if busy else policy.error_rate
            # A floor of 0 stands for the acceptable rate: up to there nothing is reported.
            floor = policy.error_rate_floor or policy.error_rate.acceptable
            yield _absolute(reading, _scaled(limits, 1 / ratio), floor / ratio, quiet)
        elif role is Role.DATABASE_LATENCY and policy.database_latency is not None:
            yield _database(policy, reading)


def _absolute(reading: Reading, limits: Thresholds, floor: float, quiet: bool) -> _MetricResult:
    status = status_of(reading.value, limits)
    ratio = reading.value / limits.critical if limits.critical > 0 else math.nan
    if status is SLOStatus.UNKNOWN:
        return _MetricResult(reading, status, limits, note="missing")
    if quiet:
        return _MetricResult(
            reading, SLOStatus.OK, limits, note="traffic is below the floor", floored=True
        )
    if floor > 0 and reading.value <= floor:
        return _MetricResult(reading, SLOStatus.OK, limits, ratio, "below its floor", floored=True)
    return _MetricResult(reading, status, limits, ratio)


def _database(policy: SLOSpec, reading: Reading) -> _MetricResult:
    limits = policy.database_latency
    seconds = seconds_per(reading.metric.unit)
    if limits is None or seconds is None or not reading.mean > 0:
        return _MetricResult(
            reading, SLOStatus.UNKNOWN, None, note="no training mean to compare it with"
        )
    # From `high` on the SLO counts as breached; proximity is relative to `critical`.
    bounds = Thresholds(
        limits.informational * reading.mean,
        limits.warning * reading.mean,
        limits.high * reading.mean,
    )
    status = status_of(reading.value, bounds)
    ratio = reading.value / (limits.critical * reading.mean)
    if status is not SLOStatus.UNKNOWN and reading.value * seconds < limits.floor:
        return _MetricResult(reading, SLOStatus.OK, bounds, ratio, "below its floor", floored=True)
    return _MetricResult(
        reading, status, bounds, ratio, "thresholds are relative to the training mean"
    )


def _evaluate_traffic(
    policy: SLOSpec,
    readings: tuple[Reading, ...],
    results: list[_MetricResult],
    period: str,
    busy: BusyPeriod | None,
) -> Iterator[_MetricResult]:
    if policy.request_rate is None:
        return
    context = TrafficContext(
        limits=policy.request_rate,
        floor=policy.traffic_floor,
        busy_factor=policy.busy_factor if busy else 1.0,
        period=period,
        latency=_worst(results, {Role.LATENCY}),
        errors=_worst(results, {Role.ERRORS}),
    )
    for reading in readings:
        if reading.metric.role is Role.TRAFFIC:
            status, note = judge_traffic(context, reading.value, reading.usual, reading.mean)
            yield _MetricResult(reading, status, None, note=note)


def _worst(results: list[_MetricResult], roles: set[Role]) -> SLOStatus:
    found = [one.status for one in results if one.reading.metric.role in roles]
    return max(found, key=lambda status: status.rank, default=SLOStatus.UNKNOWN)


def _too_quiet(policy: SLOSpec, readings: tuple[Reading, ...]) -> bool:
    rates = [
        one.value
        for one in readings
        if one.metric.role is Role.TRAFFIC and one.metric.unit is Unit.REQUESTS_PER_SECOND
    ]
    known = [rate for rate in rates if math.isfinite(rate)]
    return bool(known) and max(known) < policy.traffic_floor


def _scaled(limits: Thresholds, factor: float) -> Thresholds:
    return Thresholds(limits.acceptable * factor, limits.warning * factor, limits.critical * factor)


def _row(result: _MetricResult) -> MetricEvaluation:
    limits = result.limits
    return MetricEvaluation(
        metric=result.reading.metric.name,
        value=decimal(result.reading.value),
        acceptable="" if limits is None else decimal(limits.acceptable),
        warning="" if limits is None else decimal(limits.warning),
        critical="" if limits is None else decimal(limits.critical),
        status=result.status,
    )


def _explain(result: _MetricResult) -> str:
    reading = result.reading
    unit = reading.metric.unit
    text = f"{reading.metric.name} is {readable(reading.value, unit)}"
    if result.limits is not None:
        relation, limit = {
            SLOStatus.BREACHED: ("at or above the critical", result.limits.critical),
            SLOStatus.WARNING: ("at or above the warning", result.limits.warning),
            SLOStatus.ELEVATED: ("above the acceptable", result.limits.acceptable),
        }.get(result.status, ("within the acceptable", result.limits.acceptable))
        text += f", {relation} threshold of {readable(limit, unit)}"
    return f"{text} ({result.note})" if result.note else text


def _finite(value: float) -> float:
    return value if math.isfinite(value) else 0.0
