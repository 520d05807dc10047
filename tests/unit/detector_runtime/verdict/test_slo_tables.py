"""The SLO tables at both sides of each figure: whoever changes one breaks a row here.

`operator/docs/slo.md` has the same tables in words.
"""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from anomaly_operator.spec.policy import SLOPolicySpec, for_service
from anomaly_operator.spec.policy_parse import parse_policy
from detector_runtime.contract.run_config import BusyPeriod, MetricSpec, PeriodSpec, SLOSpec
from detector_runtime.contract.vocabulary import Direction, SLOStatus, Unit
from detector_runtime.verdict.reading import Reading
from detector_runtime.verdict.slo import evaluate
from loopback.settings import DATABASE, ERRORS, LATENCY, RATE

UNKNOWN, OK, ELEVATED, WARNING, BREACHED = list(SLOStatus)
NAN = math.nan
NOW = 1_780_000_000


def during(period: str) -> PeriodSpec:
    """A part of the week of that name."""
    return PeriodSpec(period, tuple(range(7)), 360, 1320, 1.0)


STEP = 300
# Every threshold has the default that the documentation promises.
THRESHOLDS = {"latency": {}, "errorRate": {}, "databaseLatency": {}, "requestRate": {}}
MINIMUM = {"business_hours": "5", "night_hours": "0.5"}
BUSY = (BusyPeriod("sale", NOW - 3600, NOW + 3600),)


def policy(**spec: object) -> SLOSpec:
    found, problems = parse_policy({"thresholds": THRESHOLDS, **spec})
    assert problems == ()
    assert isinstance(found, SLOPolicySpec)
    return for_service("web", found, "checkout")


DEFAULTS = policy()


def status(
    held: SLOSpec, metric: MetricSpec, value: float, *others: Reading, mean: float = NAN
) -> SLOStatus:
    """Of the one metric, beside `others`; enough requests for any floor unless they say more."""
    around = others or (Reading(RATE, 100.0, 100.0, 80.0),)
    readings = (Reading(metric, value, NAN, mean), *around)
    found = evaluate(held, readings, NOW, during("business_hours"), STEP).evaluation
    return next(row.status for row in found.metrics if row.metric == metric.name)


@pytest.mark.parametrize(
    ("metric", "below", "at", "wanted"),
    [
        (LATENCY, 500.0, 500.1, (OK, ELEVATED)),
        (LATENCY, 799.9, 800.0, (ELEVATED, WARNING)),
        (LATENCY, 999.9, 1000.0, (WARNING, BREACHED)),
        (ERRORS, 0.005, 0.00501, (OK, ELEVATED)),
        (ERRORS, 0.00999, 0.01, (ELEVATED, WARNING)),
        (ERRORS, 0.01999, 0.02, (WARNING, BREACHED)),
        (DATABASE, 15.0, 15.01, (OK, ELEVATED)),
        (DATABASE, 19.99, 20.0, (ELEVATED, WARNING)),
        (DATABASE, 29.99, 30.0, (WARNING, BREACHED)),
    ],
)
def test_the_default_thresholds(metric, below, at, wanted):
    found = tuple(status(DEFAULTS, metric, value, mean=10.0) for value in (below, at))
    assert found == wanted


@pytest.mark.parametrize(
    ("metric", "value", "proximity"),
    [
        (LATENCY, 560.0, "0.56"),
        (LATENCY, 1310.0, "1.31"),
        (ERRORS, 0.015, "0.75"),
        # relative to critical, five times the mean, though the SLO is breached from three times on
        (DATABASE, 30.0, "0.6"),
        (DATABASE, 50.0, "1"),
    ],
)
def test_proximity_is_the_share_of_the_critical_threshold(metric, value, proximity):
    readings = (Reading(metric, value, NAN, 10.0), Reading(RATE, 100.0, 100.0))
    assert evaluate(DEFAULTS, readings, NOW, during("day")).evaluation.proximity == proximity


