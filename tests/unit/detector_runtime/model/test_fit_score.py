"""The engine through its façade: learn, score, explain, write down and read back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from detector_runtime.contract.run_config import DetectorSpec, IncidentSpec, Interval, MetricSpec
from detector_runtime.contract.vocabulary import Category, Direction, Role, Unit
from detector_runtime.fitting.incident_spans import incident_spans
from detector_runtime.model.calibrate import CAP
from detector_runtime.model.ensemble import Surprises
from detector_runtime.model.fitted import EngineSettings, FittedModel, ModelError, NotEnoughHistory
from detector_runtime.model.scoring import Scores, evidence_shares, seen_by
from detector_runtime.series.frame import Frame
from pretend.entrance import fit_model, score

STEP = 300
DAY = 86_400
START = 1_704_067_200  # Monday 2024-01-01 00:00 UTC

METRICS = (
    MetricSpec("rate", Role.TRAFFIC, "rate", Unit.REQUESTS_PER_SECOND, Direction.BOTH),
    MetricSpec("latency", Role.LATENCY, "latency", Unit.SECONDS, Direction.UP),
    MetricSpec("errors", Role.ERRORS, "errors", Unit.RATIO, Direction.UP),
)


def shop(days: float, seed: int = 0, step: int = STEP) -> Frame:
    """A service with a daily rhythm, noise and an error rate that is mostly zero."""
    rng = np.random.default_rng(seed)
    n = int(days * DAY / step)
    times = START + step * np.arange(1, n + 1, dtype=np.int64)
    day = np.sin(2 * np.pi * times / DAY)
    rate = 100 + 50 * day + rng.normal(0, 5, n)
    latency = 0.1 + 0.02 * day + rng.gamma(2, 0.005, n)
    errors = np.maximum(rng.normal(-0.01, 0.006, n), 0)
    return Frame(
        times, np.column_stack([rate, latency, errors]), ("rate", "latency", "errors"), step
    )


def settings(metrics: tuple[MetricSpec, ...] = METRICS, step: int = STEP) -> EngineSettings:
    detector = DetectorSpec(1.0, 0.05, 42)
    return EngineSettings(metrics, step, "Etc/UTC", (), Category.STANDARD, detector, 500, 1000)


@pytest.fixture(scope="module")
def model() -> FittedModel:
    return fit_model(shop(14), settings())


def tail(days: float = 1.0) -> Frame:
    """What follows the two weeks that the model learned from."""
    whole = shop(14 + days)
    first = 14 * DAY // STEP
    return Frame(whole.times[first:], whole.values[first:], whole.names, STEP)


def with_fault(frame: Frame, column: int, factor: float, rows: slice) -> Frame:
    values = frame.values.copy()
    values[rows, column] = np.maximum(values[rows, column], 0.02) * factor
    return Frame(frame.times, values, frame.names, frame.step)


def scored(model: FittedModel, frame: Frame, rows: int) -> Scores:
    return score(model, frame, int(frame.times[-rows - 1]))


@pytest.mark.parametrize(("column", "factor"), [(0, 3.0), (1, 5.0), (2, 10.0), (0, 0.0)])
def test_a_plain_fault_is_found_and_its_metric_named(
    model: FittedModel, column: int, factor: float
) -> None:
    frame = tail()
    broken = frame.values.copy()
    broken[-6:, column] = np.maximum(broken[-6:, column], 0.02 if factor else 0.0) * factor
    found = scored(model, Frame(frame.times, broken, frame.names, STEP), 6)
    assert found.anomalous[-4:].all()
    assert found.contributions[-1].argmax() == column


def test_quiet_weeks_hold_about_as_many_false_incidents_as_the_user_tolerates(
    model: FittedModel,
) -> None:
    days = 28
    found = score(model, tail(days), START + 14 * DAY)
    assert len(incident_spans(found.anomalous, STEP, IncidentSpec())) <= 2 * days / 7


def test_the_tolerated_number_holds_where_a_single_window_is_an_incident() -> None:
    """The level that two windows in a row call for lets through more than is bearable."""
    days, wanted, rules = 56, 4.0, IncidentSpec(confirmation_cycles=1)
    whole, learnt = shop(14 + days, seed=2), 14 * DAY // STEP
    detector = replace(settings().detector, false_incidents_per_week=wanted)

    def per_week(told: IncidentSpec) -> float:
        asked = replace(settings(), detector=detector, incidents=told)
        found = score(fit_model(whole.rows(0, learnt), asked), whole, int(whole.times[learnt - 1]))
        return 7 * len(incident_spans(found.anomalous, STEP, rules)) / days

    assert wanted / 2 <= per_week(rules) <= 1.5 * wanted
    assert per_week(IncidentSpec()) > 1.5 * wanted


def test_scores_do_not_depend_on_the_future(model: FittedModel) -> None:
    whole = with_fault(tail(), 1, 4.0, slice(150, 160))
    cut = Frame(whole.times[:155], whole.values[:155], whole.names, STEP)
    since = int(whole.times[120])
    long, short = score(model, whole, since), score(model, cut, since)
    np.testing.assert_array_equal(long.score[: len(short.score)], short.score)
    np.testing.assert_array_equal(long.building_since[: len(short.score)], short.building_since)


def test_the_drift_of_a_window_does_not_depend_on_the_future(model: FittedModel) -> None:
    whole = with_fault(tail(), 0, 3.0, slice(180, None))
    since = int(whole.times[120])
    long = score(model, whole, since).drift
    short = score(model, whole.rows(0, 170), since).drift
    np.testing.assert_array_equal(long.score[: len(short.score)], short.score)
    assert (short.penalty == 0).all()
    assert long.penalty[-1] > 0


def test_one_window_at_a_time_gives_the_scores_of_the_whole_day(model: FittedModel) -> None:
    frame = with_fault(tail(), 0, 0.2, slice(180, 190))
    whole = score(model, frame, int(frame.times[150]))
    for row in (160, 181, 185, 200):
        start = row - model.history_windows
        part = Frame(
            frame.times[max(start, 0) : row + 1],
            frame.values[max(start, 0) : row + 1],
            frame.names,
            STEP,
        )
        alone = score(model, part, int(frame.times[row - 1]))
        assert alone.score[0] == pytest.approx(whole.score[row - 151], abs=1e-9)
        assert alone.drift.score[0] == pytest.approx(whole.drift.score[row - 151], abs=1e-9)


def test_contributions_add_up_and_probability_is_the_scores(model: FittedModel) -> None:
    found = scored(model, with_fault(tail(), 1, 5.0, slice(-4, None)), 50)
    np.testing.assert_allclose(found.contributions.sum(axis=1), 1.0)
    np.testing.assert_allclose(found.probability, 10.0**-found.score)
    assert np.all((found.confidence >= 0) & (found.confidence <= 1))


def test_the_rank_is_the_score_and_goes_on_beyond_its_limit(model: FittedModel) -> None:
    found = scored(model, with_fault(tail(), 0, 1000.0, slice(150, 160)), 200)
    top = found.score == CAP
    assert top.sum() > 1
    assert (found.rank[~top] == found.score[~top]).all()
    assert len(np.unique(found.rank[top])) == top.sum()


def test_what_only_detectors_of_all_metrics_saw_is_spread_and_theirs() -> None:
    """Shares by each metric's own evidence, else by its distance, else even; none if missing."""
    nan = np.nan
    per_metric = np.array([[0.2, 0.3], [0.0, 0.0], [0.0, 0.0], [0.0, nan], [nan, nan], [0.4, 3.0]])
    distance = np.array([[9.0, 0.0], [1.0, 3.0], [0.0, 0.0], [0.0, 5.0], [nan, nan], [9.0, 0.0]])
    np.testing.assert_allclose(
        evidence_shares(per_metric, distance),
        [[0.4, 0.6], [0.25, 0.75], [0.5, 0.5], [1.0, 0.0], [0.0, 0.0], [0.0, 1.0]],
    )
    evidence = Surprises(per_metric[None], np.array([[0.1] * 6, [4.0] * 6]), np.ones(2))
    assert seen_by(evidence, per_metric).tolist() == [[2, 2]] * 5 + [[0, 0]]


