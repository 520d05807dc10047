"""An SLOPolicy's spec as values, and how it comes out for one service."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from anomaly_operator.api.reasons import Reason
from anomaly_operator.spec.policy import Levels, SLOPolicySpec, for_service, overridden
from anomaly_operator.spec.policy_parse import parse_policy
from detector_runtime.contract.run_config import (
    BusyPeriod,
    DatabaseThresholds,
    RequestRateThresholds,
    SLOSpec,
    Thresholds,
)

CRD = Path(__file__).parents[4] / "crds" / "slopolicies.yaml"
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


def test_what_a_policy_leaves_out_has_the_documented_defaults() -> None:
    parts = ("latency", "errorRate", "databaseLatency", "requestRate")
    spec, problems = parse_policy({"thresholds": {part: {} for part in parts}})
    assert problems == ()
    assert spec is not None
    assert for_service("web", spec, "checkout") == SLOSpec(
        policy="web",
        latency=Thresholds(0.5, 0.8, 1.0),
        error_rate=Thresholds(0.005, 0.01, 0.02),
        database_latency=DatabaseThresholds(1.5, 2.0, 3.0, 5.0, 0.005),
        request_rate=RequestRateThresholds(2.0, 0.5),
        error_rate_floor=0.0,
        traffic_floor=1.0,
        busy_periods=(),
        busy_factor=1.5,
        allow_downgrade=True,
        require_breach_for_critical=True,
    )


@pytest.mark.parametrize("part", ["latency", "errorRate", "databaseLatency", "requestRate"])
def test_the_defaults_are_those_of_the_definition(part: str) -> None:
    """An API server fills them in; the command line has no API server."""
    fields = _thresholds_schema()["properties"][part]["properties"]
    filled = {name: node["default"] for name, node in fields.items() if "default" in node}
    assert parse_policy({"thresholds": {part: filled}}) == parse_policy({"thresholds": {part: {}}})
    assert len(filled) == {"databaseLatency": 5, "requestRate": 2}.get(part, 3)


def test_the_switches_and_floors_are_those_of_the_definition() -> None:
    properties = _schema()["properties"]
    parts = ("floors", "severity", "busyPeriodFactor")
    filled = {part: properties[part]["default"] for part in parts}
    assert parse_policy({"thresholds": {}, **filled}) == parse_policy({"thresholds": {}})
    changed = {
        "floors": {"errorRate": "1%", "traffic": "7"},
        "severity": {"allowDowngradeToInformational": False, "requireSLOBreachForCritical": False},
        "busyPeriodFactor": "3",
    }
    spec, _ = parse_policy({"thresholds": {}, **changed})
    assert spec is not None
    found = for_service("web", spec, "checkout")
    assert (found.error_rate_floor, found.traffic_floor, found.busy_factor) == (0.01, 7.0, 3.0)
    assert (found.allow_downgrade, found.require_breach_for_critical) == (False, False)


def _schema() -> dict[str, Any]:
    document = yaml.safe_load(CRD.read_text())
    (version,) = document["spec"]["versions"]
    spec: dict[str, Any] = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return spec


def _thresholds_schema() -> dict[str, Any]:
    found: dict[str, Any] = _schema()["properties"]["thresholds"]
    return found


def test_an_override_of_levels_without_room_between_them_needs_no_warning() -> None:
    even = Thresholds(0.5, 0.5, 0.5)
    assert overridden(even, Levels(critical=0.8)) == Thresholds(0.5, 0.8, 0.8)
    assert overridden(even, None) is even
    assert overridden(even, Levels(acceptable=0.1, warning=0.2)) == Thresholds(0.1, 0.2, 0.5)


def test_a_busy_period_ends_after_it_starts() -> None:
    for end, valid in (("2026-11-27T00:00:00Z", False), ("2026-11-27T00:00:01Z", True)):
        period = {"name": "sale", "start": "2026-11-27T00:00:00Z", "end": end}
        spec, problems = parse_policy({"thresholds": {}, "busyPeriods": [period]})
        assert (spec is not None) is valid
        assert valid or "is not after start" in str(problems[0])


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
        ({"thresholds": {"latency": {"acceptable": "1s"}}}, "acceptable 1, warning 0.8"),
        ({"thresholds": {"errorRate": {"critical": "0.9%"}}}, "warning 0.01, critical 0.009"),
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
        ({"thresholds": {"requestRate": {"cliff": "2"}}}, "cliff 2 must be below surge 2"),
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


def test_an_empty_policy_is_what_the_type_has_by_default() -> None:
    assert parse_policy({"thresholds": {}}) == (SLOPolicySpec(), ())