def test_proximity_is_that_of_the_worst_metric_and_absent_where_nothing_is_evaluated():
    slow, failing = Reading(LATENCY, 400.0), Reading(ERRORS, 0.01)
    assert evaluate(DEFAULTS, (slow, failing), NOW, during("day")).evaluation.proximity == "0.5"
    assert (
        evaluate(DEFAULTS, (Reading(LATENCY, NAN),), NOW, during("day")).evaluation.proximity == ""
    )


@pytest.mark.parametrize(
    ("value", "mean", "wanted"),
    [(4.99, 1.0, OK), (5.0, 1.0, BREACHED), (4.99, 0.1, OK)],
)
def test_the_floor_of_the_database_latency_is_five_milliseconds(value, mean, wanted):
    assert status(DEFAULTS, DATABASE, value, mean=mean) is wanted


@pytest.mark.parametrize(
    ("rate", "errors", "wanted"),
    [
        # below the floor of one request a second: 30 failed requests of 150 or 270 count, 29 do not
        (0.5, 0.199, OK),
        (0.5, 0.2, BREACHED),
        (0.9, 29.9 / 270, OK),
        (0.9, 30 / 270, BREACHED),
        # at the floor everything counts
        (1.0, 0.02, BREACHED),
        (0.999, 0.02, OK),
    ],
)
def test_the_traffic_floor_for_errors(rate, errors, wanted):
    assert status(DEFAULTS, ERRORS, errors, Reading(RATE, rate, rate)) is wanted


@pytest.mark.parametrize(("rate", "wanted"), [(1.99, OK), (2.0, BREACHED), (2.01, BREACHED)])
def test_the_traffic_floor_for_latency_counts_five_in_a_hundred_as_slow(rate, wanted):
    """At 2 requests a second and a step of 300 s these are 30 slow requests."""
    held = policy(floors={"traffic": "10"})
    assert status(held, LATENCY, 2000.0, Reading(RATE, rate, rate)) is wanted


@pytest.mark.parametrize(
    ("floor", "value", "wanted"),
    [("0%", 0.005, OK), ("0%", 0.0051, ELEVATED), ("3%", 0.03, OK), ("3%", 0.0301, BREACHED)],
)
def test_the_error_floor_is_what_is_acceptable_unless_it_is_set(floor, value, wanted):
    assert status(policy(floors={"errorRate": floor}), ERRORS, value) is wanted


# A status of latency or errors in the same window, as a value.
LATENCIES = {OK: 100.0, ELEVATED: 600.0, WARNING: 900.0, BREACHED: 1200.0}
FAILURES = {OK: 0.001, ELEVATED: 0.007, WARNING: 0.015, BREACHED: 0.05}


def rated(
    held: SLOSpec, reading: Reading, latency: SLOStatus, errors: SLOStatus, period: str = "day"
) -> SLOStatus:
    others = (Reading(LATENCY, LATENCIES[latency]), Reading(ERRORS, FAILURES[errors]))
    found = evaluate(held, (*others, reading), NOW, during(period), STEP).evaluation
    return next(row.status for row in found.metrics if row.metric == RATE.name)


# (latency, errors) in the window -> status of a surge, of a cliff off-peak and at peak.
CORRELATION = [
    (OK, OK, OK, ELEVATED, WARNING),
    (ELEVATED, OK, OK, ELEVATED, WARNING),
    (WARNING, OK, OK, ELEVATED, WARNING),
    (BREACHED, OK, ELEVATED, ELEVATED, WARNING),
    (OK, ELEVATED, OK, ELEVATED, WARNING),
    (OK, WARNING, OK, BREACHED, BREACHED),
    (OK, BREACHED, WARNING, BREACHED, BREACHED),
    (BREACHED, BREACHED, WARNING, BREACHED, BREACHED),
]


