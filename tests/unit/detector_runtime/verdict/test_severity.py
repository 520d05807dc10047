"""The severity table, cell by cell, and the model's own ladder."""

from __future__ import annotations

from dataclasses import replace

import pytest

from detector_runtime.contract.run_config import SLOSpec
from detector_runtime.contract.vocabulary import Severity, SLOStatus
from detector_runtime.model.severity_levels import SeverityLevels
from detector_runtime.verdict.severity import SeverityInputs, Subject, model_severity, through_slo

NONE, INFO, LOW, MEDIUM, HIGH, CRITICAL = list(Severity)
POLICY = SLOSpec("web")
KEEP = replace(POLICY, allow_downgrade=False)
FREE = replace(POLICY, require_breach_for_critical=False)
BOTH = replace(KEEP, require_breach_for_critical=False)
LEVELS = (INFO, LOW, MEDIUM, HIGH, CRITICAL)

# Rows: policy and status; columns: the severity for a model severity of each of LEVELS.
MATRIX = [
    (None, SLOStatus.UNKNOWN, (INFO, LOW, MEDIUM, HIGH, HIGH)),
    (POLICY, SLOStatus.UNKNOWN, (INFO, LOW, MEDIUM, HIGH, HIGH)),
    (POLICY, SLOStatus.OK, (INFO, INFO, INFO, INFO, INFO)),
    (POLICY, SLOStatus.ELEVATED, (INFO, LOW, MEDIUM, HIGH, HIGH)),
    (POLICY, SLOStatus.WARNING, (HIGH, HIGH, HIGH, HIGH, HIGH)),
    (POLICY, SLOStatus.BREACHED, (CRITICAL,) * 5),
    (KEEP, SLOStatus.UNKNOWN, (INFO, LOW, MEDIUM, HIGH, HIGH)),
    (KEEP, SLOStatus.OK, (INFO, LOW, LOW, LOW, LOW)),
    (KEEP, SLOStatus.ELEVATED, (INFO, LOW, MEDIUM, HIGH, HIGH)),
    (KEEP, SLOStatus.WARNING, (HIGH, HIGH, HIGH, HIGH, HIGH)),
    (KEEP, SLOStatus.BREACHED, (CRITICAL,) * 5),
    (FREE, SLOStatus.UNKNOWN, (INFO, LOW, MEDIUM, HIGH, HIGH)),
    (FREE, SLOStatus.OK, (INFO, INFO, INFO, INFO, INFO)),
    (FREE, SLOStatus.ELEVATED, (INFO, LOW, MEDIUM, HIGH, CRITICAL)),
    (FREE, SLOStatus.WARNING, (HIGH, HIGH, HIGH, HIGH, CRITICAL)),
    (FREE, SLOStatus.BREACHED, (CRITICAL,) * 5),
    (BOTH, SLOStatus.OK, (INFO, LOW, LOW, LOW, LOW)),
    (BOTH, SLOStatus.ELEVATED, (INFO, LOW, MEDIUM, HIGH, CRITICAL)),
    (BOTH, SLOStatus.WARNING, (HIGH, HIGH, HIGH, HIGH, CRITICAL)),
    (BOTH, SLOStatus.BREACHED, (CRITICAL,) * 5),
]
CELLS = [
    (policy, status, model, wanted)
    for policy, status, row in MATRIX
    for model, wanted in zip(LEVELS, row, strict=True)
]


@pytest.mark.parametrize(("policy", "status", "model", "wanted"), CELLS)
def test_an_anomaly_is_as_bad_as_the_slo_says(policy, status, model, wanted):
    assert through_slo(model, status, policy) is wanted


@pytest.mark.parametrize(("policy", "status", "model", "wanted"), CELLS)
def test_a_provisional_model_alone_raises_nothing_above_medium(policy, status, model, wanted):
    found = through_slo(model, status, policy, provisional=True)
    if status is SLOStatus.BREACHED:
        assert found is CRITICAL
    else:
        assert found is min(wanted, MEDIUM, key=lambda severity: severity.rank)


@pytest.mark.parametrize("status", list(SLOStatus))
@pytest.mark.parametrize("policy", [None, POLICY, KEEP, FREE, BOTH])
def test_without_an_anomaly_only_a_breach_has_a_severity(policy, status):
    wanted = CRITICAL if status is SLOStatus.BREACHED else NONE
    assert through_slo(NONE, status, policy) is wanted


@pytest.mark.parametrize(("policy", "status", "model", "wanted"), CELLS)
def test_noise_under_a_floor_is_informational_unless_the_service_is_near_a_breach_or_breached(
    policy, status, model, wanted
):
    found = through_slo(model, status, policy, subject=Subject(floored=True))
    near = status in {SLOStatus.WARNING, SLOStatus.BREACHED}
    assert found is (wanted if near else INFO)


