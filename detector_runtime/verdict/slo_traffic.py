"""Request rate against its usual rate: surge, cliff, and the minimum of the period.

Traffic alone breaks no promise to a user, so what it means depends on latency and errors in the
same window. Seed 003 gives the rules with severities of its own; they map onto SLO statuses as
informational -> Ok, warning -> Elevated, high -> Warning, critical -> Breached. Peak hours are
those with a usual rate of at least the training mean, so that no table of hours is needed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from detector_runtime.contract.run_config import RequestRateThresholds
from detector_runtime.contract.text import decimal
from detector_runtime.contract.vocabulary import SLOStatus


@dataclass(frozen=True, slots=True)
class Flow:
    """What a window's rate is judged by; `latency` and `errors`: the window's own SLO statuses."""

    limits: RequestRateThresholds
    floor: float
    busy_factor: float
    period: str
    latency: SLOStatus
    errors: SLOStatus


def judge_traffic(flow: Flow, value: float, usual: float, mean: float) -> tuple[SLOStatus, str]:
    """Status of a rate and, unless it is Ok, why. NaN is Unknown."""
    if not math.isfinite(value):
        return SLOStatus.UNKNOWN, "missing"
    failing = flow.errors.rank >= SLOStatus.WARNING.rank
    minimum = dict(flow.limits.minimum).get(flow.period)
    if minimum is not None and value < minimum:
        status = SLOStatus.BREACHED if failing else SLOStatus.WARNING
        return status, f"under the {decimal(minimum)} a second expected in {flow.period}"
    # Where next to nothing is usual, a ratio to it means nothing: no cliff at three in the morning.
    if not math.isfinite(usual) or usual <= max(flow.floor, 0.0):
        return SLOStatus.OK, ""
    ratio = value / usual
    shown = f"{decimal(ratio, 2)}x its usual rate"
    if ratio <= flow.limits.cliff:
        if failing:
            return SLOStatus.BREACHED, f"{shown}, with errors"
        peak = usual >= mean
        return (SLOStatus.WARNING, shown) if peak else (SLOStatus.ELEVATED, f"{shown}, off-peak")
    if ratio >= flow.limits.surge * flow.busy_factor:
        if flow.errors is SLOStatus.BREACHED:
            return SLOStatus.WARNING, f"{shown}, with errors"
        if flow.latency is SLOStatus.BREACHED:
            return SLOStatus.ELEVATED, f"{shown}, with high latency"
        return SLOStatus.OK, f"{shown}, served well"
    return SLOStatus.OK, ""