@pytest.mark.parametrize(("latency", "errors", "surge", "off_peak", "peak"), CORRELATION)
def test_what_latency_and_errors_make_of_a_surge_and_a_cliff(
    latency, errors, surge, off_peak, peak
):
    found = (
        rated(DEFAULTS, Reading(RATE, 200.0, 100.0, 80.0), latency, errors),
        rated(DEFAULTS, Reading(RATE, 50.0, 100.0, 100.1), latency, errors),
        rated(DEFAULTS, Reading(RATE, 50.0, 100.0, 100.0), latency, errors),
    )
    assert found == (surge, off_peak, peak)


@pytest.mark.parametrize(
    ("rate", "usual", "errors", "wanted"),
    [
        (199.9, 100.0, BREACHED, OK),
        (200.0, 100.0, BREACHED, WARNING),
        (50.1, 100.0, OK, OK),
        (50.0, 100.0, OK, WARNING),
        # 2 % of the usual rate: an outage
        (2.1, 100.0, OK, WARNING),
        (2.0, 100.0, OK, BREACHED),
        # a ratio to what is not above the floor means nothing
        (0.4, 1.0, OK, OK),
        (0.4, 1.01, OK, WARNING),
        (3.0, 1.0, BREACHED, OK),
        (3.0, 1.01, BREACHED, WARNING),
    ],
)
def test_surge_cliff_and_outage_at_their_ratios(rate, usual, errors, wanted):
    assert rated(DEFAULTS, Reading(RATE, rate, usual, 0.5), OK, errors) is wanted


@pytest.mark.parametrize(
    ("period", "rate", "errors", "wanted"),
    [
        ("business_hours", 5.0, OK, OK),
        ("business_hours", 4.99, OK, WARNING),
        ("business_hours", 4.99, ELEVATED, WARNING),
        ("business_hours", 4.99, WARNING, BREACHED),
        ("business_hours", 0.101, OK, WARNING),
        ("business_hours", 0.1, OK, BREACHED),
        ("night_hours", 0.5, OK, OK),
        ("night_hours", 0.49, OK, WARNING),
        ("weekend_day", 0.1, OK, OK),
    ],
)
def test_the_minimum_of_each_period(period, rate, errors, wanted):
    held = policy(thresholds={**THRESHOLDS, "requestRate": {"minimum": MINIMUM}})
    # no usual rate is known, so that the minimum alone decides; 100 requests a second elsewhere
    others = (Reading(replace(RATE, name="pages"), 100.0), Reading(ERRORS, FAILURES[errors]))
    found = evaluate(held, (Reading(RATE, rate), *others), NOW, during(period), STEP).evaluation
    assert next(row.status for row in found.metrics if row.metric == RATE.name) is wanted


@pytest.mark.parametrize(
    ("metric", "below", "at", "wanted"),
    [
        (LATENCY, 750.0, 750.1, (OK, ELEVATED)),
        (LATENCY, 1199.9, 1200.0, (ELEVATED, WARNING)),
        (LATENCY, 1499.9, 1500.0, (WARNING, BREACHED)),
        (ERRORS, 0.0075, 0.00751, (OK, ELEVATED)),
        (ERRORS, 0.01499, 0.015, (ELEVATED, WARNING)),
        (ERRORS, 0.02999, 0.03, (WARNING, BREACHED)),
        # the database is compared with its own mean, whatever the season
        (DATABASE, 29.99, 30.0, (WARNING, BREACHED)),
    ],
)
def test_a_busy_period_lifts_the_defaults_by_half(metric, below, at, wanted):
    held = replace(DEFAULTS, busy_periods=BUSY)
    assert tuple(status(held, metric, one, mean=10.0) for one in (below, at)) == wanted


