"""An anomaly ends when the metrics are back, not when the detectors have forgotten."""

from __future__ import annotations

import numpy as np
import pytest

from detector_runtime.model.recovery import BACK_WINDOWS, FAR, outside, recovered

BOTH, UP, DOWN = 0, 1, -1


def over(values: list[float], side: int = BOTH, low: tuple[int, ...] = ()) -> list[int]:
    """Rows that are told to be over, of one metric with these residuals; the score is high
    everywhere but at the rows `low`."""
    high = ~np.isin(np.arange(len(values)), low)
    residual, sides = np.array(values)[:, None], np.array([side])
    far = outside(residual, sides, FAR)
    told = recovered(outside(residual, sides), high, far=far)
    return np.flatnonzero(told).tolist()


def test_it_is_over_once_every_metric_is_back_for_two_windows() -> None:
    assert over([0, 9, 9, 0, 0, 0]) == [4, 5]


def test_one_window_back_inside_is_not_the_end() -> None:
    assert over([0, 9, 0, 9, 0, 9]) == []


def test_one_window_outside_while_the_score_remembers_is_no_new_anomaly() -> None:
    """Minutes after a fault an error rate a little above its usual range opened an incident."""
    assert over([0, 9, 9, 0, 0, 4, 0, 0]) == [4, 5, 6, 7]


def test_two_windows_outside_on_end_begin_anew() -> None:
    assert over([0, 9, 9, 0, 0, 4, 4, 0, 0]) == [4, 5, 8]


def test_one_window_far_outside_begins_anew() -> None:
    """A fault of one minute in three is not over while it comes back."""
    assert over([0, 9, 0, 0, 9, 0, 0, 9]) == [3, 6]


def test_what_never_left_its_usual_range_is_not_judged() -> None:
    assert over([1.0, 2.9, 2.9, 1.0, 0.0]) == []


def test_a_low_score_needs_no_end() -> None:
    assert over([9.0, 9.0, 0, 0, 0, 0], low=(4, 5)) == [3]


def test_what_left_its_range_before_this_anomaly_ends_nothing() -> None:
    """By chance one of many metrics is outside now and then; a later freeze has no part in it."""
    assert over([9.0, 0, 0, 0, 0, 0, 0, 0], low=(2,)) == []


def test_it_lasts_as_long_as_the_score_is_high() -> None:
    assert over([9.0] + [0.0] * 30) == list(range(BACK_WINDOWS, 31))


@pytest.mark.parametrize(("side", "told"), [(UP, [3]), (DOWN, []), (BOTH, [3])])
def test_only_the_alarming_side_counts(side: int, told: list[int]) -> None:
    assert over([0, 9, 0, 0], side) == told


def test_a_missing_value_ends_nothing() -> None:
    hole = float("nan")
    assert over([0, 9, hole, hole, hole, 0, 0]) == [6]


def test_every_metric_must_be_back() -> None:
    residual = np.array([[9, 9], [0, 9], [0, 9], [0, 0], [0, 0.0]])
    gone = outside(residual, np.array([BOTH, BOTH]))
    assert np.flatnonzero(recovered(gone, np.ones(5, dtype=bool))).tolist() == [4]


def test_it_looks_only_back() -> None:
    rng = np.random.default_rng(1)
    gone = outside(rng.normal(0, 2, (200, 3)), np.zeros(3, dtype=np.int64))
    high = rng.random(200) < 0.8
    whole = recovered(gone, high)
    assert whole.any()
    for cut in (50, 120, 199):
        np.testing.assert_array_equal(recovered(gone[:cut], high[:cut]), whole[:cut])