def test_building_since_is_the_start_of_the_fault(model: FittedModel) -> None:
    frame = with_fault(tail(), 1, 5.0, slice(-8, None))
    found = scored(model, frame, 2)
    assert abs(int(found.building_since[-1]) - int(frame.times[-8])) <= 3 * STEP


def test_a_harmless_direction_is_no_evidence(model: FittedModel) -> None:
    frame = tail()
    better = with_fault(frame, 1, 0.3, slice(-6, None))
    assert not scored(model, better, 6).anomalous.any()


def test_a_missing_metric_is_left_out(model: FittedModel) -> None:
    frame = tail()
    values = frame.values.copy()
    values[-3:, 2] = np.nan
    values[-1, :] = np.nan
    found = scored(model, Frame(frame.times, values, frame.names, STEP), 3)
    assert np.isfinite(found.score[:2]).all()
    assert np.isnan(found.score[2])
    assert not found.anomalous[2]


def test_the_minimum_deviation_mutes_what_is_rare_but_small() -> None:
    muted = replace(METRICS[1], min_deviation_relative=50.0)
    model = fit_model(shop(14), settings((METRICS[0], muted, METRICS[2])))
    found = scored(model, with_fault(tail(), 1, 5.0, slice(-6, None)), 6)
    assert (found.contributions[:, 1] == 0).all()