@pytest.mark.parametrize(
    ("below", "at", "wanted"),
    [
        (0.1, 0.1001, (OK, ELEVATED)),
        (0.1499, 0.15, (ELEVATED, WARNING)),
        (0.1999, 0.2, (WARNING, BREACHED)),
    ],
)
def test_a_busy_period_lifts_no_error_threshold_beyond_its_cap(below, at, wanted):
    limits = {"acceptable": "8%", "warning": "12%", "critical": "18%"}
    held = policy(thresholds={"errorRate": limits}, busyPeriodFactor="3")
    busy = replace(held, busy_periods=BUSY)
    assert tuple(status(busy, ERRORS, one) for one in (below, at)) == wanted


@pytest.mark.parametrize(("factor", "calm", "surge"), [("1.5", 299.9, 300.0), ("2", 399.9, 400.0)])
def test_a_busy_period_lifts_the_surge_and_no_cliff(factor, calm, surge):
    held = replace(policy(busyPeriodFactor=factor), busy_periods=BUSY)
    found = [rated(held, Reading(RATE, one, 100.0, 80.0), OK, BREACHED) for one in (calm, surge)]
    assert found == [OK, WARNING]
    assert rated(held, Reading(RATE, 50.0, 100.0, 80.0), OK, OK) is WARNING


@pytest.mark.parametrize(
    ("service", "milliseconds", "wanted"),
    [("booking", 300.1, ELEVATED), ("booking", 500.0, BREACHED), ("search", 500.0, OK)],
)
def test_an_override_holds_for_its_service_alone(service, milliseconds, wanted):
    limits = {"acceptable": "300ms", "critical": "500ms"}
    found, _ = parse_policy(
        {"thresholds": THRESHOLDS, "overrides": [{"service": "booking", "latency": limits}]}
    )
    assert found is not None
    assert status(for_service("web", found, service), LATENCY, milliseconds) is wanted


@pytest.mark.parametrize(
    ("reading", "stopped"),
    [
        (Reading(RATE, 0.0, 1.01), True),
        # the usual rate must be above the floor
        (Reading(RATE, 0.0, 1.0), False),
        # 2 % of the usual rate is usual at this time, and among the rarest values of training
        (Reading(RATE, 0.0, 100.0, low=2.0, least=2.0), False),
        (Reading(RATE, 0.0, 100.0, low=2.01, least=2.0), True),
        (Reading(RATE, 0.0, 100.0, low=2.0, least=2.01), True),
        # a metric that only alarms upwards says nothing by its absence
        (Reading(replace(RATE, direction=Direction.UP), 0.0, 100.0), False),
        # a count has no floor in requests a second
        (Reading(replace(RATE, unit=Unit.COUNT), 0.0, 0.5), True),
    ],
)
def test_when_requests_have_stopped(reading, stopped):
    assert bool(evaluate(DEFAULTS, (reading,), NOW, during("day"), STEP).outage) is stopped


def test_a_policy_that_accepts_no_error_at_all_has_no_floor_and_no_proximity():
    none = {"acceptable": "0%", "warning": "0%", "critical": "0%"}
    held = policy(thresholds={"errorRate": none})
    readings = (Reading(ERRORS, 0.0), Reading(RATE, 100.0, 100.0))
    found = evaluate(held, readings, NOW, during("day"), STEP)
    assert (found.status, found.floored, found.evaluation.proximity) == (BREACHED, frozenset(), "")
    lenient = policy(thresholds={"errorRate": {**none, "critical": "1%", "warning": "1%"}})
    assert evaluate(lenient, readings, NOW, during("day"), STEP).floored == frozenset()


def test_a_missing_database_latency_is_said_to_be_missing():
    found = evaluate(DEFAULTS, (Reading(DATABASE, NAN, NAN, 10.0),), NOW, during("day"), STEP)
    assert found.evaluation.explanation == "not evaluated: database_latency is missing"
    assert not found.judged


@pytest.mark.parametrize(("milliseconds", "breached"), [(999.0, False), (1000.0, True)])
def test_a_warning_is_no_breach(milliseconds, breached):
    found = evaluate(DEFAULTS, (Reading(LATENCY, milliseconds),), NOW, during("day"), STEP)
    assert found.breached is breached
