"""The worse the fault, the worse the verdict: whole windows through model, SLO and severity."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from detector_runtime.contract.detection import WindowReport
from detector_runtime.contract.run_config import (
    DetectorSpec,
    MetricSpec,
    PeriodSpec,
    RequestRateThresholds,
    SLOSpec,
    Thresholds,
)
from detector_runtime.contract.vocabulary import (
    Category,
    Direction,
    Role,
    Severity,
    SLOStatus,
    Unit,
    Verdict,
)
from detector_runtime.fitting.fit import fit_model
from detector_runtime.model.fitted import EngineSettings, FittedModel
from detector_runtime.model.scoring import score_rows
from detector_runtime.series.frame import Frame
from detector_runtime.series.reading import read_as_trained, read_history
from detector_runtime.verdict.judge import judge
from detector_runtime.verdict.severity import NOT_BREACHED, NOT_EVALUATED, NOT_NAMED, WITHIN
from detector_runtime.verdict.window import JudgeContext, Naming

STEP, DAYS, FAULT = 300, 9, 6
N = DAYS * 86_400 // STEP
TIMES = 1_780_000_200 - 1_780_000_200 % STEP + STEP * np.arange(1, N + 1)
RATE, LATENCY, ERRORS, QUEUE = range(4)
METRICS = (
    MetricSpec("request_rate", Role.TRAFFIC, "r", Unit.REQUESTS_PER_SECOND, Direction.BOTH),
    MetricSpec("latency", Role.LATENCY, "l", Unit.SECONDS, Direction.UP),
    MetricSpec("error_rate", Role.ERRORS, "e", Unit.RATIO, Direction.UP),
    MetricSpec("queue", Role.SATURATION, "q", Unit.COUNT, Direction.BOTH),
)
NAMES = tuple(metric.name for metric in METRICS)
ALWAYS = PeriodSpec("always", (0, 1, 2, 3, 4, 5, 6), 0, 0, 1.0)
POLICY = SLOSpec(
    "web",
    latency=Thresholds(0.5, 0.8, 1.0),
    error_rate=Thresholds(0.005, 0.01, 0.02),
    traffic_floor=1.0,
)
LATENCY_ONLY = replace(POLICY, error_rate=None)
KEEP = replace(POLICY, allow_downgrade=False)
FREE = replace(POLICY, require_breach_for_critical=False)
NAMED, UNNAMED = Naming(), Naming(patterns=())


def history() -> np.ndarray:
    random = np.random.default_rng(7)
    day = np.sin(2 * np.pi * TIMES / 86_400)
    rate = 45 + 15 * day + random.normal(0, 2, N)
    latency = 0.2 + 0.02 * day + random.normal(0, 0.01, N)
    errors = np.clip(random.normal(0.002, 0.0004, N), 0, None)
    queue = 30 + 5 * day + random.normal(0, 2, N)
    return np.column_stack([rate, latency, errors, queue])


@pytest.fixture(scope="module")
def model() -> FittedModel:
    settings = EngineSettings(
        METRICS, STEP, "UTC", (ALWAYS,), Category.CORE, DetectorSpec(1.0, 0.02, 1), 60, 60
    )
    return fit_model(read_history(Frame(TIMES, history(), NAMES, STEP), METRICS), settings, ())


def last_windows(
    model: FittedModel,
    fault: dict[int, float],
    policy: SLOSpec | None,
    naming: Naming = NAMED,
) -> tuple[WindowReport, ...]:
    """The last FAULT windows with the metrics of `fault` at these values."""
    values = history()
    for column, value in fault.items():
        values[-FAULT:, column] = value
    rows = read_as_trained(Frame(TIMES, values, NAMES, STEP), METRICS, model.counter)
    scores = score_rows(model, rows, int(TIMES[-FAULT - 1]))
    context = JudgeContext(METRICS, policy, lambda _: ALWAYS, model, naming=naming)
    return judge(context, scores)


def last(
    model: FittedModel,
    fault: dict[int, float],
    policy: SLOSpec | None,
    naming: Naming = NAMED,
) -> WindowReport:
    return last_windows(model, fault, policy, naming)[-1]


def test_a_failing_service_is_critical_however_few_requests_are_left(model):
    found = {rate: last(model, {RATE: rate, ERRORS: 1.0}, POLICY) for rate in (15.0, 3.0, 0.4)}
    assert {one.slo.status for one in found.values()} == {SLOStatus.BREACHED}
    assert {one.severity for one in found.values()} == {Severity.CRITICAL}


def test_a_warning_is_high_also_where_the_leading_metric_lies_under_a_floor(model):
    found = last(model, {LATENCY: 0.85, ERRORS: 0.0048}, POLICY)
    assert found.slo.status is SLOStatus.WARNING
    assert found.severity is Severity.HIGH
    # the errors alone are noise, as the acceptable rate is their floor
    assert last(model, {ERRORS: 0.0048}, POLICY).severity is Severity.INFORMATIONAL


def test_a_metric_under_a_floor_does_not_quiet_another_that_is_elevated(model):
    alone, both = (last(model, {LATENCY: 0.7, **more}, POLICY) for more in ({}, {ERRORS: 0.0048}))
    assert alone.slo.status is both.slo.status is SLOStatus.ELEVATED
    assert alone.severity is both.severity is Severity.HIGH


@pytest.mark.parametrize(
    ("fault", "metric", "pattern"),
    [
        ({ERRORS: 0.42}, "error_rate", "error_rate_critical"),
        ({QUEUE: 900.0}, "queue", "metric_queue"),
        ({RATE: 5.0}, "request_rate", "request_rate_cliff"),
    ],
)
def test_a_policy_does_not_silence_what_it_does_not_name(model, fault, metric, pattern):
    found, without = last(model, fault, LATENCY_ONLY), last(model, fault, None)
    assert found.slo.status is SLOStatus.OK
    assert found.severity is without.severity is Severity.HIGH
    assert found.findings[0].pattern == pattern
    assert found.findings[0].summary.endswith(f"SLOPolicy web has no threshold for {metric}")


@pytest.mark.parametrize("policy", [None, LATENCY_ONLY])
def test_more_traffic_that_the_service_takes_well_is_low_and_alerts_nobody(model, policy):
    found = last(model, {RATE: 400.0}, policy)
    assert found.findings[0].pattern == "request_rate_surge_healthy"
    assert found.severity is Severity.LOW
    assert found.findings[0].model_severity.rank >= Severity.HIGH.rank


def test_what_the_policy_names_and_finds_ok_is_informational(model):
    found = last(model, {LATENCY: 0.45}, POLICY)
    assert found.findings[0].model_severity is Severity.CRITICAL
    assert found.severity is Severity.INFORMATIONAL
    assert found.findings[0].summary.endswith("; unusual, yet within the SLO: informational")


@pytest.mark.parametrize(
    ("fault", "policy", "severity", "why", "sentence"),
    [
        ({LATENCY: 0.45}, POLICY, Severity.INFORMATIONAL, WITHIN, f"{WITHIN}: informational"),
        ({LATENCY: 0.45}, KEEP, Severity.LOW, WITHIN, f"{WITHIN}: low"),
        ({LATENCY: 0.7}, POLICY, Severity.HIGH, NOT_BREACHED, f"{NOT_BREACHED}: high"),
        ({LATENCY: 0.9}, POLICY, Severity.HIGH, NOT_BREACHED, f"{NOT_BREACHED}: high"),
        ({LATENCY: 1.2}, POLICY, Severity.CRITICAL, "", "usual range"),
        ({LATENCY: 0.7}, FREE, Severity.CRITICAL, "", "usual range"),
        ({QUEUE: 900.0}, POLICY, Severity.HIGH, NOT_NAMED, "has no threshold for queue"),
        # without an SLO there is no second verdict; the field says why it is not Critical
        ({LATENCY: 1.2}, None, Severity.HIGH, NOT_EVALUATED, "usual range"),
    ],
)
def test_where_model_and_slo_disagree_field_and_sentence_say_so(
    model, fault, policy, severity, why, sentence
):
    finding = last(model, fault, policy, UNNAMED).findings[0]
    assert (finding.model_severity, finding.severity) == (Severity.CRITICAL, severity)
    assert finding.adjustment == (f"{severity} instead of Critical: {why}" if why else "")
    assert finding.summary.endswith(sentence)


@pytest.mark.parametrize("pattern", [NAMED, UNNAMED])
def test_an_anomaly_that_the_model_takes_lightly_is_raised_by_a_breach(model, pattern):
    tight = replace(POLICY, latency=Thresholds(0.05, 0.1, 0.2))
    found = last(model, {LATENCY: 0.225}, tight, pattern)
    finding = found.findings[0]
    assert (found.slo.status, finding.model_severity) == (SLOStatus.BREACHED, Severity.LOW)
    assert finding.severity is Severity.CRITICAL
    assert finding.adjustment == "Critical instead of Low: the SLO is breached"
    assert finding.summary.endswith("; the SLO is breached: critical")


def test_a_breach_that_the_model_does_not_see_says_so(model):
    found = last(model, {}, replace(POLICY, latency=Thresholds(0.05, 0.1, 0.12)))
    finding = found.findings[0]
    assert (finding.pattern, finding.model_severity) == ("slo_breach", Severity.NONE)
    assert finding.adjustment == "Critical instead of None: the SLO is breached"
    assert finding.summary.endswith("the model finds nothing unusual")


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({RATE: 400.0}, "Low instead of Critical: request_rate_surge_healthy is Low at most"),
        ({LATENCY: 1.2}, "High instead of Critical: latency_spike_recent is High at most"),
    ],
)
def test_a_pattern_that_lowers_the_severity_is_the_reason(model, fault, said):
    assert last(model, fault, None).findings[0].adjustment == said


def test_requests_that_stop_are_the_worst_with_any_policy_and_with_none(model):
    rated = replace(POLICY, request_rate=RequestRateThresholds(2.0, 0.5))
    for policy in (POLICY, LATENCY_ONLY, rated, None):
        found = last(model, {RATE: 0.0, LATENCY: 0.02, ERRORS: 0.0}, policy)
        assert found.severity is Severity.CRITICAL, policy
        finding = found.findings[0]
        assert finding.summary.startswith("Requests fell to 0 requests/s (usually ")
        assert "requests reach the service" in finding.recommended_actions[0]


def test_the_rest_of_the_traffic_stops_nothing_where_it_is_usually_below_the_floor(model):
    found = last(model, {RATE: 0.0}, replace(POLICY, traffic_floor=200.0))
    assert found.slo.status is not SLOStatus.BREACHED
    assert found.severity.rank <= Severity.HIGH.rank


def test_a_window_that_cannot_be_judged_says_that_the_slo_was_not_evaluated(model):
    nothing = dict.fromkeys((LATENCY, ERRORS, QUEUE), np.nan)
    found = last(model, nothing, replace(POLICY, request_rate=RequestRateThresholds(2.0, 0.5)))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.slo.status is SLOStatus.UNKNOWN
    assert found.slo.explanation == "not evaluated: PartialData"


def test_a_breach_is_said_also_where_the_window_cannot_be_judged(model):
    found = last(model, {LATENCY: 2.0, RATE: np.nan}, POLICY)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.slo.status is SLOStatus.BREACHED
