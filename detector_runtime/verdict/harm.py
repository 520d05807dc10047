"""Values that are harmful in themselves, whatever is usual: they raise a severity.

They count only for a metric that has clearly left its usual range, so that a slow service is not
called broken for being slow, and only where the model would tell people anyway.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from detector_runtime.contract.vocabulary import Role, Severity
from detector_runtime.series.units import ratio_per, seconds_per
from detector_runtime.verdict.explain import Observation

ERRORS_CRITICAL, ERRORS_HIGH = 0.05, 0.02
LATENCY_CRITICAL, LATENCY_HIGH = 2.0, 1.0
"""Seconds."""
TRAFFIC_HIGH = 0.3
"""Share of the usual rate below which traffic is as good as gone."""
CLEARLY = 2.0
"""Times the upper end of the usual range."""


def harm(observations: Iterable[Observation]) -> Severity:
    """The severity that the values alone ask for; None where none does."""
    found = (_of(one) for one in observations)
    return max(found, key=lambda one: one.rank, default=Severity.NONE)


def _of(one: Observation) -> Severity:
    role, unit, value = one.metric.role, one.metric.unit, one.value
    if math.isnan(value):
        return Severity.NONE
    clearly = one.activated or (one.alarming and value >= CLEARLY * one.high)
    if role is Role.ERRORS and clearly and (share := ratio_per(unit)) is not None:
        return _reached(value * share, ERRORS_HIGH, ERRORS_CRITICAL)
    if role is Role.LATENCY and clearly and (seconds := seconds_per(unit)) is not None:
        return _reached(value * seconds, LATENCY_HIGH, LATENCY_CRITICAL)
    usual = (one.low + one.high) / 2
    if role is Role.TRAFFIC and one.alarming and value < TRAFFIC_HIGH * usual:
        return Severity.HIGH
    return Severity.NONE


def _reached(value: float, high: float, critical: float) -> Severity:
    if value > critical:
        return Severity.CRITICAL
    return Severity.HIGH if value > high else Severity.NONE
