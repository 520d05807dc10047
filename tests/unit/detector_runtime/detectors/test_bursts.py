"""A run that comes every night is usual, also some minutes late; the night without one is not."""

from __future__ import annotations

import numpy as np

from detector_runtime.contract.run_config import MetricSpec
from detector_runtime.contract.vocabulary import Direction, Role, Unit
from detector_runtime.detectors.seasonal import Seasonal
from detector_runtime.series.features import Prepared, Scaling, learn_scaling
from detector_runtime.series.frame import Floats, Frame

STEP = 300
PER_DAY = 86_400 // STEP
METRIC = MetricSpec("running", Role.CUSTOM, "running", Unit.NONE, Direction.BOTH)
START, LENGTH = 24, 8  # 02:00, 40 minutes


def nights(starts: list[int | None], height: float = 1.0, noise: float = 0.0) -> Floats:
    """Days with a run from window `start` on, None without."""
    rng = np.random.default_rng(3)
    values = np.abs(rng.normal(0, noise, (len(starts), PER_DAY)))
    for day, start in enumerate(starts):
        if start is not None:
            values[day, start : start + LENGTH] += height
    return values.ravel()


def framed(values: Floats) -> Frame:
    times = np.arange(1, len(values) + 1, dtype=np.int64) * STEP
    return Frame(times, values[:, None], ("running",), STEP)


def fitted(values: Floats) -> tuple[Scaling, Seasonal]:
    scaling = learn_scaling(framed(values), (METRIC,), "UTC")
    return scaling, Seasonal.fit(scaling.prepare(framed(values)), 1)


def read(model: tuple[Scaling, Seasonal], values: Floats) -> Prepared:
    scaling, baseline = model
    return baseline.apply(scaling.prepare(framed(values)), scaling.side)


def test_a_nightly_run_is_at_rest_for_every_detector_also_when_it_is_late() -> None:
    model = fitted(nights([START, START + 1, START, START - 1, START + 2, START]))
    for start in (START - 1, START, START + 2):
        rows = read(model, nights([start]))
        np.testing.assert_array_equal(rows.residual, np.zeros((PER_DAY, 1)))
        np.testing.assert_array_equal(rows.z, rows.z[:1].repeat(PER_DAY, axis=0))


def test_the_night_without_a_run_stands_out_below() -> None:
    rows = read(fitted(nights([START, START + 1, START, START - 1, START])), nights([None]))
    short = np.flatnonzero(rows.residual[:, 0] < -1)
    assert len(short) >= 2
    assert START <= short.min() <= short.max() < START + LENGTH


def test_a_run_at_another_hour_a_higher_one_and_a_longer_one_are_judged() -> None:
    model = fitted(nights([START] * 6))
    other = read(model, nights([START + 100]))
    assert (other.residual[START + 100 : START + 100 + LENGTH] > 2).all()
    higher = read(model, nights([START], height=3.0))
    assert (higher.residual[START : START + LENGTH] > 2).all()
    longer = nights([START])
    longer[START : START + 3 * LENGTH] = 1.0
    assert (read(model, longer).residual[START + 2 * LENGTH : START + 3 * LENGTH] > 2).all()


def test_runs_without_an_hour_are_never_usual() -> None:
    starts = np.random.default_rng(5).integers(0, PER_DAY - LENGTH, 10).tolist()
    assert not fitted(nights(starts))[1].bursts.given


def test_two_nights_prove_nothing_and_noise_has_no_bursts() -> None:
    assert not fitted(nights([START, START]))[1].bursts.given
    noise = np.random.default_rng(6).normal(10, 1, 14 * PER_DAY)
    assert not fitted(noise)[1].bursts.given
    spiky = np.random.default_rng(7).pareto(1.5, 14 * PER_DAY)
    assert not fitted(spiky)[1].bursts.given


def test_a_burst_on_a_busy_metric_is_usual_within_a_margin() -> None:
    model = fitted(nights([START] * 6, height=30.0, noise=1.0))
    rows = read(model, nights([START], height=32.0, noise=1.0))
    assert np.abs(rows.residual[START : START + LENGTH]).max() < 0.1


def test_a_model_with_bursts_is_read_as_it_was_written() -> None:
    _, baseline = fitted(nights([START] * 6))
    again = Seasonal.from_arrays(baseline.to_arrays())
    np.testing.assert_array_equal(again.bursts.least, baseline.bursts.least)
    assert again.bursts.given
