"""Metrics as they come: counters, zeros, holes, constants, garbage and two days of history."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from detector_runtime.contract.run_config import DetectorSpec, MetricSpec, PeriodSpec
from detector_runtime.contract.vocabulary import Category, Direction, Role, Unit, Verdict
from detector_runtime.model.fitted import EngineSettings, FittedModel, NotEnoughHistory
from detector_runtime.model.scoring import Scores
from detector_runtime.series.frame import Floats, Frame
from detector_runtime.verdict.judge import judge
from detector_runtime.verdict.window import JudgeContext
from pretend.entrance import fit_model, score

STEP = 900
DAY = 86_400
START = 1_704_067_200
NAMES = ("rate", "latency", "third")
FAULT = 8
"""Windows at the end of a frame that a fault fills."""


def frame(third: Floats | None = None, *, days: int = 7, step: int = STEP, seed: int = 0) -> Frame:
    """A daily rhythm in two metrics, and `third` beside them."""
    rng = np.random.default_rng(seed)
    n = days * DAY // step
    times = START + step * np.arange(1, n + 1, dtype=np.int64)
    day = np.sin(2 * np.pi * times / DAY)
    columns = [100 + 30 * day + rng.normal(0, 4, n), 0.1 + 0.02 * day + rng.gamma(2, 0.005, n)]
    columns += [] if third is None else [third]
    return Frame(times, np.column_stack(columns), NAMES[: len(columns)], step)


def settings(names: tuple[str, ...], step: int = STEP, least: int = 60) -> EngineSettings:
    metrics = tuple(MetricSpec(n, Role.CUSTOM, n, Unit.NONE, Direction.BOTH) for n in names)
    detector = DetectorSpec(1.0, 0.05, 42)
    return EngineSettings(
        metrics, step, "Etc/UTC", (), Category.STANDARD, detector, least, 4 * least
    )


def rows(whole: Frame, start: int, stop: int | None = None) -> Frame:
    values = whole.values[start:stop].copy()
    return Frame(whole.times[start:stop], values, whole.names, whole.step)


def learnt(whole: Frame, days: int = 6) -> FittedModel:
    asked = settings(whole.names, whole.step)
    return fit_model(rows(whole, 0, days * DAY // whole.step), asked)


def last_day(
    model: FittedModel, whole: Frame, change: Callable[[Floats], None] | None = None
) -> Scores:
    """Scores of the last day, after `change` to the values of its last windows."""
    windows = DAY // whole.step
    tail = rows(whole, -windows - model.history_windows)
    if change is not None:
        change(tail.values[-FAULT:])
    return score(model, tail, int(tail.times[-windows - 1]))


def times(column: int, factor: float) -> Callable[[Floats], None]:
    def change(values: Floats) -> None:
        values[:, column] *= factor

    return change


N = 7 * DAY // STEP


def counter() -> Floats:
    """Requests since the start of the process, which starts anew every 33 hours."""
    steps = np.random.default_rng(1).normal(90_000, 4_000, N)
    life = 132
    return np.concatenate([np.cumsum(steps[at : at + life]) for at in range(0, N, life)])


def test_a_counters_resets_are_no_anomalies() -> None:
    whole = frame(counter())
    model = learnt(whole)
    assert model.counter.tolist() == [False, False, True]
    found = last_day(model, whole)
    resets = np.flatnonzero(np.diff(whole.values[-len(found.score) - 1 :, 2]) < 0)
    assert len(resets) == 1
    assert not found.anomalous[resets[0] : resets[0] + 4].any()


def test_a_counter_that_rises_five_times_as_fast_is_one() -> None:
    whole = frame(counter())
    model = learnt(whole)

    def faster(values: Floats) -> None:
        values[:, 2] = values[0, 2] + 450_000 * np.arange(FAULT)

    found = last_day(model, whole, faster)
    assert found.anomalous[-4:].all()
    assert found.contributions[-1].argmax() == 2


def test_what_people_read_of_a_counter_is_its_increase_as_it_is_scored() -> None:
    whole = frame(counter())
    model = learnt(whole)
    assert model.statistics.mean[2] == pytest.approx(90_000, rel=0.02)
    assert model.validation.passed, model.validation.failures
    assert model.level_shift == ""

    def faster(values: Floats) -> None:
        values[:, 2] = values[0, 2] + 450_000 * np.arange(FAULT)

    found = last_day(model, whole, faster)
    assert found.values[-1, 2] == 450_000
    assert found.usual_low[-1, 2] < 90_000 < found.usual_high[-1, 2] < 450_000
    metrics = settings(whole.names).metrics
    always = PeriodSpec("always", (0, 1, 2, 3, 4, 5, 6), 0, 0, 1.0)
    report = judge(JudgeContext(metrics, None, lambda _: always, model), found)[-1]
    shown = report.findings[0].contributions[0]
    assert (shown.metric, shown.value) == ("third", "450000")
    assert "usually 7" in report.findings[0].summary or "usually 8" in report.findings[0].summary
    assert float(report.comparison[2].mean) == pytest.approx(90_000, rel=0.02)
    assert report.comparison[2].value == "450000"
    usual = {one.metric: one for one in report.usual}
    assert float(usual["third"].low) < 90_000 < float(usual["third"].high) < 450_000
    assert float(report.alert_level) == pytest.approx(found.levels.alert, rel=0.01)
    assert float(report.score) >= float(report.alert_level)


def test_a_period_that_is_not_trusted_at_all_opens_nothing() -> None:
    whole = frame(counter())
    model = learnt(whole)

    def faster(values: Floats) -> None:
        values[:, 2] = values[0, 2] + 450_000 * np.arange(FAULT)

    found = last_day(model, whole, faster)
    metrics = settings(whole.names).metrics
    for confidence, verdict in ((0.0, Verdict.NORMAL), (0.5, Verdict.ANOMALOUS)):
        always = PeriodSpec("always", (0, 1, 2, 3, 4, 5, 6), 0, 0, confidence)
        context = JudgeContext(metrics, None, lambda _, one=always: one, model)
        report = judge(context, found)[-1]
        assert report.verdict is verdict
        assert bool(report.findings) is (verdict is Verdict.ANOMALOUS)


def test_a_counter_that_rises_faster_for_good_is_a_shift_of_its_increase() -> None:
    per_day = DAY // STEP
    steps = np.random.default_rng(1).normal(90_000, 4_000, 24 * per_day)
    steady = frame(np.cumsum(steps), days=24)
    steps[12 * per_day :] *= 2
    moved = frame(np.cumsum(steps), days=24)
    assert learnt(steady, days=24).level_shift == ""
    assert learnt(moved, days=24).level_shift.startswith("third has stood at 180")


@pytest.mark.parametrize("value", [0.001, 0.05, 40.0])
def test_a_metric_that_was_always_zero_is_anomalous_once_it_is_not(value: float) -> None:
    whole = frame(np.zeros(N))
    model = learnt(whole)

    def activate(values: Floats) -> None:
        values[:, 2] = value

    found = last_day(model, whole, activate)
    assert found.anomalous[-4:].all()
    assert found.contributions[-1].argmax() == 2
    assert np.isfinite(found.score).all()


def test_a_metric_that_stays_zero_neither_alarms_nor_mutes() -> None:
    whole = frame(np.zeros(N))
    model = learnt(whole)
    assert last_day(model, whole).anomalous.mean() < 0.05
    found = last_day(model, whole, times(1, 5.0))
    assert found.anomalous[-4:].all()
    assert found.contributions[-1].argmax() == 1


@pytest.mark.parametrize("level", [7.0, -7.0, 1e12])
def test_a_constant_metric_is_usual_at_its_value_and_anomalous_at_another(level: float) -> None:
    whole = frame(np.full(N, level))
    model = learnt(whole)
    assert last_day(model, whole).anomalous.mean() < 0.05
    found = last_day(model, whole, times(2, 2.0))
    assert found.anomalous[-4:].all()
    assert found.contributions[-1].argmax() == 2


def test_windows_scored_together_or_one_by_one_are_the_same_with_holes_and_counters() -> None:
    """A hole longer than what is carried over it, a long fault, a reset, a lost metric."""
    whole = frame(counter(), days=7)
    model = learnt(whole)
    first = len(whole) - 90
    values = whole.values.copy()
    values[first - 20 : first + 9, 1] = np.nan
    values[first + 30 : first + 60, 0] *= 1.6
    values[first + 40 : first + 44, 2] = np.nan
    values[first + 70 :, 1] = np.nan
    broken = Frame(whole.times, values, whole.names, STEP)
    history = model.history_windows
    found = score(model, broken.rows(first - history), int(whole.times[first - 1]))
    assert found.anomalous.any()
    for row in range(first, len(whole)):
        part = broken.rows(row - history, row + 1)
        alone, at = score(model, part, int(whole.times[row - 1])), row - first
        assert alone.anomalous[0] == found.anomalous[at]
        assert alone.drift.penalty[0] == found.drift.penalty[at]
        np.testing.assert_allclose(alone.score[0], found.score[at], rtol=1e-9)
        np.testing.assert_allclose(alone.confidence[0], found.confidence[at], rtol=1e-9)
        np.testing.assert_allclose(alone.contributions[0], found.contributions[at], atol=1e-9)
        if found.anomalous[at]:
            assert alone.building_since[0] == found.building_since[at]


def sparse(whole: Frame, share: float, columns: slice) -> Frame:
    gone = np.random.default_rng(3).random(len(whole)) < share
    gone[-FAULT:] = False
    values = whole.values.copy()
    values[gone, columns] = np.nan
    return Frame(whole.times, values, whole.names, whole.step)


def test_with_four_of_five_windows_missing_the_others_are_judged() -> None:
    whole = sparse(frame(), 0.8, slice(None))
    model = learnt(whole)
    found = last_day(model, whole, times(1, 6.0))
    held = np.isfinite(whole.values[-len(found.score) :]).any(axis=1)
    np.testing.assert_array_equal(np.isfinite(found.score), held)
    assert not found.anomalous[~held].any()
    assert found.anomalous[-4:].all()
    assert last_day(model, whole).anomalous[held].mean() < 0.15


def test_a_sparse_metric_beside_whole_ones_costs_them_nothing() -> None:
    whole = sparse(frame(np.random.default_rng(5).normal(10, 1, N)), 0.8, slice(2, 3))
    model = learnt(whole)
    assert np.isfinite(last_day(model, whole).score).all()
    assert last_day(model, whole, times(0, 3.0)).anomalous[-4:].all()
    assert last_day(model, whole, times(2, 4.0)).anomalous[-4:].all()


GARBAGE: dict[str, Callable[[np.random.Generator], Floats]] = {
    "nothing at all": lambda rng: np.full(N, np.nan),
    "one value ever": lambda rng: np.where(np.arange(N) == 9, 1.0, np.nan),
    "infinite": lambda rng: np.full(N, np.inf),
    "over four decades": lambda rng: rng.choice([-1.0, 1.0], N) * 10.0 ** rng.uniform(-2, 2, N),
    "huge": lambda rng: rng.normal(0, 1, N) * 1e300,
    "mostly zero and else huge": lambda rng: np.where(rng.random(N) < 0.1, 1e300, 0.0),
    "heavy-tailed": lambda rng: rng.standard_cauchy(N) * 1e6,
    "flickering": lambda rng: rng.choice([0.0, 1e9, np.nan], N),
}


@pytest.mark.parametrize("kind", GARBAGE)
def test_a_metric_that_is_garbage_does_not_blind_the_others(kind: str) -> None:
    whole = frame(GARBAGE[kind](np.random.default_rng(8)))
    model = learnt(whole)
    assert model.validation.passed, model.validation.failures
    quiet = last_day(model, whole)
    assert np.isfinite(quiet.score).all()
    assert quiet.anomalous.mean() < 0.1
    found = last_day(model, whole, times(1, 6.0))
    assert found.anomalous[-4:].all()
    assert found.contributions[-1].argmax() == 1


def test_a_metric_that_turns_to_garbage_after_training_does_not_blind_the_others() -> None:
    whole = frame(np.random.default_rng(5).normal(10, 1, N))
    model = learnt(whole)

    def broken(values: Floats) -> None:
        values[:, 2] = np.nan
        values[:, 1] *= 6.0

    found = last_day(model, whole, broken)
    assert found.anomalous[-4:].all()
    assert (found.contributions[-FAULT:, 2] == 0).all()


def test_two_days_by_the_hour_are_too_few_samples_for_the_least_that_admission_allows() -> None:
    whole = frame(days=2, step=3600)
    with pytest.raises(NotEnoughHistory, match="48 usable windows of 50"):
        fit_model(whole, settings(whole.names, 3600, 50))


def test_two_days_by_the_hour_make_a_provisional_model_if_they_must() -> None:
    whole = frame(days=4, step=3600)
    model = fit_model(rows(whole, 0, 48), settings(whole.names, 3600, 40))
    assert model.provisional
    found = last_day(model, whole, times(1, 8.0))
    assert found.anomalous[-4:].all()


def test_two_days_at_fifteen_seconds_find_a_fault_and_are_quiet_without() -> None:
    whole = frame(days=3, step=15)
    model = learnt(whole, days=2)
    assert model.provisional
    assert last_day(model, whole).anomalous.mean() < 0.05
    found = last_day(model, whole, times(1, 6.0))
    assert found.anomalous[-3:].all()
