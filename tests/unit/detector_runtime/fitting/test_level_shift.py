"""A lasting level shift is offered, a young or a passing one is not."""

from __future__ import annotations

import numpy as np
import pytest

from detector_runtime.contract.run_config import DetectorSpec, Interval, MetricSpec
from detector_runtime.contract.vocabulary import MAX_LEVEL_SHIFT, Category, Direction, Role, Unit
from detector_runtime.fitting.level_shift import lasting_shift
from detector_runtime.model.calibrate import CAP, fit_tails
from detector_runtime.model.drift import learn_drift, penalty
from detector_runtime.model.fitted import EngineSettings
from detector_runtime.series.frame import Frame
from pretend.entrance import fit_model, score

STEP = 3600


def frame(days: int, moved: slice, factor: float = 2.0) -> Frame:
    rng = np.random.default_rng(2)
    n = days * 24
    times = 1_704_067_200 + STEP * np.arange(1, n + 1, dtype=np.int64)
    values = np.column_stack([rng.normal(100, 3, n), rng.normal(1, 0.1, n)])
    values[moved, 0] *= factor
    return Frame(times, values, ("rate", "latency"), STEP)


def part(whole: Frame, start: int, stop: int | None) -> Frame:
    return Frame(whole.times[start:stop], whole.values[start:stop].copy(), whole.names, STEP)


def settings() -> EngineSettings:
    metrics = tuple(
        MetricSpec(name, Role.CUSTOM, name, Unit.NONE, Direction.BOTH)
        for name in ("rate", "latency")
    )
    detector = DetectorSpec(1.0, 0.05, 42)
    return EngineSettings(metrics, STEP, "Etc/UTC", (), Category.STANDARD, detector, 100, 1000)


def test_a_shift_of_eight_days_is_offered_with_its_start_and_what_to_do() -> None:
    line = lasting_shift(frame(30, slice(22 * 24, None)), ("rate", "latency"), 100)
    assert line.startswith("rate has stood at 200")
    assert "since 2024-01-23T00:00:00Z" in line
    assert line.endswith("set spec.training.lookback to 8d")


def test_a_shift_that_began_with_an_accepted_incident_is_no_offer_any_more() -> None:
    moved = frame(30, slice(22 * 24, None))
    began = int(moved.times[22 * 24])
    accepted = (Interval(began - STEP, began + 6 * STEP),)
    assert lasting_shift(moved, ("rate", "latency"), 100, accepted) == ""
    elsewhere = (Interval(began - 5 * 86_400, began - 4 * 86_400),)
    assert lasting_shift(moved, ("rate", "latency"), 100, elsewhere) != ""


def test_where_the_days_since_are_too_few_samples_the_offer_says_what_to_lower() -> None:
    line = lasting_shift(frame(30, slice(22 * 24, None)), ("rate", "latency"), 500)
    assert line.endswith("lookback to 8d and spec.training.minSamples.univariate to 153")


def test_the_line_fits_its_field_whatever_the_metric_is_called() -> None:
    names = ("r" * 63, "latency")
    line = lasting_shift(frame(30, slice(22 * 24, None), 3.14159e12), names, 500)
    assert 0 < len(line) <= MAX_LEVEL_SHIFT


def test_taking_the_offer_makes_the_new_level_normal_and_ends_it() -> None:
    """The eight days that the line names, and then a day more of the new level."""
    whole = frame(31, slice(22 * 24, None))
    end, asked = 30 * 24, settings()
    mixed = fit_model(part(whole, 0, end), asked)
    taken = fit_model(part(whole, end - 8 * 24, end), asked)
    assert "lookback to 8d" in mixed.level_shift
    assert taken.level_shift == ""
    found = score(taken, part(whole, end - 48, None), int(whole.times[end - 1]))
    assert found.anomalous.mean() < 0.1
    back = part(whole, end - 48, None)
    back.values[-6:, 0] /= 2
    assert score(taken, back, int(whole.times[-7])).anomalous[-3:].all()


@pytest.mark.parametrize(
    ("days", "moved", "factor"),
    [
        (30, slice(24 * 24, None), 2.0),  # six days
        (30, slice(10 * 24, 20 * 24), 2.0),  # over
        (30, slice(22 * 24, None), 1.1),  # slight
        (12, slice(4 * 24, None), 2.0),  # too little before
        (30, slice(0, 0), 1.0),
    ],
)
def test_what_is_young_over_or_slight_is_not(days: int, moved: slice, factor: float) -> None:
    assert lasting_shift(frame(days, moved, factor), ("rate", "latency"), 100) == ""


