"""An anomaly ends when the metrics are back, not when the detectors have forgotten."""

from __future__ import annotations

import numpy as np
import pytest

from detector_runtime.recovery import BACK_WINDOWS, recovered

BOTH, UP, DOWN = 0, 1, -1
MEMORY = 10


def over(values: list[float], side: int = BOTH) -> list[int]:
    """Rows that are told to be over, of one metric with these residuals."""
    residual = np.array(values)[:, None]
    told = recovered(residual, np.array([side]), usual_width=3.0, memory=MEMORY)
    return np.flatnonzero(told).tolist()


def test_it_is_over_once_every_metric_is_back_for_two_windows() -> None:
    assert over([0, 9, 9, 0, 0, 0]) == [4, 5]


def test_one_window_back_inside_is_not_the_end() -> None:
    assert over([0, 9, 0, 9, 0, 9]) == []


def test_what_never_left_its_usual_range_is_not_judged() -> None:
    assert over([1.0, 2.9, 2.9, 1.0, 0.0]) == []


def test_it_speaks_only_as_long_as_detectors_remember() -> None:
    rows = over([9.0] + [0.0] * 2 * MEMORY)
    assert rows == list(range(BACK_WINDOWS, MEMORY))


@pytest.mark.parametrize(("side", "told"), [(UP, [3]), (DOWN, []), (BOTH, [3])])
def test_only_the_alarming_side_counts(side: int, told: list[int]) -> None:
    assert over([0, 9, 0, 0], side) == told


def test_a_missing_value_ends_nothing() -> None:
    hole = float("nan")
    assert over([0, 9, hole, hole, hole, 0, 0]) == [6]


def test_every_metric_must_be_back() -> None:
    residual = np.array([[9, 9], [0, 9], [0, 9], [0, 0], [0, 0.0]])
    told = recovered(residual, np.array([BOTH, BOTH]), usual_width=3.0, memory=MEMORY)
    assert np.flatnonzero(told).tolist() == [4]


def test_it_looks_only_back() -> None:
    residual = np.random.default_rng(1).normal(0, 2, (200, 3))
    side = np.zeros(3, dtype=np.int64)
    whole = recovered(residual, side, 3.0, MEMORY)
    assert whole.any()
    for cut in (50, 120, 199):
        np.testing.assert_array_equal(recovered(residual[:cut], side, 3.0, MEMORY), whole[:cut])
