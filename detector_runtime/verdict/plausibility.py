"""Does the spec fit the history? Units that contradict the values, thresholds that mean nothing.

Each finding is one line `Reason: text` with the field and the next step; the reasons are stable, as
the operator makes conditions of them. Only what can hardly be meant otherwise is reported: nothing
is corrected and no value is left out because of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from detector_runtime.contract.run_config import MetricSpec, SLOSpec
from detector_runtime.contract.vocabulary import Role, Unit
from detector_runtime.series.frame import Floats
from detector_runtime.series.units import ratio_per, readable, seconds_per

NO_VALUES = "NoValues"
UNIT_MISMATCH = "UnitMismatch"
SLO_ALWAYS_BREACHED = "SLOAlwaysBreached"
SLO_UNREACHABLE = "SLOUnreachable"

MIN_VALUES = 30
"""Fewer values contradict nothing."""
LONG_SECONDS = 60.0
"""Half of all requests take no minute; a median beyond that is one in milliseconds."""
SHORT_MILLISECONDS = 0.001
"""No request is answered within a microsecond; a median below that is one in seconds."""
FACTOR = 1000.0
"""Between seconds and milliseconds."""
_LATENCIES = frozenset({Role.LATENCY, Role.DEPENDENCY_LATENCY, Role.DATABASE_LATENCY})
_EXPECTED = frozenset({Role.TRAFFIC, Role.LATENCY, Role.SATURATION, Role.CUSTOM})
"""Roles of which a sound service has values: not each one has errors, a database or dependencies.
"""


def contradictions(
    metrics: Sequence[MetricSpec], policy: SLOSpec | None, values: Floats
) -> tuple[str, ...]:
    """What in `metrics` and `policy` contradicts the history, one line each; `values` (n, m) in the
    metrics' own units, NaN where missing, before anything is left out."""
    found: list[str] = []
    for column, metric in enumerate(metrics):
        present = values[np.isfinite(values[:, column]), column]
        if len(present) == 0 and metric.role in _EXPECTED:
            text = f"{metric.name} has no value in the whole look-back; check its query"
            found.append(f"{NO_VALUES}: {text}")
        if len(present) < MIN_VALUES:
            continue
        wrong = _unit(metric, policy, present)
        if wrong:
            found.append(f"{UNIT_MISMATCH}: {wrong}")
        elif policy is not None:
            found += _thresholds(metric, policy, present)
    if policy is not None and not any(_covers(policy, metric) for metric in metrics):
        text = (
            f"no metric has a role and unit for which SLOPolicy {policy.policy} has thresholds; "
            "set role and unit in spec.metrics"
        )
        found.append(f"{SLO_UNREACHABLE}: {text}")
    return tuple(found)


def _unit(metric: MetricSpec, policy: SLOSpec | None, present: Floats) -> str:
    """Why the declared unit cannot be that of the values; empty when it can."""
    middle = float(np.median(present))
    if metric.role in _LATENCIES:
        return _unit_of_time(metric, policy, middle)
    if metric.role is Role.ERRORS and metric.unit is Unit.RATIO and middle > 1:
        percent = float(np.max(present)) <= 100
        cure = "set its unit to Percent" if percent else "divide its query by all requests"
        return (
            f"{metric.name} has the unit Ratio, but half of its values exceed {middle:.3g}; {cure}"
        )
    if metric.role is Role.ERRORS and ratio_per(metric.unit) is None and _names_errors(policy):
        return _not_compared(metric, "Ratio or Percent")
    return ""


def _unit_of_time(metric: MetricSpec, policy: SLOSpec | None, middle: float) -> str:
    seconds = seconds_per(metric.unit)
    limits = policy.latency if policy is not None and metric.role is Role.LATENCY else None
    if seconds is None:
        return _not_compared(metric, "Seconds or Milliseconds") if limits is not None else ""
    # A batch service may be that slow, and its policy or its valid range says so.
    meant = (limits is not None and middle * seconds <= limits.critical) or (
        metric.valid_max is not None and middle <= metric.valid_max
    )
    too_long = middle * seconds > LONG_SECONDS and not meant
    if metric.unit is Unit.SECONDS:
        cure, wrong = "set its unit to Milliseconds, or correct its query", too_long
    elif too_long:
        cure, wrong = "divide its query by 1000 if it gives microseconds", True
    else:
        far = limits is not None and middle * seconds * FACTOR < limits.acceptable
        cure = "set its unit to Seconds, or correct its query"
        wrong = 0 < middle < SHORT_MILLISECONDS or (far and middle > 0)
    if not wrong:
        return ""
    return f"{metric.name} has the unit {metric.unit.value}, but its median is {middle:.3g}; {cure}"


def _not_compared(metric: MetricSpec, wanted: str) -> str:
    return (
        f"{metric.name} has the unit {metric.unit.value}, so no threshold of the SLOPolicy "
        f"is compared with it; set its unit to {wanted}"
    )


def _thresholds(metric: MetricSpec, policy: SLOSpec, present: Floats) -> Iterator[str]:
    """Thresholds that are always or never reached, in the metric's own unit."""
    least, most = float(np.percentile(present, 1)), float(np.max(present))
    bound = _critical(metric, policy, float(np.mean(present)))
    if bound is not None:
        critical, floor, field = bound
        shown = readable(critical, metric.unit)
        if least >= critical and least > floor:
            usual = f"{metric.name} is {readable(least, metric.unit)} or more in 99% of its history"
            text = f"{usual}, {field} of SLOPolicy {policy.policy} is {shown}; raise it"
            yield f"{SLO_ALWAYS_BREACHED}: {text}"
        if metric.valid_max is not None and critical > metric.valid_max:
            yield (
                f"{SLO_UNREACHABLE}: {field} of SLOPolicy {policy.policy} is {shown}, above the "
                f"validRange of {metric.name}; lower it, or widen validRange"
            )
    if metric.role is Role.TRAFFIC and policy.request_rate is not None:
        for period, minimum in policy.request_rate.minimum:
            if minimum > most:
                text = (
                    f"requestRate.minimum.{period} of {minimum:g} is above every value of "
                    f"{metric.name}, which was at most {most:.3g}; lower it"
                )
                yield f"{SLO_ALWAYS_BREACHED}: {text}"


def _critical(metric: MetricSpec, policy: SLOSpec, mean: float) -> tuple[float, float, str] | None:
    """From where on `metric` is a breach, its floor, both in its own unit, and the field."""
    seconds, ratio = seconds_per(metric.unit), ratio_per(metric.unit)
    if metric.role is Role.LATENCY and policy.latency and seconds:
        return policy.latency.critical / seconds, 0.0, "latency.critical"
    if metric.role is Role.ERRORS and policy.error_rate and ratio:
        floor = policy.error_rate_floor or policy.error_rate.acceptable
        return policy.error_rate.critical / ratio, floor / ratio, "errorRate.critical"
    if metric.role is Role.DATABASE_LATENCY and policy.database_latency and seconds and mean > 0:
        limits = policy.database_latency
        return limits.high * mean, limits.floor / seconds, "databaseLatency.high"
    return None


def _covers(policy: SLOSpec, metric: MetricSpec) -> bool:
    traffic = metric.role is Role.TRAFFIC and policy.request_rate is not None
    return traffic or _critical(metric, policy, mean=1.0) is not None


def _names_errors(policy: SLOSpec | None) -> bool:
    return policy is not None and policy.error_rate is not None
