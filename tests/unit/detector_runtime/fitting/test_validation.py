"""The gate: a useless model must fail it, a good one must pass."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from detector_runtime.contract.run_config import DetectorSpec, Interval, MetricSpec
from detector_runtime.contract.vocabulary import Category, Direction, Role, Unit
from detector_runtime.fitting.faults import InjectedFault, catalogue, inject
from detector_runtime.fitting.fit import held_out_from, untested_windows
from detector_runtime.fitting.trim import implausible
from detector_runtime.fitting.validate import MAX_SHIFT, shift_as_a_whole
from detector_runtime.model.fitted import EngineSettings, FittedModel
from detector_runtime.model.gate_checks import Check, Validation
from detector_runtime.series.frame import Frame
from detector_runtime.series.statistics import metric_statistics
from pretend.entrance import fit_model, score

rng = np.random.default_rng(1)


def spec(name: str, role: Role, direction: Direction = Direction.BOTH) -> MetricSpec:
    return MetricSpec(name, role, name, Unit.NONE, direction)


METRICS = (
    spec("rate", Role.TRAFFIC),
    spec("latency", Role.LATENCY, Direction.UP),
    spec("errors", Role.ERRORS, Direction.UP),
    spec("queue", Role.CUSTOM, Direction.DOWN),
)
VALUES = np.column_stack(
    [
        rng.normal(100, 5, 2000),
        rng.normal(0.2, 0.02, 2000),
        np.zeros(2000),
        rng.normal(50, 2, 2000),
    ]
)
STATISTICS = metric_statistics(VALUES)


def test_the_catalogue_holds_what_fits_each_role() -> None:
    kinds = [(fault.kind, fault.columns) for fault in catalogue(METRICS, STATISTICS, 1)]
    assert kinds == [
        ("surge", (0,)),
        ("drop", (0,)),
        ("rise", (1,)),
        ("rise", (2,)),
        ("shift", (3,)),
        ("freeze", (0, 1, 2, 3)),
    ]


def test_ten_times_hardly_any_errors_are_no_fault_that_must_be_found() -> None:
    rare = VALUES.copy()
    rare[:, 2] = np.where(np.arange(2000) % 40 == 0, 0.1, 0.0)
    fault = next(
        one for one in catalogue(METRICS, metric_statistics(rare), 1) if one.columns == (2,)
    )
    assert fault.buried


def test_only_the_alarming_side_is_asked_about() -> None:
    down = (
        spec("rate", Role.TRAFFIC, Direction.DOWN),
        spec("latency", Role.LATENCY, Direction.DOWN),
    )
    kinds = [fault.kind for fault in catalogue(down, metric_statistics(VALUES[:, :2]), 1)]
    assert kinds == ["drop", "shift", "freeze"]


def test_traffic_that_is_usually_zero_cannot_drop() -> None:
    idle = VALUES.copy()
    idle[:1500, 0] = 0
    kinds = [fault.kind for fault in catalogue(METRICS[:1], metric_statistics(idle[:, :1]), 1)]
    assert "drop" not in kinds


@pytest.mark.parametrize(
    ("fault", "column", "factor"),
    [("surge", 0, 3.0), ("rise", 1, 5.0), ("drop", 0, 0.0)],
)
def test_faults_multiply_as_named(fault: str, column: int, factor: float) -> None:
    one = InjectedFault(fault, (column,), 12)
    out = inject(VALUES, 100, one, metrics=METRICS, statistics=STATISTICS)
    np.testing.assert_allclose(out[100:112, column], factor * VALUES[100:112, column])
    np.testing.assert_array_equal(
        np.delete(out, np.s_[100:112], 0), np.delete(VALUES, np.s_[100:112], 0)
    )


def test_errors_rise_from_nothing_too() -> None:
    calm = VALUES.copy()
    calm[1900:, 2] = 0.01
    usual = metric_statistics(calm)
    out = inject(calm, 100, InjectedFault("rise", (2,), 12), metrics=METRICS, statistics=usual)
    np.testing.assert_allclose(out[100:112, 2], 10 * usual.mean[2])


def test_a_downward_metric_shifts_down_and_a_freeze_stands_still() -> None:
    shifted = inject(
        VALUES, 10, InjectedFault("shift", (3,), 12), metrics=METRICS, statistics=STATISTICS
    )
    assert (shifted[10:22, 3] < VALUES[10:22, 3]).all()
    frozen = inject(
        VALUES, 10, InjectedFault("freeze", (0, 1), 24), metrics=METRICS, statistics=STATISTICS
    )
    assert (frozen[10:34, :2] == VALUES[9, :2]).all()


def test_a_hole_stays_a_hole_under_a_fault() -> None:
    holed = VALUES.copy()
    holed[11, 0] = np.nan
    out = inject(
        holed, 10, InjectedFault("surge", (0,), 12), metrics=METRICS, statistics=STATISTICS
    )
    assert np.isnan(out[11, 0])


def test_noise_alone_is_hardly_trimmed_and_an_outage_is() -> None:
    evidence = np.abs(np.random.default_rng(3).normal(0, 0.1, 5000)) + 0.5
    calm = implausible(evidence, 0.05, 300)
    assert calm.windows.mean() < 0.02
    assert calm.by_chance == 1.0
    evidence[1000:1060] = 4.0
    found = implausible(evidence, 0.05, 300)
    assert found.windows[1000:1060].all()
    assert found.by_chance < 0.2


def test_trimming_never_takes_more_than_its_bound() -> None:
    evidence = np.full(4000, 0.5) + np.random.default_rng(1).normal(0, 0.01, 4000)
    evidence[:1500] = 5.0 + np.random.default_rng(2).normal(0, 0.1, 1500)
    found = implausible(evidence, 0.03, 300).windows
    assert found.mean() <= 3 * 0.03 * 5  # margins included


def _frame(values: np.ndarray) -> Frame:
    times = 1_704_067_200 + 300 * np.arange(1, len(values) + 1, dtype=np.int64)
    return Frame(times, values, tuple(one.name for one in METRICS[: values.shape[1]]), 300)


def _settings(count: int) -> EngineSettings:
    detector = DetectorSpec(1.0, 0.05, 42)
    return EngineSettings(
        METRICS[:count], 300, "Etc/UTC", (), Category.STANDARD, detector, 500, 1000
    )


def test_a_model_of_a_calm_service_passes_the_gate() -> None:
    model = fit_model(_frame(VALUES[:, :2]), _settings(2))
    assert model.validation.passed, model.validation.failures


def test_a_model_of_pure_chaos_fails_and_says_by_how_much() -> None:
    """Levels that jump over decades and stay a while: threefold is nothing special there."""
    chance = np.random.default_rng(5)
    levels = np.repeat(chance.lognormal(0, 3, (50, 2)), 40, axis=0)
    wild = levels * chance.lognormal(0, 0.1, (2000, 2))
    model = fit_model(_frame(wild), _settings(2))
    assert not model.validation.passed
    assert any("injected faults found" in line for line in model.validation.failures)


def test_the_detectors_that_serve_come_with_a_reason() -> None:
    model = fit_model(_frame(VALUES[:, :2]), _settings(2))
    assert [line.split(":")[0] for line in model.detectors] == [
        member.name for member in model.ensemble.members
    ]
    assert all(": " in line and len(line) <= 80 for line in model.detectors)


@pytest.mark.parametrize(
    ("value", "limit", "at_least", "passed", "near"),
    [
        (0.80, 0.8, True, True, False),
        (0.73, 0.8, True, True, True),
        (0.71, 0.8, True, False, False),
        (0.15, 0.15, False, True, False),
        (0.16, 0.15, False, True, True),
        (0.17, 0.15, False, False, False),
    ],
)
def test_a_check_that_misses_its_limit_by_a_tenth_passes_with_a_warning(
    value: float, limit: float, at_least: bool, passed: bool, near: bool
) -> None:
    validation = Validation((Check("found", value, limit, at_least),))
    assert validation.passed is passed
    assert bool(validation.near) is near
    assert bool(validation.failures) is not passed


@pytest.mark.parametrize("seed", range(4))
def test_the_verdict_of_the_gate_does_not_depend_on_the_seed(seed: int) -> None:
    settings = _settings(2)
    other = replace(settings, detector=replace(settings.detector, seed=seed))
    model = fit_model(_frame(VALUES[:, :2]), other)
    assert model.validation.passed, model.validation.failures


def test_an_incident_that_fills_the_last_days_leaves_windows_to_test_with() -> None:
    """The held-out part is the last fifth of the windows that are not excluded."""
    frame = _frame(VALUES[:, :2])
    last = int(frame.times[-1])
    incident = Interval(last - 400 * frame.step, last)
    model = fit_model(frame, _settings(2), (incident,))
    assert model.validation.passed, model.validation.failures
    held = next(one for one in model.validation.checks if one.name == "validation windows")
    assert held.value >= 0.8 * 0.2 * 1600


def test_an_accepted_level_passes_the_gate_and_is_normal_for_the_next_windows() -> None:
    """Held out as well, it would fail every candidate: none of them has seen it."""
    values = VALUES[:, :2].copy()
    values[1700:, 1] *= 1.5
    frame = _frame(values)
    past = frame.rows(0, 1900)
    accepted = Interval(int(frame.times[1700]) - 300, int(past.times[-1]))
    unaware = fit_model(past, _settings(2))
    assert not unaware.validation.passed
    model = fit_model(past, _settings(2), (), (accepted,))
    assert model.validation.passed, model.validation.failures
    assert _anomalous(model, frame) < 0.05


def test_what_follows_an_accepted_level_neither_fails_the_gate_nor_is_anomalous() -> None:
    """Somebody accepted it after a few windows; the days after belong to no incident any more."""
    values = VALUES[:, :2].copy()
    values[1700:, 1] *= 1.3
    frame = _frame(values)
    past = frame.rows(0, 1900)
    accepted = Interval(int(frame.times[1700]) - 300, int(frame.times[1720]))
    model = fit_model(past, _settings(2), (), (accepted,))
    assert model.validation.passed, model.validation.failures
    assert _anomalous(model, frame) < 0.05


def test_windows_after_an_accepted_span_test_nothing_until_they_fill_the_held_out_part() -> None:
    rows = np.arange(1000)
    known = (rows >= 850) & (rows < 900)
    untested = untested_windows(known, np.zeros(1000, dtype=bool))
    assert untested.tolist() == (rows >= 850).tolist()
    assert held_out_from(untested) == 680
    early = (rows >= 400) & (rows < 450)
    assert untested_windows(early, np.zeros(1000, dtype=bool)).tolist() == early.tolist()
    most = rows >= 40
    assert untested_windows(most, np.zeros(1000, dtype=bool)).tolist() == most.tolist()


def _anomalous(model: FittedModel, frame: Frame) -> float:
    """Share of the last hundred windows that the model calls anomalous."""
    found = score(model, frame, 1900, METRICS[:2]).score
    return float(np.mean(np.nan_to_num(found) >= model.alert_threshold))


def test_without_exclusions_the_held_out_part_is_the_last_fifth() -> None:
    assert held_out_from(np.zeros(1003, dtype=bool)) == 802
    late = np.arange(1000) >= 900
    assert held_out_from(late) == 720


def test_the_gate_forgives_a_level_that_moved_as_a_whole_and_no_more_than_that() -> None:
    calibrated = -np.log10(np.random.default_rng(4).uniform(size=4000))
    assert shift_as_a_whole(calibrated) == pytest.approx(0.0, abs=0.02)
    assert shift_as_a_whole(calibrated + 0.5) == pytest.approx(0.5, abs=0.02)
    assert shift_as_a_whole(np.full(500, 10.0)) == MAX_SHIFT
    bursts = calibrated.copy()
    bursts[:1000] = 9.0
    assert shift_as_a_whole(bursts) < 0.2
    assert shift_as_a_whole(np.full(5, np.nan)) == 0.0
