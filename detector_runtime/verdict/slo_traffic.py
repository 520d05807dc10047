"""Request rate against its usual rate: surge, cliff, and the minimum of the period.

Traffic alone breaks no promise to a user, so its status depends on latency and errors in the same
window; `operator/docs/runtime.md` has the table. Peak hours are those with a usual rate of at least
the training mean, so that no table of hours is needed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from detector_runtime.contract.run_config import RequestRateThresholds
from detector_runtime.contract.text import decimal
from detector_runtime.contract.vocabulary import SLOStatus


@dataclass(frozen=True, slots=True)
class TrafficContext:
    """What a window's rate is judged by; `latency` and `errors`: the window's own SLO statuses."""

    limits: RequestRateThresholds
    floor: float
    busy_factor: float
    period: str
    latency: SLOStatus
    errors: SLOStatus


def judge_traffic(
    context: TrafficContext, value: float, usual: float, mean: float
) -> tuple[SLOStatus, str]:
    """Status of a rate and, unless it is Ok, why. NaN is Unknown."""
    if not math.isfinite(value):
        return SLOStatus.UNKNOWN, "missing"
    failing = context.errors.rank >= SLOStatus.WARNING.rank
    minimum = dict(context.limits.minimum).get(context.period)
    if minimum is not None and value < minimum:
        status = SLOStatus.BREACHED if failing else SLOStatus.WARNING
        return status, f"below the minimum of {decimal(minimum)} requests/s for {context.period}"
    # A ratio to next to nothing means nothing: there is no cliff at three in the morning.
    if not math.isfinite(usual) or usual <= max(context.floor, 0.0):
        return SLOStatus.OK, ""
    ratio = value / usual
    shown = f"{decimal(ratio, 2)}x its usual rate"
    if ratio <= context.limits.cliff:
        if failing:
            return SLOStatus.BREACHED, f"{shown}, with errors"
        peak = usual >= mean
        return (
            (SLOStatus.WARNING, shown)
            if peak
            else (SLOStatus.ELEVATED, f"{shown}, outside peak hours")
        )
    if ratio >= context.limits.surge * context.busy_factor:
        if context.errors is SLOStatus.BREACHED:
            return SLOStatus.WARNING, f"{shown}, with errors"
        if context.latency is SLOStatus.BREACHED:
            return SLOStatus.ELEVATED, f"{shown}, with high latency"
        return SLOStatus.OK, f"{shown}, no breach of latency or errors"
    return SLOStatus.OK, ""
