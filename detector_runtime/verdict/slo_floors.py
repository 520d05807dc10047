"""Floors: where so little happens that a threshold says nothing.

A floor speaks of what is usual at this time and of how many requests could have failed, never of a
fall: with 45 requests per second usual and 0.4 left, of which all fail, nothing is too quiet to be
evaluated.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from detector_runtime.contract.run_config import SLOSpec
from detector_runtime.contract.vocabulary import Role, Unit
from detector_runtime.verdict.reading import Reading

MIN_BAD_REQUESTS = 30
"""So many failed or slow requests in one window are no noise, however low the rate."""
SLOW_SHARE = 0.05
"""Share of the requests that are as slow as the usual latency metric says, a 95th percentile."""


def requests_below_floor(policy: SLOSpec, readings: Iterable[Reading], step: int) -> float | None:
    """How many requests could have failed in the window; None where `floors.traffic` does not apply
    because the rate is, or usually is, at or above it."""
    rates = [
        one
        for one in readings
        if one.metric.role is Role.TRAFFIC
        and one.metric.unit is Unit.REQUESTS_PER_SECOND
        and math.isfinite(one.value)
    ]
    if not rates:
        return None
    expected = max(one.usual if math.isfinite(one.usual) else one.value for one in rates)
    rate = max(expected, *(one.value for one in rates))
    return None if rate >= policy.traffic_floor else rate * step


def too_few(requests: float | None, bad_share: float) -> bool:
    """Whether of `requests` (None: no floor applies) too few were bad to be evaluated."""
    return requests is not None and requests * bad_share < MIN_BAD_REQUESTS