def course(levels: list[float], weekend: float = 0.9) -> Frame:
    """A day at each level, and at `weekend` times it from the sixth day of a week on."""
    whole = frame(len(levels), slice(0, 0))
    day = np.repeat(np.arange(len(levels)), 24)
    week = np.where(day % 7 >= 5, weekend, 1.0)
    whole.values[:, 0] *= np.repeat(np.array(levels) / 100, 24) * week
    return whole


@pytest.mark.parametrize(
    "levels",
    [
        np.linspace(100, 150, 60).tolist(),  # a slow drift
        np.linspace(150, 100, 90).tolist(),
        [100.0] * 30 + np.linspace(130, 200, 10).tolist(),  # it rises on
        np.linspace(100, 200, 30).tolist() + [260.0] * 8,  # it never stood before
    ],
)
@pytest.mark.parametrize("weekend", [0.9, 1.0])
def test_a_level_that_never_stood_is_none(levels: list[float], weekend: float) -> None:
    assert lasting_shift(course(levels, weekend), ("rate", "latency"), 100) == ""


@pytest.mark.parametrize("after", [7, 8, 10, 14, 30])
@pytest.mark.parametrize("before", [7, 9, 21])
def test_a_true_step_is_found_on_whatever_weekday_it_came(before: int, after: int) -> None:
    line = lasting_shift(course([100.0] * before + [150.0] * after), ("rate", "latency"), 100)
    assert f"lookback to {after}d" in line


@pytest.mark.parametrize(
    ("score", "share"), [(0.0, 0.0), (2.99, 0.0), (3.0, 0.15), (5.0, 0.15), (5.01, 0.3)]
)
def test_drift_takes_the_seeds_bands_off_confidence(score: float, share: float) -> None:
    assert penalty(np.array([score])) == share


def test_drift_is_small_on_what_training_saw_and_large_on_a_moved_metric() -> None:
    residual = np.random.default_rng(1).normal(0, 1, (24 * 60, 3))
    baseline = learn_drift(residual, STEP)
    assert baseline.check(residual[-6:], 5, STEP).score[0] < 3.0
    moved = residual[-6:].copy()
    moved[:, 1] += 8.0
    found = baseline.check(moved, 5, STEP)
    assert found.penalty[0] == 0.3
    assert found.per_metric[0].argmax() == 1


def test_drift_of_a_window_reads_the_six_hours_that_end_with_it_and_nothing_later() -> None:
    residual = np.random.default_rng(1).normal(0, 1, (24 * 60, 3))
    baseline = learn_drift(residual, STEP)
    day = residual[-24:].copy()
    day[3:9, 2] = np.nan
    day[12:, 1] += 8.0
    whole = baseline.check(day, 6, STEP)
    for row in range(6, 24):
        alone = baseline.check(day[row - 5 : row + 1], 5, STEP)
        np.testing.assert_allclose(alone.score[0], whole.score[row - 6], rtol=1e-9)
        np.testing.assert_allclose(alone.per_metric[0], whole.per_metric[row - 6], atol=1e-9)
    assert whole.penalty[0] == 0.0
    assert whole.penalty[-1] == 0.3


def test_drift_of_missing_data_is_none() -> None:
    baseline = learn_drift(np.random.default_rng(1).normal(0, 1, (24 * 60, 2)), STEP)
    assert baseline.check(np.full((6, 2), np.nan), 5, STEP).score[0] == 0.0


def test_tails_are_calibrated_in_the_bulk_and_rise_without_end_beyond_it() -> None:
    sample = np.random.default_rng(1).exponential(1.0, (20_000, 1))
    tails = fit_tails(sample)
    for probability in (0.5, 0.1, 0.02, 0.001):
        value = -np.log(probability)
        found = tails.surprise(np.array([[value]]))[0, 0]
        assert found == pytest.approx(-np.log10(probability), abs=0.15)
    beyond = tails.surprise(np.array([[8.0], [12.0], [16.0], [1e12]]))[:, 0]
    assert (np.diff(beyond) > 0).all()
    assert beyond[-1] == CAP


@pytest.mark.parametrize("sample", [np.zeros(500), np.ones(3), np.r_[np.zeros(990), np.ones(10)]])
def test_degenerate_samples_still_give_finite_rising_surprise(sample: np.ndarray) -> None:
    tails = fit_tails(sample[:, None])
    found = tails.surprise(np.array([[0.0], [1.0], [5.0], [50.0]]))[:, 0]
    assert np.isfinite(found).all()
    assert (np.diff(found) >= 0).all()
    assert found[-1] > 3.0


def test_a_missing_value_has_no_surprise() -> None:
    tails = fit_tails(np.arange(100.0)[:, None])
    assert np.isnan(tails.surprise(np.array([[np.nan]]))[0, 0])
