"""A window held against its SLOPolicy: every threshold, floor, busy period and ratio."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from detector_runtime.contract.run_config import (
    BusyPeriod,
    DatabaseThresholds,
    MetricSpec,
    PeriodSpec,
    RequestRateThresholds,
    SLOSpec,
    Thresholds,
)
from detector_runtime.contract.vocabulary import SLOStatus, Unit
from detector_runtime.verdict.reading import Reading
from detector_runtime.verdict.slo import SLOVerdict, busy_errors, evaluate
from loopback.settings import DATABASE, ERRORS, LATENCY, RATE

UNKNOWN, OK, ELEVATED, WARNING, BREACHED = list(SLOStatus)
NAN = math.nan
# A usual policy for a web service: latency 500 / 800 / 1,000 ms, errors 0.5 / 1 / 2 %.
POLICY = SLOSpec(
    "web",
    latency=Thresholds(0.5, 0.8, 1.0),
    error_rate=Thresholds(0.005, 0.01, 0.02),
    traffic_floor=1.0,
)
NOW = 1_780_000_000
DAY = PeriodSpec("day", tuple(range(7)), 360, 1320, 1.0)
WEEK = replace(DAY, start_minute=0, end_minute=0)


def reading(metric: MetricSpec, value: float, usual: float = NAN, mean: float = NAN) -> Reading:
    return Reading(metric, value, usual, mean)


def held(policy: SLOSpec | None, *readings: Reading, period: str = "day") -> SLOVerdict:
    return evaluate(policy, readings, NOW, replace(DAY, name=period))


@pytest.mark.parametrize(
    ("milliseconds", "status", "proximity"),
    [
        (0.0, OK, "0"),
        (499.0, OK, "0.499"),
        (500.0, OK, "0.5"),
        (501.0, ELEVATED, "0.501"),
        (799.9, ELEVATED, "0.8"),
        (800.0, WARNING, "0.8"),
        (999.0, WARNING, "0.999"),
        (1000.0, BREACHED, "1"),
        (5000.0, BREACHED, "5"),
        (NAN, UNKNOWN, ""),
    ],
)
def test_latency_against_its_thresholds(milliseconds, status, proximity):
    found = held(POLICY, reading(LATENCY, milliseconds), reading(RATE, 10.0)).evaluation
    assert (found.status, found.proximity) == (status, proximity)


@pytest.mark.parametrize(
    ("unit", "value", "status"),
    [
        (Unit.SECONDS, 0.9, WARNING),
        (Unit.MILLISECONDS, 900.0, WARNING),
        (Unit.COUNT, 900.0, UNKNOWN),
        (Unit.PERCENT, 900.0, UNKNOWN),
    ],
)
def test_units_are_converted_and_what_is_no_time_is_not_held(unit, value, status):
    assert held(POLICY, reading(replace(LATENCY, unit=unit), value)).status is status


@pytest.mark.parametrize(
    ("unit", "value", "status"),
    [
        (Unit.RATIO, 0.004, OK),
        (Unit.RATIO, 0.006, ELEVATED),
        (Unit.RATIO, 0.01, WARNING),
        (Unit.RATIO, 0.02, BREACHED),
        (Unit.PERCENT, 0.6, ELEVATED),
        (Unit.PERCENT, 2.0, BREACHED),
        (Unit.RATIO, NAN, UNKNOWN),
    ],
)
def test_errors_against_their_thresholds(unit, value, status):
    metric = replace(ERRORS, unit=unit)
    assert held(POLICY, reading(metric, value), reading(RATE, 10.0)).status is status


@pytest.mark.parametrize(
    ("floor", "value", "floored", "status"),
    [
        (0.0, 0.005, True, OK),
        (0.0, 0.006, False, ELEVATED),
        (0.03, 0.025, True, OK),
        (0.03, 0.031, False, BREACHED),
    ],
)
def test_under_the_error_floor_nothing_counts_and_a_floor_of_zero_is_what_is_acceptable(
    floor, value, floored, status
):
    found = held(replace(POLICY, error_rate_floor=floor), reading(ERRORS, value))
    assert (("error_rate" in found.floored), found.status) == (floored, status)


@pytest.mark.parametrize(("rate", "status"), [(0.9, OK), (1.0, BREACHED), (NAN, BREACHED)])
def test_with_too_little_traffic_nothing_is_held_against_a_service(rate, status):
    found = held(POLICY, reading(RATE, rate), reading(LATENCY, 9e3), reading(ERRORS, 0.5))
    assert found.status is status
    assert bool(found.floored) is (status is OK)


@pytest.mark.parametrize(
    ("rate", "usual", "errors", "step", "status"),
    [
        (0.4, 45.0, 1.0, 300, BREACHED),
        (0.4, 45.0, 1.0, 15, BREACHED),
        (0.99, 1.0, 0.5, 15, BREACHED),
        (0.4, 0.4, 0.2, 300, OK),
        (0.4, 0.4, 1.0, 300, BREACHED),
        (0.01, 0.4, 1.0, 300, BREACHED),
        (0.03, 0.03, 1.0, 300, OK),
        (1.0, 0.4, 0.5, 15, BREACHED),
    ],
)
def test_a_traffic_floor_speaks_of_what_is_usual_and_of_how_many_could_fail(
    rate, usual, errors, step, status
):
    given = (reading(RATE, rate, usual), reading(ERRORS, errors))
    found = evaluate(POLICY, given, NOW, DAY, step)
    row = next(one for one in found.evaluation.metrics if one.metric == "error_rate")
    assert row.status is status
    assert ("error_rate" in found.floored) is (status is OK)


@pytest.mark.parametrize(
    ("rate", "usual", "status"), [(0.4, 45.0, BREACHED), (0.4, 0.4, OK), (0.9, 0.9, OK)]
)
def test_slow_requests_below_the_traffic_floor(rate, usual, status):
    given = (reading(RATE, rate, usual), reading(LATENCY, 9e3))
    found = evaluate(POLICY, given, NOW, DAY, 300)
    assert found.evaluation.metrics[0].status is status


def outage(policy: SLOSpec | None, rate: float, **usual: float) -> SLOVerdict:
    """Requests at `rate`; latency and errors are 0/0."""
    nothing = [replace(reading(one, NAN), undefined=True) for one in (LATENCY, ERRORS)]
    return held(policy, Reading(RATE, rate, **usual), *nothing)


DAYTIME = {"usual": 110.0, "low": 60.0, "high": 160.0, "least": 50.0}


@pytest.mark.parametrize(
    ("rate", "usual", "status"),
    [
        (0.0, DAYTIME, BREACHED),
        (2.2, DAYTIME, BREACHED),
        (2.3, DAYTIME, UNKNOWN),
        (0.0, {"usual": 0.9, "low": 0.5, "high": 1.3, "least": 0.4}, UNKNOWN),
        (0.0, {"usual": 1.5, "low": 0.0, "high": 3.0, "least": 0.0}, UNKNOWN),
        (0.0, {"usual": 90.0, "low": 0.0, "high": 180.0, "least": 20.0}, BREACHED),
        (0.0, {"usual": 110.0, "low": 60.0, "high": 160.0, "least": 0.0}, BREACHED),
        (0.0, {"usual": 0.0, "low": 0.0, "high": 0.0, "least": 0.0}, UNKNOWN),
        (NAN, DAYTIME, UNKNOWN),
    ],
)
def test_stopped_requests_breach_a_policy_whatever_it_names(rate, usual, status):
    policies = (POLICY, replace(POLICY, error_rate=None), SLOSpec("web", traffic_floor=1.0))
    for policy in policies:
        found = outage(policy, rate, **usual)
        assert found.status is status
        assert bool(found.outage) is (status is BREACHED)


def test_the_minimum_of_a_period_names_value_and_bound_of_an_outage():
    limits = RequestRateThresholds(2.0, 0.5, (("day", 20.0),))
    found = outage(replace(POLICY, request_rate=limits), 0.0, **DAYTIME).evaluation
    assert (found.status, found.metric, found.value, found.bound) == (
        BREACHED, "request_rate", "0 requests/s", "minimum of 20 requests/s in day",
    )  # fmt: skip
    assert (
        found.explanation
        == "request_rate 0 requests/s is under the minimum of 20 requests/s in day"
    )


def test_a_minimum_that_holds_all_week_names_no_period():
    limits = RequestRateThresholds(2.0, 0.5, (("day", 20.0),))
    found = evaluate(replace(POLICY, request_rate=limits), (reading(RATE, 5.0),), NOW, WEEK)
    assert found.evaluation.bound == "minimum of 20 requests/s"
    assert found.evaluation.explanation.endswith("is under the minimum of 20 requests/s")


def test_an_outage_is_known_without_a_policy_too():
    assert outage(None, 0.0, **DAYTIME).outage == {"request_rate"}
    assert outage(POLICY, 0.0, **DAYTIME).evaluation.explanation == (
        "request_rate fell to 0 requests/s (usually 60 to 160)"
    )


def test_one_traffic_metric_that_goes_on_is_no_outage():
    second = replace(RATE, name="pages")
    given = (Reading(RATE, 0.0, **DAYTIME), Reading(second, 100.0, **DAYTIME))
    assert held(POLICY, *given).outage == frozenset()


def test_undefined_is_not_missing_and_moves_no_status():
    found = outage(POLICY, 0.0, usual=0.2).evaluation
    assert [row.value for row in found.metrics] == ["undefined", "undefined"]
    assert found.status is UNKNOWN
    assert found.explanation == (
        "not evaluated: application_latency is undefined (no requests), "
        "error_rate is undefined (no requests)"
    )
    beside = held(POLICY, reading(LATENCY, 600.0), replace(reading(ERRORS, NAN), undefined=True))
    assert beside.status is ELEVATED
    assert held(POLICY, reading(LATENCY, NAN)).evaluation.metrics[0].value == ""


def test_an_infinite_latency_is_a_breach():
    found = held(POLICY, reading(LATENCY, math.inf)).evaluation
    assert (found.status, found.metrics[0].value, found.proximity) == (BREACHED, "+Inf", "")
    assert found.explanation == (
        "application_latency infinite is at or above the critical threshold of 1 s"
    )
    assert held(POLICY, reading(LATENCY, -math.inf)).status is UNKNOWN


@pytest.mark.parametrize(
    ("milliseconds", "value", "bound", "said"),
    [
        (240.0, "240 ms", "acceptable threshold of 500 ms", "240 ms, acceptable up to 500 ms"),
        (600.0, "600 ms", "acceptable threshold of 500 ms",
         "600 ms is above the acceptable threshold of 500 ms"),
        (850.0, "850 ms", "warning threshold of 800 ms",
         "850 ms is at or above the warning threshold of 800 ms"),
        (1200.0, "1.2 s", "critical threshold of 1 s",
         "1.2 s is at or above the critical threshold of 1 s"),
    ],
)  # fmt: skip
def test_the_evaluation_names_metric_value_and_bound(milliseconds, value, bound, said):
    found = held(POLICY, reading(LATENCY, milliseconds)).evaluation
    assert (found.metric, found.value, found.bound) == ("application_latency", value, bound)
    assert found.explanation == f"application_latency {said}"


BUSY = replace(POLICY, busy_periods=(BusyPeriod("sale", NOW - 3600, NOW),))


@pytest.mark.parametrize(
    ("milliseconds", "errors", "status"),
    [
        (740.0, 0.001, OK),
        (760.0, 0.001, ELEVATED),
        (1210.0, 0.001, WARNING),
        (1500.0, 0.001, BREACHED),
        (100.0, 0.0076, ELEVATED),
        (100.0, 0.029, WARNING),
        (100.0, 0.03, BREACHED),
    ],
)
def test_a_busy_period_lifts_latency_and_errors_by_its_factor(milliseconds, errors, status):
    found = held(BUSY, reading(LATENCY, milliseconds), reading(ERRORS, errors)).evaluation
    assert (found.status, found.busy_period) == (status, "sale")


@pytest.mark.parametrize(("end", "busy"), [(NOW - 3600, ""), (NOW - 3599, "sale"), (NOW, "sale"),
                                           (NOW + 1, "")])  # fmt: skip
def test_a_busy_period_holds_for_windows_that_end_in_it(end, busy):
    assert evaluate(BUSY, (reading(LATENCY, 1.0),), end, DAY).evaluation.busy_period == busy


@pytest.mark.parametrize(
    ("plain", "factor", "lifted"),
    [
        ((0.05, 0.1, 0.15), 1.5, (0.075, 0.15, 0.2)),
        ((0.08, 0.12, 0.18), 2.0, (0.10, 0.15, 0.20)),
        ((0.2, 0.3, 0.4), 1.5, (0.2, 0.3, 0.4)),
        ((0.005, 0.01, 0.02), 1.0, (0.005, 0.01, 0.02)),
    ],
)
def test_busy_error_limits_stop_at_their_caps_and_are_never_lowered(plain, factor, lifted):
    found = busy_errors(Thresholds(*plain), factor)
    assert (found.acceptable, found.warning, found.critical) == pytest.approx(lifted)


RATIOS = SLOSpec("db", database_latency=DatabaseThresholds(1.5, 2.0, 3.0, 5.0, 0.005))


@pytest.mark.parametrize(
    ("value", "mean", "status", "proximity"),
    [
        (14.0, 10.0, OK, "0.28"),
        (15.0, 10.0, OK, "0.3"),
        (15.1, 10.0, ELEVATED, "0.302"),
        (20.0, 10.0, WARNING, "0.4"),
        (30.0, 10.0, BREACHED, "0.6"),
        (50.0, 10.0, BREACHED, "1"),
        (4.9, 1.0, OK, "0.98"),
        (5.0, 1.0, BREACHED, "1"),
        (50.0, 0.0, UNKNOWN, ""),
        (50.0, NAN, UNKNOWN, ""),
        (NAN, 10.0, UNKNOWN, ""),
    ],
)
def test_the_database_against_its_training_mean(value, mean, status, proximity):
    found = held(RATIOS, reading(DATABASE, value, mean=mean)).evaluation
    assert (found.status, found.proximity) == (status, proximity)


FLOW = replace(POLICY, request_rate=RequestRateThresholds(2.0, 0.5, (("day", 5.0), ("night", 0.5))))
GOOD, SLOW, FAILING, SHAKY = (100.0, 0.001), (2000.0, 0.001), (100.0, 0.05), (100.0, 0.012)


@pytest.mark.parametrize(
    ("rate", "usual", "mean", "others", "period", "status", "said"),
    [
        (100.0, 100.0, 80.0, GOOD, "day", OK, ""),
        (199.0, 100.0, 80.0, GOOD, "day", OK, ""),
        (200.0, 100.0, 80.0, GOOD, "day", OK, "no breach of latency or errors"),
        (200.0, 100.0, 80.0, SLOW, "day", ELEVATED, "high latency"),
        (200.0, 100.0, 80.0, FAILING, "day", WARNING, "with errors"),
        (51.0, 100.0, 80.0, GOOD, "day", OK, ""),
        (50.0, 100.0, 80.0, GOOD, "day", WARNING, "0.5x its usual"),
        (30.0, 60.0, 80.0, GOOD, "day", ELEVATED, "outside peak hours"),
        (50.0, 100.0, 80.0, FAILING, "day", BREACHED, "with errors"),
        (50.0, 100.0, 80.0, SHAKY, "day", BREACHED, "with errors"),
        (30.0, 60.0, 80.0, FAILING, "day", BREACHED, "with errors"),
        (4.9, 5.0, 80.0, GOOD, "day", WARNING, "under the minimum of 5 requests/s in day"),
        (4.9, 5.0, 80.0, FAILING, "day", BREACHED, "in day"),
        (4.9, 5.0, 80.0, GOOD, "night", OK, ""),
        (4.9, 5.0, 80.0, GOOD, "dawn", OK, ""),
        (0.6, 1.0, 80.0, GOOD, "night", OK, ""),
        (9.0, 0.0, 80.0, GOOD, "dawn", OK, ""),
        (9.0, NAN, NAN, GOOD, "dawn", OK, ""),
        (0.1, 5.0, 80.0, GOOD, "day", BREACHED, "under the minimum of 5 requests/s in day"),
        (0.11, 5.0, 80.0, GOOD, "day", WARNING, "under the minimum of 5 requests/s in day"),
        (0.0, 0.6, 80.0, GOOD, "night", BREACHED, "in night"),
        (2.0, 100.0, 80.0, GOOD, "dawn", BREACHED, "fell to 2 requests/s"),
        (2.1, 100.0, 80.0, GOOD, "dawn", WARNING, "0.021x its usual rate"),
        (0.0, 0.9, 80.0, GOOD, "dawn", OK, ""),
        (NAN, 10.0, 80.0, GOOD, "day", UNKNOWN, "missing"),
    ],
)
def test_the_request_rate_means_what_latency_and_errors_make_of_it(
    rate, usual, mean, others, period, status, said
):
    latency, errors = others
    found = held(
        FLOW,
        reading(LATENCY, latency),
        reading(ERRORS, errors),
        reading(RATE, rate, usual, mean),
        period=period,
    )
    row = next(one for one in found.evaluation.metrics if one.metric == "request_rate")
    assert row.status is status
    rest = [one.status.rank for one in found.evaluation.metrics if one is not row]
    if status.rank > max(rest):
        assert said in found.evaluation.explanation


def test_a_busy_period_lifts_the_surge_too():
    busy = replace(FLOW, busy_periods=BUSY.busy_periods)
    slow = reading(LATENCY, 5000.0)
    for rate, status in ((299.0, OK), (300.0, ELEVATED)):
        rows = held(busy, slow, reading(RATE, rate, 100.0, 80.0)).evaluation.metrics
        assert rows[-1].status is status


def test_the_worst_metric_decides_and_explains():
    found = held(POLICY, reading(LATENCY, 600.0), reading(ERRORS, 0.03)).evaluation
    assert (found.status, found.proximity, found.policy) == (BREACHED, "1.5", "web")
    assert found.explanation == "error_rate 3% is at or above the critical threshold of 2%"
    assert [row.status for row in found.metrics] == [ELEVATED, BREACHED]


def test_thresholds_are_shown_in_the_metrics_own_unit():
    row = held(POLICY, reading(LATENCY, 600.0)).evaluation.metrics[0]
    assert (row.value, row.acceptable, row.warning, row.critical) == ("600", "500", "800", "1000")


def test_without_a_policy_nothing_is_said():
    found = held(None, reading(LATENCY, 9e9))
    assert (found.status, found.evaluation.policy) == (UNKNOWN, "")


def test_a_metric_without_a_threshold_is_not_held():
    assert held(replace(POLICY, latency=None), reading(LATENCY, 9e9)).evaluation.metrics == ()


def test_a_missing_metric_does_not_hide_a_breach_nor_make_all_well():
    found = held(POLICY, reading(LATENCY, NAN), reading(ERRORS, 0.03))
    assert found.status is BREACHED
    assert held(POLICY, reading(LATENCY, NAN)).status is UNKNOWN