@pytest.mark.parametrize(("policy", "status", "model", "wanted"), CELLS)
def test_a_policy_says_nothing_of_metrics_that_it_does_not_name(policy, status, model, wanted):
    found = through_slo(model, status, policy, subject=Subject(covered=False))
    without = through_slo(model, SLOStatus.UNKNOWN, None)
    assert found is (without if status is SLOStatus.OK else wanted)


def test_a_policy_never_makes_an_anomaly_of_other_metrics_milder_than_none_would():
    for policy, status, model, _ in CELLS:
        found = through_slo(model, status, policy, subject=Subject(covered=False))
        assert found.rank >= through_slo(model, SLOStatus.UNKNOWN, None).rank


@pytest.mark.parametrize("provisional", [False, True])
@pytest.mark.parametrize("model", [HIGH, CRITICAL])
def test_stopped_requests_need_no_policy_to_be_critical(model, provisional):
    found = through_slo(model, SLOStatus.UNKNOWN, None, provisional, Subject(outage=True))
    assert found is model


RUNGS = SeverityLevels(alert=2.0, medium=2.0, high=4.0, critical=6.0)


def inputs(score=2.0, magnitude=5.0, lasted=120) -> SeverityInputs:
    return SeverityInputs(score, magnitude, lasted)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (inputs(1.99), NONE),
        (inputs(1.99, lasted=86400), NONE),
        (inputs(2.0), MEDIUM),
        (inputs(3.99), MEDIUM),
        (inputs(4.0), HIGH),
        (inputs(5.99), HIGH),
        (inputs(6.0), CRITICAL),
        (inputs(10.0, magnitude=1.99), HIGH),
        # errors a hundred times their usual share are severe on a restless service too
        (inputs(2.0, magnitude=14.9), MEDIUM),
        (inputs(2.0, magnitude=15.0), HIGH),
        (inputs(4.0, magnitude=1.0), HIGH),
        # rare, and no metric stays far outside its range: nobody is told
        (inputs(2.0, magnitude=0.99), LOW),
        (inputs(3.99, magnitude=0.0, lasted=86400), LOW),
        (inputs(10.0, magnitude=0.99, lasted=1799), LOW),
        # but for what is as rare as High and lasts: a freeze, a broken relation
        (inputs(4.0, magnitude=0.0, lasted=1800), MEDIUM),
        (inputs(10.0, magnitude=0.0, lasted=86400), MEDIUM),
    ],
)
def test_the_models_ladder_of_promised_rates_magnitude_and_persistence(given, wanted):
    assert model_severity(given, RUNGS) is wanted


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (inputs(2.99), LOW),
        (inputs(3.0), MEDIUM),
        (inputs(2.0, magnitude=14.9), LOW),
        (inputs(2.0, magnitude=15.0), HIGH),
        (inputs(3.0, magnitude=0.99), LOW),
        (inputs(4.0, magnitude=0.0, lasted=1800), MEDIUM),
    ],
)
def test_what_the_room_for_small_incidents_lets_through_is_low(given, wanted):
    assert model_severity(given, replace(RUNGS, medium=3.0)) is wanted


@pytest.mark.parametrize("lasted", [0, 7200])
@pytest.mark.parametrize("fixed", [0.0, 1.0, 2.0])
def test_the_ladder_never_falls_as_score_or_magnitude_grows(fixed, lasted):
    steps = [x / 4 for x in range(41)]
    for given in (
        [inputs(score, fixed, lasted) for score in steps],
        [inputs(2.0 + 2 * fixed, size, lasted) for size in steps],
    ):
        ranks = [model_severity(one, RUNGS).rank for one in given]
        assert ranks == sorted(ranks)


def test_raised_levels_ask_for_more_at_every_rung():
    raised = RUNGS.raised(0.5)
    assert raised == SeverityLevels(2.5, 2.5, 4.5, 6.5)
    assert RUNGS.raised(0.0) == RUNGS
    assert model_severity(inputs(2.49), raised) is NONE
    assert model_severity(inputs(4.0), raised) is MEDIUM


def test_stopped_requests_are_critical_from_the_second_window_without_magnitude():
    stopped = SeverityInputs(2.0, 0.0, 120, windows=2, outage=True)
    assert model_severity(stopped, RUNGS) is CRITICAL
    assert model_severity(replace(stopped, windows=1), RUNGS) is HIGH
    assert model_severity(replace(stopped, score=1.9), RUNGS) is NONE


def test_a_model_stored_without_the_rung_of_medium_has_it_at_the_alert_level():
    stored = {"alert": 2.0, "high": 4.0, "critical": 6.0}
    assert SeverityLevels.read(stored) == RUNGS
    assert SeverityLevels.read(stored | {"medium": 3.0}) == replace(RUNGS, medium=3.0)
