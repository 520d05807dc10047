"""The one entrance: counters first, then the valid range, and an account of what was left out."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from detector_runtime.contract.run_config import MetricSpec
from detector_runtime.contract.vocabulary import MetricType, Unit
from detector_runtime.series.frame import Floats, Frame, on_grid
from detector_runtime.series.reading import (
    Cell,
    LeftOut,
    likely_range,
    read_as_trained,
    read_history,
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
    assert clean.left_out() == (LeftOut("request_rate", resets=2),)
    assert clean.warnings() == ("request_rate: 2 counter resets",)


def test_the_cap_on_traffic_is_one_on_requests_a_second_however_long_the_window() -> None:
    clean = read_history(frame(counter(2e6)), (RATE,))
    assert clean.left_out()[0].unlikely == 0
    assert read_history(frame(counter(2e6 * STEP)), (RATE,)).left_out()[0].unlikely == 397


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


def test_a_value_beyond_the_users_range_is_kept_and_counted_and_the_source_left_as_it_is() -> None:
    data = frame([-1.0, 0.0, 1e6, 1e6 + 1, math.nan])
    clean = read_history(data, (replace(RATE, valid_min=0.0, valid_max=1e6),))
    assert clean.left_out()[0].out_of_range == 2
    assert clean.warnings() == ("request_rate: 2 values beyond validRange",)
    np.testing.assert_array_equal(clean.frame.values, data.values)
    assert clean.cells[:, 0].tolist() == [
        Cell.OUT_OF_RANGE, Cell.VALUE, Cell.VALUE, Cell.OUT_OF_RANGE, Cell.ABSENT
    ]  # fmt: skip


def test_a_built_in_limit_takes_no_value_away_and_only_warns() -> None:
    """Bytes as traffic, or errors counted per attempt: the figures are the user's."""
    clean = read_history(frame([6e7, -1.0]), (replace(RATE, unit=Unit.BYTES),))
    assert clean.warnings() == ("request_rate: 1 value unlikely for its role and unit",)
    clean = read_history(frame([0.01, 1.4, 1.5], "error_rate"), (ERRORS,))
    assert (clean.cells == Cell.VALUE).all()
    assert clean.warnings() == ("error_rate: 2 values unlikely for its role and unit",)


def test_absent_zero_undefined_and_infinite_are_four_things() -> None:
    samples = (np.array([60, 180, 240, 300]), np.array([0.0, math.nan, math.inf, -math.inf]))
    data = on_grid({"request_rate": samples}, ("request_rate",), 0, 300, STEP)
    clean = read_history(data, (RATE,))
    assert clean.cells[:, 0].tolist() == [
        Cell.VALUE, Cell.ABSENT, Cell.UNDEFINED, Cell.INFINITE, Cell.INFINITE
    ]  # fmt: skip
    assert clean.frame.values[[0, 3, 4], 0].tolist() == [0.0, math.inf, -math.inf]
    assert clean.warnings() == ("request_rate: 2 values infinite, 1 value undefined (NaN)",)


def test_a_ratio_that_passes_one_by_rounding_is_likely() -> None:
    data = frame([1.0 + 1e-12, 1.001], "error_rate")
    assert read_history(data, (ERRORS,)).left_out()[0].unlikely == 1


def test_the_source_has_answered_where_it_gave_any_sample() -> None:
    clean = read_history(frame([1.0, -1.0, math.nan]), (RATE,))
    assert clean.answered(1 * STEP)
    assert not clean.answered(2 * STEP)


def test_a_type_that_the_user_gives_is_not_guessed_at() -> None:
    raw = frame(counter(100.0))
    gauge = replace(RATE, type=MetricType.GAUGE)
    assert not read_history(raw, (gauge,)).rules.counter.any()
    noise = frame(np.random.default_rng(0).gamma(2, 1, 400))
    assert read_history(noise, (replace(RATE, type=MetricType.COUNTER),)).rules.counter.all()


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
        (replace(RATE, unit=Unit.BYTES), 0.0, math.inf),
        (replace(RATE, valid_min=-5.0, valid_max=5.0), -math.inf, math.inf),
    ],
)
def test_role_and_unit_let_expect_a_range_unless_the_user_gives_one(
    metric: MetricSpec, low: float, high: float
) -> None:
    assert likely_range(metric) == (low, high)


@pytest.mark.parametrize("metric", [LATENCY, ERRORS])
def test_the_caps_on_single_values_are_none_on_what_they_add_up_to(metric: MetricSpec) -> None:
    assert likely_range(metric, counted_over=STEP) == (0.0, math.inf)


@pytest.mark.parametrize("offset", [0.37, 123_456.789, 9.87e8])
def test_a_counter_that_rises_evenly_does_not_seem_to_vary(offset: float) -> None:
    age = offset + 119.9 * np.arange(1, 500)
    metric = replace(RATE, type=MetricType.COUNTER)
    increases = read_history(frame(age), (metric,)).frame.values[1:, 0]
    assert set(increases.tolist()) == {119.9}
