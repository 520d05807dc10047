"""A unit or a threshold that the history contradicts is said, with the field and the next step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from detector_runtime.commands.report import MAX_WARNING
from detector_runtime.contract.run_config import (
    DatabaseThresholds,
    MetricSpec,
    RequestRateThresholds,
    SLOSpec,
    Thresholds,
)
from detector_runtime.contract.vocabulary import Role, Unit
from detector_runtime.verdict.plausibility import contradictions
from loopback.settings import DATABASE, ERRORS, LATENCY, RATE

POLICY = SLOSpec("web", latency=Thresholds(0.5, 0.8, 1.0), error_rate=Thresholds(0.005, 0.01, 0.02))
RATED = replace(POLICY, request_rate=RequestRateThresholds(2.0, 0.5, (("business_hours", 20.0),)))
DATA = SLOSpec("db", database_latency=DatabaseThresholds(0.2, 0.3, 0.4, 5.0, 0.0))
SECONDS = replace(LATENCY, unit=Unit.SECONDS)


def around(middle: float) -> np.ndarray:
    return np.random.default_rng(3).uniform(0.8 * middle, 1.2 * middle, 200)[:, None]


def reasons(metric: MetricSpec, policy: SLOSpec | None, values: np.ndarray) -> list[str]:
    found = contradictions((metric,), policy, values)
    assert all(len(line) <= MAX_WARNING for line in found), found
    return [line.partition(": ")[0] for line in found]


@pytest.mark.parametrize(
    ("metric", "middle", "wanted"),
    [
        (SECONDS, 0.24, []),
        (SECONDS, 240.0, ["UnitMismatch"]),
        (SECONDS, 2400.0, ["UnitMismatch"]),
        (SECONDS, 30.0, []),
        (replace(DATABASE, unit=Unit.SECONDS), 90.0, ["UnitMismatch"]),
        (LATENCY, 240.0, []),
        (LATENCY, 0.2, []),
        (LATENCY, 0.0002, ["UnitMismatch"]),
        (LATENCY, 240_000.0, ["UnitMismatch"]),  # microseconds
        (replace(SECONDS, valid_max=3600.0), 400.0, []),  # a batch
        (replace(LATENCY, valid_max=3_600_000.0), 240_000.0, []),
        (ERRORS, 0.003, []),
        (ERRORS, 1.4, ["UnitMismatch"]),
        (ERRORS, 42.0, ["UnitMismatch"]),
        (ERRORS, 300.0, ["UnitMismatch"]),
        (replace(ERRORS, unit=Unit.PERCENT), 42.0, []),
        (RATE, 5000.0, []),
    ],
)
def test_a_unit_that_the_values_contradict(metric, middle, wanted):
    assert reasons(metric, None, around(middle)) == wanted


@pytest.mark.parametrize(
    ("metric", "policy", "middle", "wanted"),
    [
        (LATENCY, POLICY, 240.0, []),
        (LATENCY, POLICY, 0.2, ["UnitMismatch"]),
        (LATENCY, POLICY, 5.0, []),
        (SECONDS, POLICY, 0.24, []),
        (SECONDS, POLICY, 240.0, ["UnitMismatch"]),
        (SECONDS, POLICY, 3.0, ["SLOAlwaysBreached"]),
        (SECONDS, replace(POLICY, latency=Thresholds(300, 600, 900)), 240.0, []),
        (ERRORS, POLICY, 0.003, []),
        (ERRORS, POLICY, 0.3, ["SLOAlwaysBreached"]),
        (ERRORS, replace(POLICY, error_rate_floor=0.5), 0.3, []),
        (replace(LATENCY, unit=Unit.COUNT), POLICY, 240.0, ["UnitMismatch", "SLOUnreachable"]),
        (replace(ERRORS, unit=Unit.NONE), POLICY, 0.3, ["UnitMismatch", "SLOUnreachable"]),
        (replace(SECONDS, valid_max=0.9), POLICY, 0.24, ["SLOUnreachable"]),
        (replace(SECONDS, valid_max=1.0), POLICY, 0.24, []),
        (RATE, RATED, 100.0, []),
        (RATE, RATED, 10.0, ["SLOAlwaysBreached"]),
        (RATE, POLICY, 10.0, ["SLOUnreachable"]),
        (DATABASE, DATA, 10.0, ["SLOAlwaysBreached"]),
        (DATABASE, POLICY, 10.0, ["SLOUnreachable"]),
    ],
)
def test_a_threshold_that_is_always_or_never_reached(metric, policy, middle, wanted):
    assert reasons(metric, policy, around(middle)) == wanted


def test_a_policy_of_many_services_may_name_what_one_lacks():
    named = replace(POLICY, database_latency=DATA.database_latency)
    values = np.hstack([around(240.0), around(0.003)])
    assert contradictions((LATENCY, ERRORS), named, values) == ()


def test_an_error_rate_that_is_mostly_zero_is_no_percentage():
    values = np.zeros((200, 1))
    values[::10] = 0.9
    assert reasons(ERRORS, POLICY, values) == []


@pytest.mark.parametrize(
    ("role", "wanted"),
    [(role, ["NoValues"] if role in {Role.TRAFFIC, Role.LATENCY, Role.SATURATION, Role.CUSTOM}
      else []) for role in Role],
)  # fmt: skip
def test_a_metric_without_values_is_said_unless_a_sound_service_may_lack_it(role, wanted):
    metric = replace(LATENCY, role=role)
    assert reasons(metric, None, np.full((200, 1), np.nan)) == wanted


def test_a_few_values_contradict_nothing():
    assert reasons(SECONDS, POLICY, around(240.0)[:29]) == []


def test_the_line_names_metric_field_value_and_next_step():
    (unit,) = contradictions((SECONDS,), None, np.full((50, 1), 240.0))
    assert unit == (
        "UnitMismatch: application_latency has the unit Seconds, but its median is 240; "
        "set its unit to Milliseconds, or correct its query"
    )
    (breached,) = contradictions((SECONDS,), POLICY, np.full((50, 1), 3.0))
    assert breached == (
        "SLOAlwaysBreached: application_latency is 3 s or more in 99% of its history, "
        "latency.critical of SLOPolicy web is 1 s; raise it"
    )
