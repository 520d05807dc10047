"""The simplest answer, for comparison: the service whose metric lies farthest from normal.

It is told which metric of the target broke its SLO, and knows no graph.
"""

from __future__ import annotations

import numpy as np

from detector_runtime.series.frame import Floats
from tests.benchmarks.rootcause.recordings import METRICS, Application, Issue

_COLUMN = {"latency": 0, "availability": 2}
_CONSISTENT = 1.4826
"""Makes the median absolute deviation the standard deviation of normal values."""
_LEAST_SPREAD = 1e-3
"""Share of the median: values that never change have no spread."""


def ranking(application: Application, issue: Issue) -> tuple[str, ...]:
    """All services but the target, the farthest first."""
    column = _COLUMN[issue.metric]
    assert column < len(METRICS)
    found = {
        service: _distance(rows[:, column], issue.values[service][:, column])
        for service, rows in application.normal.items()
        if service != issue.target
    }
    return tuple(sorted(found, key=lambda one: (-found[one], one)))


def _distance(normal: Floats, values: Floats) -> float:
    known, seen = normal[np.isfinite(normal)], values[np.isfinite(values)]
    if not len(known) or not len(seen):
        return 0.0
    middle = float(np.median(known))
    spread = _CONSISTENT * float(np.median(np.abs(known - middle)))
    spread = max(spread, _LEAST_SPREAD * abs(middle), 1e-9)
    return float(np.max(np.abs(seen - middle))) / spread
