"""How the evidence of the last windows becomes one number."""

from __future__ import annotations

import numpy as np
import pytest

from detector_runtime.model.smoothing import CUT, MAX_FADE, SLOW_MAX_FADE, kernel, smooth


def test_the_newest_window_counts_most_and_an_hour_stands_alone() -> None:
    weights = kernel(300, 5)
    assert (np.diff(weights) < 0).all()
    assert weights[0] == 1.0
    assert len(kernel(3600, 5)) == 1


def test_one_metric_is_averaged_for_longer_than_many() -> None:
    assert len(kernel(300, 1)) > len(kernel(300, 5))


def test_short_steps_read_a_bounded_number_of_windows() -> None:
    assert len(kernel(15, 5)) == len(kernel(60, 5)) == np.ceil(CUT * MAX_FADE)
    assert len(kernel(15, 1)) == len(kernel(60, 1)) == np.ceil(CUT * SLOW_MAX_FADE)


def test_a_single_metric_remembers_for_hours_and_still_shows_an_onset_at_once() -> None:
    weights = kernel(300, 1)
    assert (np.diff(weights) < 0).all()
    assert weights[0] == 1.0
    evidence = np.r_[np.full(100, 0.5), np.full(12, 4.0), np.full(100, 0.5)]
    found = smooth(evidence, weights)
    assert found[100] > 2 * found[99]
    assert found[112 + 6] > 2 * found[99]
    assert found[-1] == pytest.approx(found[99])


def test_windows_of_a_quarter_of_an_hour_need_no_memory_of_hours() -> None:
    assert len(kernel(900, 1)) < len(kernel(600, 1))
    assert len(kernel(3600, 1)) == 1


def test_a_steady_level_is_kept_and_a_lasting_fault_gathers_weight() -> None:
    weights = kernel(60, 5)
    assert smooth(np.full(50, 1.7), weights) == pytest.approx(1.7)
    values = np.r_[np.full(30, 0.5), np.full(30, 4.0)]
    found = smooth(values, weights)
    assert (np.diff(found[30 : 30 + len(weights)]) > 0).all()
    assert found[-1] == pytest.approx(4.0)


def test_a_hole_has_no_value_and_weighs_nothing() -> None:
    weights = kernel(300, 5)
    values = np.array([1.0, 1.0, np.nan, 3.0, 3.0])
    found = smooth(values, weights)
    assert np.isnan(found[2])
    assert found[3] == pytest.approx(
        np.sqrt((9 + weights[2] + weights[3]) / (1 + weights[2] + weights[3]))
    )
    assert len(smooth(np.zeros(0), weights)) == 0


def test_no_window_reads_the_future() -> None:
    values = np.random.default_rng(1).gamma(2, 1, 200)
    weights = kernel(120, 5)
    assert smooth(values[:150], weights) == pytest.approx(smooth(values, weights)[:150])
