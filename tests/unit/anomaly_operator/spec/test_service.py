"""An AnomalyService's spec as values: defaults, and what admission cannot see."""

from __future__ import annotations

from typing import Any

import pytest

from anomaly_operator.api.reasons import Reason
from anomaly_operator.spec.expected import Expectation
from anomaly_operator.spec.periods import PRESETS
from anomaly_operator.spec.service import Dependency, PeriodPreset, ServiceSpec
from anomaly_operator.spec.service_parse import incident_plan, parse_service
from detector_runtime.contract.periods import week_table
from detector_runtime.contract.run_config import Interval, PeriodSpec
from detector_runtime.contract.vocabulary import Category, Direction, Role, Severity

PRESET = {"preset": "OpenTelemetrySpanMetrics"}
QUERY = {"name": "lag", "query": "max(lag)"}


def parsed(**spec: Any) -> ServiceSpec:
    found, problems = parse_service({**PRESET, **spec})
    assert problems == ()
    assert found is not None
    return found


def test_a_spec_of_one_line_gets_every_default() -> None:
    spec = parsed()
    assert (spec.step_seconds, spec.rate_interval_seconds, spec.interval_seconds) == (120, 300, 120)
    assert spec.time_zone == "Etc/UTC"
    assert spec.periods == PRESETS[PeriodPreset.WORK_WEEK]
    assert spec.training.lookback_seconds == 30 * 86400
    assert spec.source == "default"


@pytest.mark.parametrize(
    ("category", "rate"),
    [
        ("BusinessCritical", 0.03),
        ("Core", 0.04),
        ("Standard", 0.05),
        ("Admin", 0.06),
        ("Micro", 0.08),
        ("Background", 0.08),
    ],
)
def test_the_category_sets_what_may_be_trimmed(category: str, rate: float) -> None:
    spec = parsed(category=category)
    assert spec.category is Category(category)
    assert spec.detector.expected_anomaly_rate == rate


@pytest.mark.parametrize("category", list(Category))
def test_every_category_tolerates_one_false_incident_a_week(category: Category) -> None:
    assert parsed(category=category.value).detector.false_incidents_per_week == 1.0


@pytest.mark.parametrize(
    ("role", "direction"),
    [
        ("Traffic", Direction.BOTH),
        ("Latency", Direction.UP),
        ("Errors", Direction.UP),
        ("DependencyLatency", Direction.UP),
        ("DatabaseLatency", Direction.UP),
        ("Saturation", Direction.UP),
        ("Custom", Direction.BOTH),
    ],
)
def test_the_direction_follows_the_role(role: str, direction: Direction) -> None:
    found, _ = parse_service({"metrics": [{**QUERY, "role": role}]})
    assert found is not None
    assert found.metrics[0].role is Role(role)
    assert found.metrics[0].direction is direction


def test_a_full_spec_is_read_with_its_units() -> None:
    found, problems = parse_service(
        {
            "step": "15s",
            "rateInterval": "1m",
            "inference": {"interval": "5m"},
            "metrics": [
                {
                    **QUERY,
                    "minDeviation": {"absolute": "0.5", "relative": "10%"},
                    "validRange": {"min": "0", "max": "1000"},
                    "direction": "Down",
                }
            ],
            "detector": {"falseIncidentsPerWeek": "2.5", "expectedAnomalyRate": "1%", "seed": 7},
            "training": {
                "lookback": "10d",
                "exclude": [{"start": "2026-11-20T00:00:00Z", "end": "2026-11-21T00:00:00+01:00"}],
            },
            "dependsOn": [{"name": "payments"}],
            "resources": {"training": {"limits": {"memory": "1Gi"}}},
        }
    )
    assert problems == ()
    assert found is not None
    metric = found.metrics[0]
    assert (metric.min_deviation_absolute, metric.min_deviation_relative) == (0.5, 0.1)
    assert (metric.valid_min, metric.valid_max) == (0.0, 1000.0)
    assert found.interval_seconds == 300
    assert found.detector.false_incidents_per_week == 2.5
    assert found.training.exclude == (Interval(1795132800, 1795215600),)
    assert found.depends_on == (Dependency("payments"),)
    assert found.training_resources == {"limits": {"memory": "1Gi"}}


