"""The usual requests a second of a service, as they stand in its newest window."""

from __future__ import annotations

from typing import Any

import pytest

from anomaly_operator.spec.service_parse import parse_service
from anomaly_operator.status.request_rate import UNKNOWN, request_rate
from detector_runtime.contract.detection import MetricComparison, WindowReport
from detector_runtime.contract.vocabulary import Severity, Verdict

PRESET = {"preset": "OpenTelemetrySpanMetrics"}


def report(metric: str, mean: str) -> WindowReport:
    comparison = (
        MetricComparison("application_latency", "90", "80", "", ""),
        MetricComparison(metric, "13", mean, "", ""),
    )
    return WindowReport(
        "2026-01-05T10:00:00Z",
        Verdict.ANOMALOUS,
        "",
        Severity.HIGH,
        "",
        "",
        "",
        comparison=comparison,
    )


def own(unit: str) -> dict[str, Any]:
    metric = {"name": "calls", "role": "Traffic", "unit": unit, "query": "q"}
    return {"metrics": [metric]}


@pytest.mark.parametrize(
    ("spec", "metric", "mean", "rate"),
    [
        (PRESET, "request_rate", "12.5", 12.5),
        (PRESET, "request_rate", "", UNKNOWN),
        (PRESET, "request_rate", "NaN", UNKNOWN),
        (PRESET, "other", "12.5", UNKNOWN),
        (own("RequestsPerSecond"), "calls", "12.5", 12.5),
        (own("Count"), "calls", "12.5", UNKNOWN),
    ],
)
def test_only_requests_a_second_are_a_rate(
    spec: dict[str, Any], metric: str, mean: str, rate: float
) -> None:
    parsed, problems = parse_service(spec)
    assert not problems
    assert request_rate(parsed, report(metric, mean)) == rate


def test_nothing_is_known_without_a_window_or_a_spec() -> None:
    parsed, _ = parse_service(PRESET)
    assert request_rate(parsed, None) == UNKNOWN
    assert request_rate(None, report("request_rate", "1")) == UNKNOWN