def test_values_beyond_the_valid_range_are_not_learned_and_are_evidence() -> None:
    metrics = (METRICS[0], replace(METRICS[1], valid_max=10.0), METRICS[2])
    frame = tail()
    values = frame.values.copy()
    values[-6:, 1] = 1e9
    history = shop(14)
    wild = history.values.copy()
    wild[500:520, 1] = 1e9
    model = fit_model(Frame(history.times, wild, history.names, STEP), settings(metrics))
    assert model.statistics.quantiles[1, -1] < 10.0
    broken = Frame(frame.times, values, frame.names, STEP)
    found = score(model, broken, int(frame.times[-7]), metrics)
    assert (found.values[:, 1] == 1e9).all()
    assert found.anomalous.all()


def test_same_data_and_seed_give_the_same_arrays() -> None:
    first, second = (fit_model(shop(6), settings()).to_arrays()[0] for _ in range(2))
    assert first.keys() == second.keys()
    for key, array in first.items():
        np.testing.assert_array_equal(array, second[key], err_msg=key)


def test_a_model_read_back_gives_the_same_scores(model: FittedModel) -> None:
    arrays, meta = model.to_arrays()
    again = FittedModel.from_arrays(arrays, meta)
    frame = with_fault(tail(), 0, 3.0, slice(-5, None))
    np.testing.assert_array_equal(scored(model, frame, 60).score, scored(again, frame, 60).score)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda arrays, meta: meta.update(layout=99), "layout is 99"),
        (lambda arrays, meta: meta.update(members=["nonsense"]), "nonsense"),
        (lambda arrays, meta: arrays.pop("scaling/centre"), "centre"),
        (lambda arrays, meta: arrays.update({"final/sigma": np.array([np.nan])}), "not finite"),
        (lambda arrays, meta: arrays.update({"final/sigma": np.array(["x"])}), "type"),
        (lambda arrays, meta: meta.update(names=["rate"]), "scaling has shape"),
    ],
)
def test_a_damaged_model_is_refused_with_the_reason(model, change, message) -> None:
    arrays, meta = model.to_arrays()
    change(arrays, meta)
    with pytest.raises(ModelError, match=message):
        FittedModel.from_arrays(arrays, meta)


def test_too_little_history_says_how_much_is_needed() -> None:
    with pytest.raises(NotEnoughHistory, match="288 usable windows of 500") as caught:
        fit_model(shop(1), settings())
    assert (caught.value.samples, caught.value.needed) == (288, 500)


def test_a_service_of_two_days_gets_a_provisional_model() -> None:
    model = fit_model(shop(2), settings())
    assert model.provisional
    assert not model.multivariate


def test_excluded_windows_teach_nothing() -> None:
    frame = shop(14)
    values = frame.values.copy()
    values[2000:2200, 1] *= 8
    bad = Frame(frame.times, values, frame.names, STEP)
    span = Interval(int(frame.times[1999]), int(frame.times[2199]))
    left_out = fit_model(bad, settings(), (span,))
    assert left_out.statistics.quantiles[1, -1] < 0.3
    assert left_out.samples == 14 * DAY // STEP - 200


def test_a_frame_of_other_metrics_is_refused(model: FittedModel) -> None:
    frame = tail()
    other = Frame(frame.times, frame.values, ("a", "b", "c"), STEP)
    with pytest.raises(ValueError, match="the model"):
        scored(model, other, 1)


@pytest.mark.parametrize("step", [15, 60, 3600])
def test_steps_from_fifteen_seconds_to_an_hour(step: int) -> None:
    days = {15: 1, 60: 3, 3600: 30}[step]
    frame = shop(days, step=step)
    cut = len(frame) - 40
    learn = Frame(frame.times[:cut], frame.values[:cut], frame.names, step)
    model = fit_model(learn, settings(step=step))
    broken = with_fault(frame, 1, 6.0, slice(-25, None))
    found = scored(model, broken, 30)
    assert found.anomalous[-15:].any()
    assert not incident_spans(found.anomalous[:4], step, IncidentSpec())