@pytest.mark.parametrize(
    ("spec", "reason", "said"),
    [
        ({"timeZone": "Europe/Atlantis"}, Reason.INVALID_TIME_ZONE, "Europe/Atlantis"),
        ({"timeZone": "../etc/passwd"}, Reason.INVALID_TIME_ZONE, "not a known time zone"),
        ({"training": {"schedule": "0 2 30 2 *"}}, Reason.INVALID_SCHEDULE, "0 2 30 2 *"),
        ({"training": {"schedule": "61 2 * * *"}}, Reason.INVALID_SCHEDULE, "61 2 * * *"),
        ({"training": {"schedule": "daily"}}, Reason.INVALID_SCHEDULE, "0 2 * * *"),
        (
            {
                "training": {
                    "lookback": "10d",
                    "exclude": [{"start": "2026-11-01T00:00:00Z", "end": "2026-11-04T00:00:00Z"}],
                }
            },
            Reason.TOO_MUCH_EXCLUDED,
            "takes out 3d",
        ),
        ({"training": {"lookback": "1h"}}, Reason.TOO_SHORT_LOOKBACK, "24 training samples"),
        ({"incidents": {"separation": "8m"}}, Reason.SEPARATION_TOO_SHORT, "= 8m"),
        (
            {"periods": [{"name": "day", "days": ["Mon"], "start": "08:00", "end": "18:00"}]},
            Reason.INVALID_PERIODS,
            "Mon 00:00 belongs to no period",
        ),
        (
            {
                "periods": [
                    {
                        "name": "all",
                        "days": ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"],
                        "start": "00:00",
                        "end": "00:00",
                    },
                    {"name": "noon", "days": ["Tue"], "start": "12:00", "end": "12:01"},
                ]
            },
            Reason.INVALID_PERIODS,
            "Tue 12:00 belongs to both all and noon",
        ),
        ({"step": "1d1"}, Reason.INVALID_SPEC, "spec.step"),
        ({"inference": {"interval": "7m"}}, Reason.INVALID_SPEC, "7m divides neither"),
        ({"metrics": [QUERY]}, Reason.INVALID_SPEC, "either spec.metrics or spec.preset"),
        ({"category": "Vital"}, Reason.INVALID_SPEC, "BusinessCritical"),
    ],
)
def test_what_admission_cannot_see_is_a_problem_with_field_and_figure(
    spec: dict[str, Any], reason: Reason, said: str
) -> None:
    found, problems = parse_service({**PRESET, **spec})
    assert found is None
    assert [problem.reason for problem in problems] == [reason]
    assert said in str(problems[0])


def test_all_problems_of_a_spec_are_told_at_once() -> None:
    _, problems = parse_service(
        {**PRESET, "timeZone": "Nowhere", "training": {"schedule": "x"}, "step": "no"}
    )
    assert {problem.field for problem in problems} == {
        "spec.timeZone",
        "spec.training.schedule",
        "spec.step",
    }


def test_the_preset_of_periods_covers_each_minute_of_the_week_once() -> None:
    assert set(week_table(PRESETS[PeriodPreset.WORK_WEEK])) == set(PRESETS[PeriodPreset.WORK_WEEK])


def test_a_period_that_ends_where_it_starts_lasts_a_day() -> None:
    whole = PeriodSpec("all", tuple(range(7)), 480, 480, 1.0)
    assert set(week_table([whole])) == {whole}


@pytest.mark.parametrize("document", [None, [], "spec", 7, {"metrics": "x"}, {"source": []}])
def test_a_spec_of_a_wrong_shape_is_a_problem_and_no_exception(document: Any) -> None:
    found, problems = parse_service(document)
    assert found is None
    assert problems


UNTIL = {"until": "2026-12-01T00:00:00Z", "reason": "a sale"}


def test_what_is_expected_is_a_pattern_up_to_a_severity() -> None:
    metric = {"metric": "lag", "severity": "High", **UNTIL}
    at = 1_796_083_200
    assert parsed(expected=[{"pattern": "high_load", **UNTIL}, metric]).incidents.expected == (
        Expectation("high_load", at, "a sale"),
        Expectation("metric_lag", at, "a sale", Severity.HIGH),
    )


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (UNTIL, "write either pattern or metric"),
        ({"pattern": "a", "metric": "b", **UNTIL}, "write either pattern or metric"),
        ({"pattern": "slo_breach", **UNTIL}, "cannot be expected"),
        ({"pattern": "error_budget_burn", **UNTIL}, "cannot be expected"),
        ({"pattern": "a", "severity": "None", **UNTIL}, "write Informational"),
        ({"pattern": "a", "until": "soon"}, "soon"),
    ],
)
def test_an_expectation_that_cannot_be_used_is_refused(entry: dict[str, Any], words: str) -> None:
    found, problems = parse_service({**PRESET, "expected": [entry]})
    assert found is None
    assert problems[0].field.startswith("spec.expected[0]")
    assert words in problems[0].message


def test_there_is_a_limit_to_what_is_expected() -> None:
    entry = {"pattern": "a", **UNTIL}
    _, problems = parse_service({**PRESET, "expected": [entry] * 33})
    assert "33 entries, at most 32" in problems[0].message


def test_a_spec_that_cannot_be_used_still_says_what_is_expected() -> None:
    spec = {"expected": [{"pattern": "a", **UNTIL}], "step": "1s"}
    assert [one.pattern for one in incident_plan(spec).expected] == ["a"]
    broken = {**spec, "incidents": {"separation": "soon"}}
    assert [one.pattern for one in incident_plan(broken).expected] == ["a"]
