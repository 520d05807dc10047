"""An SLOPolicy's spec as values, and how it comes out for one service."""

from __future__ import annotations

from typing import Any

import pytest

from anomaly_operator.api.reasons import Reason
from anomaly_operator.spec.policy import for_service
from anomaly_operator.spec.policy_parse import parse_policy
from detector_runtime.contract.run_config import BusyPeriod, RequestRateThresholds, Thresholds

LATENCY = {"acceptable": "500ms", "warning": "800ms", "critical": "1s"}
ERRORS = {"acceptable": "0.5%", "warning": "1%", "critical": "2%"}


def test_thresholds_become_seconds_and_ratios() -> None:
    spec, problems = parse_policy(
        {
            "thresholds": {
                "latency": LATENCY,
                "errorRate": ERRORS,
                "databaseLatency": {},
                "requestRate": {"minimum": {"business_hours": "5"}},
            },
            "busyPeriods": [
                {"name": "sale", "start": "2026-11-27T00:00:00Z", "end": "2026-11-30T00:00:00Z"}
            ],
        }
    )
    assert problems == ()
    assert spec is not None
    assert spec.latency == Thresholds(0.5, 0.8, 1.0)
    assert spec.error_rate == Thresholds(0.005, 0.01, 0.02)
    assert spec.database_latency is not None
    assert (spec.database_latency.critical, spec.database_latency.floor) == (5.0, 0.005)
    assert spec.request_rate == RequestRateThresholds(2.0, 0.5, (("business_hours", 5.0),))
    assert spec.busy_periods == (BusyPeriod("sale", 1795737600, 1795996800),)
    assert (spec.traffic_floor, spec.busy_factor, spec.match_labels) == (1.0, 1.5, None)


def test_an_override_keeps_the_warning_between_its_own_ends() -> None:
    spec, _ = parse_policy(
        {
            "thresholds": {"latency": LATENCY, "errorRate": ERRORS},
            "overrides": [
                {"service": "booking", "latency": {"acceptable": "300ms", "critical": "500ms"}}
            ],
        }
    )
    assert spec is not None
    assert for_service("web", spec, "booking").latency == Thresholds(0.3, 0.42, 0.5)
    assert for_service("web", spec, "booking").error_rate == Thresholds(0.005, 0.01, 0.02)
    assert for_service("web", spec, "search").latency == Thresholds(0.5, 0.8, 1.0)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"thresholds": {"latency": {**LATENCY, "warning": "2s"}}}, "warning 2, critical 1"),
        ({"thresholds": {"latency": {"acceptable": "1s"}}}, "acceptable, warning and critical"),
        (
            {
                "thresholds": {"latency": LATENCY},
                "overrides": [{"service": "a", "latency": {"acceptable": "3s"}}],
            },
            "acceptable 3",
        ),
        (
            {
                "thresholds": {"latency": LATENCY},
                "overrides": [{"service": "a", "errorRate": {"critical": "1%"}}],
            },
            "which the policy does not have",
        ),
        ({"thresholds": {"databaseLatency": {"warning": "9"}}}, "1.5, 9, 3, 5"),
        ({"thresholds": {"requestRate": {"cliff": "3"}}}, "cliff 3 must be below surge 2"),
    ],
)
def test_thresholds_that_contradict_one_another_make_a_policy_invalid(
    spec: dict[str, Any], said: str
) -> None:
    found, problems = parse_policy(spec)
    assert found is None
    assert problems[0].reason is Reason.INVALID_THRESHOLDS
    assert said in str(problems[0])


def test_a_selector_wants_all_its_labels() -> None:
    spec, _ = parse_policy(
        {"thresholds": {}, "serviceSelector": {"matchLabels": {"tier": "web", "team": "a"}}}
    )
    assert spec is not None
    assert spec.selects({"tier": "web", "team": "a", "more": "x"})
    assert not spec.selects({"tier": "web"})


def test_a_policy_without_a_selector_selects_nothing() -> None:
    spec, _ = parse_policy({"thresholds": {}})
    assert spec is not None
    assert not spec.selects({})
