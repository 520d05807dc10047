"""What training hardly saw: a young service, a metric that begins late, one that never is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from detector_runtime.contract.run_config import MetricSpec
from detector_runtime.contract.vocabulary import Direction, Role, Unit
from detector_runtime.model.fitted import FittedModel
from detector_runtime.series.frame import Frame
from pretend.entrance import fit_model, score
from tests.unit.detector_runtime.model.test_fit_score import (
    DAY,
    METRICS,
    STEP,
    settings,
    shop,
    tail,
    with_fault,
)

DATABASE = MetricSpec("database", Role.DATABASE_LATENCY, "", Unit.SECONDS, Direction.UP)
RESTARTS = MetricSpec("restarts", Role.CUSTOM, "", Unit.COUNT, Direction.BOTH)


def beside(frame: Frame, name: str, column: np.ndarray) -> Frame:
    return Frame(
        frame.times, np.column_stack([frame.values, column]), (*frame.names, name), frame.step
    )


def member_names(model: FittedModel) -> list[str]:
    return [member.name for member in model.ensemble.members]


@pytest.mark.parametrize("days", [2, 6])
def test_a_young_service_is_judged_by_the_days_it_has_not_by_its_look_back(days: int) -> None:
    month = shop(30)
    values = month.values.copy()
    values[: -days * DAY // STEP] = np.nan
    model = fit_model(Frame(month.times, values, month.names, STEP), settings())
    assert model.validation.passed, model.validation.failures
    assert model.provisional
    own = Frame(
        month.times[-days * DAY // STEP :], values[-days * DAY // STEP :], month.names, STEP
    )
    assert model.alert_threshold == fit_model(own, settings()).alert_threshold
    assert (model.drift.spread > 0.05).any()


def test_a_metric_without_a_value_takes_no_detector_from_the_others() -> None:
    whole = fit_model(shop(14), settings())
    dead = beside(shop(14), "database", np.full(14 * DAY // STEP, np.nan))
    model = fit_model(dead, settings((*METRICS, DATABASE)))
    assert member_names(model) == member_names(whole)
    assert model.validation.passed
    broken = with_fault(tail(), 1, 5.0, slice(-6, None))
    frame = beside(broken, "database", np.full(len(broken), np.nan))
    found = score(model, frame, int(frame.times[-7]))
    assert found.anomalous[-3:].all()
    assert (found.contributions[:, 3] == 0).all()


@pytest.mark.parametrize("hours", [1, 12])
def test_a_metric_that_has_just_begun_is_not_judged_and_fails_no_gate(hours: int) -> None:
    rng = np.random.default_rng(5)
    begun = rng.normal(50, 2, 14 * DAY // STEP)
    begun[: -hours * 3600 // STEP] = np.nan
    model = fit_model(beside(shop(14), "database", begun), settings((*METRICS, DATABASE)))
    assert model.validation.passed, model.validation.failures
    quiet = tail()
    frame = beside(quiet, "database", rng.normal(50, 2, len(quiet)))
    found = score(model, frame, int(frame.times[100]))
    assert found.anomalous.mean() < 0.02
    assert np.isnan(found.usual_low[:, 3]).all()


def test_no_detector_reports_what_is_closer_to_usual_than_asked() -> None:
    """Those that read all metrics together neither."""
    muted = tuple(replace(metric, min_deviation_absolute=1e6) for metric in METRICS)
    model = fit_model(shop(14), settings(muted))
    broken = with_fault(with_fault(tail(), 1, 5.0, slice(-60, None)), 0, 3.0, slice(-60, None))
    found = score(model, broken, int(broken.times[-100]))
    assert not found.anomalous.any()


def test_a_muted_metric_puts_no_blame_on_another() -> None:
    muted = (METRICS[0], replace(METRICS[1], min_deviation_absolute=1e3), METRICS[2])
    model = fit_model(shop(14), settings(muted))
    broken = with_fault(tail(), 1, 5.0, slice(-60, None))
    found = score(model, broken, int(broken.times[-100]))
    assert found.anomalous.mean() < 0.05


@pytest.mark.parametrize("share", [0.0, 0.003, 0.009])
def test_a_service_that_hardly_ever_fails_passes_its_gate(share: float) -> None:
    """Its faults are not nothing, and not less than the blips that it has."""
    frame = shop(14)
    rng = np.random.default_rng(2)
    values = frame.values.copy()
    values[:, 2] = np.where(rng.random(len(frame)) < share, 0.02, 0.0)
    model = fit_model(Frame(frame.times, values, frame.names, STEP), settings())
    assert model.validation.passed, model.validation.failures


def test_metrics_that_are_always_zero_are_tried_by_being_activated() -> None:
    frame = beside(shop(14), "restarts", np.zeros(14 * DAY // STEP))
    values = frame.values.copy()
    values[:, 2] = 0.0
    asked = settings((*METRICS, RESTARTS))
    model = fit_model(Frame(frame.times, values, frame.names, STEP), asked)
    assert model.validation.passed, model.validation.failures


def test_a_single_metric_passes_its_gate_by_the_faults_that_can_be_told_from_it() -> None:
    frame = shop(14)
    alone = Frame(frame.times, frame.values[:, :1], frame.names[:1], STEP)
    model = fit_model(alone, settings(METRICS[:1]))
    assert model.validation.passed, model.validation.failures


@pytest.mark.parametrize("step", [1800, 3600])
def test_half_hours_and_hours_pass_the_gate(step: int) -> None:
    frame = shop(45, step=step)
    detector = replace(settings(step=step).detector, false_incidents_per_week=4.0)
    model = fit_model(frame, replace(settings(step=step), detector=detector))
    assert model.validation.passed, model.validation.failures
