"""A service with two faults, by the hour over four weeks, and its manifest."""

from __future__ import annotations

from typing import Any

import numpy as np

from anomaly_dashboard.explore.job import Job, Side
from detector_runtime.series.frame import Frame

BEGIN, STEP, ROWS, WARMUP = 1_704_067_200, 3600, 24 * 28, 400
QUICK: dict[str, Any] = {"members": [{"name": "Seasonal"}]}
"""A detector that is fitted in no time, for tests that ask nothing of how well it detects."""
POLICY: dict[str, Any] = {
    "apiVersion": "anomaly-operator.dev/v1alpha1",
    "kind": "SLOPolicy",
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {
        "serviceSelector": {"matchLabels": {"tier": "web"}},
        "thresholds": {"latency": {"acceptable": "300ms", "warning": "400ms", "critical": "800ms"}},
    },
}


def service(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "anomaly-operator.dev/v1alpha1",
        "kind": "AnomalyService",
        "metadata": {"name": "checkout", "namespace": "shop", "labels": {"tier": "web"}},
        "spec": {
            "step": "1h",
            "incidents": {"separation": "6h"},
            "metrics": [
                {"name": "latency", "role": "Latency", "unit": "Seconds", "query": "l"},
                {"name": "rate", "role": "Traffic", "query": "r"},
            ],
            **spec,
        },
    }


def frame() -> Frame:
    """Latency rises fivefold in the first fault; the second loses most of the traffic. One value is
    absent, one undefined."""
    rng = np.random.default_rng(4)
    times = BEGIN + STEP * np.arange(ROWS, dtype=np.int64)
    values = np.column_stack([rng.normal(0.2, 0.01, ROWS), rng.normal(100, 5, ROWS)])
    values[500:510, 0] *= 5
    values[600:612, 1] *= 0.2
    values[450, 0] = values[455, 1] = np.nan
    undefined = np.zeros(values.shape, dtype=bool)
    undefined[455, 1] = True
    return Frame(times, values, ("latency", "rate"), STEP, undefined)


def job(refit: int = 0, points: int = 0, *, quick: bool = False, **spec: Any) -> Job:
    """The service as it is, and with `spec`; `quick`: both with a detector fitted in no time."""
    found, same = frame(), {"detector": QUICK} if quick else {}
    sides = (
        Side("old", service(**same), (POLICY,), found, WARMUP),
        Side("new", service(**same, **spec), (POLICY,), found, WARMUP),
    )
    return Job(sides, refit, points)
