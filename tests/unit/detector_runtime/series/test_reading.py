"""The one entrance: counters first, then the valid range, and an account of what was left out."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from detector_runtime.contract.run_config import MetricSpec
from detector_runtime.contract.vocabulary import Unit
from detector_runtime.series.frame import Floats, Frame
from detector_runtime.series.reading import (
    Cell,
    LeftOut,
    looks_like_counter,
    read_as_trained,
    read_history,
    valid_range,
)
from loopback.settings import DATABASE, ERRORS, LATENCY, RATE

STEP = 60


def frame(values: list[float] | Floats, name: str = "request_rate") -> Frame:
    column = np.array(values, dtype=float)[:, None]
    times = np.arange(1, len(column) + 1, dtype=np.int64) * STEP
    return Frame(times, column, (name,), STEP)


def counter(rate: float, windows: int = 400, life: int = 150) -> Floats:
    """A count that rises by about `rate` in each window and starts anew every `life` windows."""
    rises = rate * (1 + 0.1 * np.sin(np.arange(windows)))
    parts = [np.cumsum(rises[at : at + life]) for at in range(0, windows, life)]
    return np.concatenate(parts)


def test_a_count_beyond_the_cap_on_a_rate_is_read_as_a_counter() -> None:
    """A busy service's count of requests passes a million within the hour."""
    raw = counter(20_000.0)
    assert raw.max() > 1e6
    clean = read_history(frame(raw), (RATE,))
    assert clean.rules.counter.tolist() == [True]
    expected = np.diff(raw)
    expected[expected < 0] = np.nan
    np.testing.assert_allclose(clean.frame.values[1:, 0], expected)
    assert clean.left_out() == (LeftOut("request_rate", resets=2, out_of_range=0),)
    assert clean.warnings() == ("request_rate: 2 counter resets left out",)


def test_the_cap_on_traffic_is_one_on_requests_a_second_however_long_the_window() -> None:
    clean = read_history(frame(counter(2e6)), (RATE,))
    assert clean.left_out()[0].out_of_range == 0
    assert read_history(frame(counter(2e6 * STEP)), (RATE,)).left_out()[0].out_of_range == 397


def test_a_valid_range_is_one_of_the_increase_that_is_scored() -> None:
    raw = counter(100.0)
    bounded = replace(RATE, valid_max=500.0)
    assert read_history(frame(raw), (bounded,)).left_out()[0].out_of_range == 0
    raw[200:300] += 5_000.0
    clean = read_history(frame(raw), (bounded,))
    assert clean.cells[200, 0] == Cell.OUT_OF_RANGE
    assert clean.left_out()[0].out_of_range == 1


def test_every_cell_says_why_it_holds_nothing() -> None:
    raw = counter(100.0)
    raw[10] = np.nan
    cells = read_history(frame(raw), (replace(RATE, valid_max=109.5),)).cells[:, 0]
    assert cells[:2].tolist() == [Cell.FIRST, Cell.VALUE]
    assert cells[10:13].tolist() == [Cell.ABSENT, Cell.FIRST, Cell.VALUE]
    assert cells[150] == Cell.RESET
    assert (cells == Cell.OUT_OF_RANGE).any()


def test_scoring_reads_a_counter_as_training_did_though_it_sees_too_little_to_tell() -> None:
    raw = counter(100.0)
    trained = read_history(frame(raw), (RATE,))
    late = read_as_trained(frame(raw[-10:]), (RATE,), trained.rules.counter)
    np.testing.assert_array_equal(late.frame.values[1:], trained.frame.values[-9:])


def test_a_gauge_outside_its_range_is_missing_and_the_source_is_left_as_it_is() -> None:
    data = frame([-1.0, 0.0, 1e6, 1e6 + 1, math.nan, math.inf])
    clean = read_history(data, (RATE,))
    assert clean.left_out()[0].out_of_range == 2
    assert clean.warnings() == ("request_rate: 2 values outside its valid range left out",)
    assert np.isnan(clean.frame.values[:, 0]).tolist() == [True, False, False, True, True, True]
    assert data.values[0, 0] == -1.0


def test_a_ratio_that_passes_one_by_rounding_is_possible() -> None:
    data = frame([1.0 + 1e-12, 1.001], "error_rate")
    assert read_history(data, (ERRORS,)).left_out()[0].out_of_range == 1


def test_the_source_has_answered_where_it_gave_a_possible_value() -> None:
    clean = read_history(frame([1.0, 2.0, math.nan, -1.0]), (RATE,))
    assert clean.answered(1 * STEP)
    assert not clean.answered(2 * STEP)


@pytest.mark.parametrize(
    ("metric", "low", "high"),
    [
        (RATE, 0.0, 1e6),
        (LATENCY, 0.0, 300_000.0),
        (replace(LATENCY, unit=Unit.SECONDS), 0.0, 300.0),
        (DATABASE, 0.0, 300_000.0),
        (ERRORS, 0.0, 1.0),
        (replace(ERRORS, unit=Unit.PERCENT), 0.0, 100.0),
        (replace(ERRORS, unit=Unit.REQUESTS_PER_SECOND), 0.0, math.inf),
        (replace(RATE, valid_min=-5.0, valid_max=5.0), -5.0, 5.0),
    ],
)
def test_the_users_range_comes_before_the_built_in_caps(
    metric: MetricSpec, low: float, high: float
) -> None:
    assert valid_range(metric) == (low, high)


@pytest.mark.parametrize("metric", [LATENCY, ERRORS])
def test_the_caps_on_single_values_are_none_on_what_they_add_up_to(metric: MetricSpec) -> None:
    assert valid_range(metric, counted_over=STEP) == (0.0, math.inf)


@pytest.mark.parametrize(
    ("series", "counter"),
    [
        (np.arange(48.0 * 20) % 48, True),
        (np.arange(500.0), True),
        (100 + np.arange(48.0 * 20) % 48, False),  # a gauge that is emptied, never to zero
        (40 + 2 * np.arange(48.0 * 20) % 96, False),  # falls by more than half, to far above zero
        (np.arange(12.0 * 80) % 12, False),  # a rhythm
        (np.random.default_rng(0).gamma(2, 1, 500), False),
    ],
)
def test_a_counter_is_told_from_a_gauge(series: Floats, counter: bool) -> None:
    assert looks_like_counter(series) is counter
