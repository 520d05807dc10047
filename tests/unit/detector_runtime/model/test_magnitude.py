import numpy as np
import pytest

from detector_runtime.model.magnitude import sustained, windows

OUT = 6.0  # twice the usual range's half-width of 3: one half-width beyond it


@pytest.mark.parametrize(
    ("step", "wanted"), [(30, 6), (60, 3), (90, 2), (120, 2), (300, 2), (3600, 2)]
)
def test_three_minutes_and_never_one_window_alone(step, wanted):
    assert windows(step) == wanted


def test_a_metric_counts_once_it_has_stayed_out():
    distance = np.array([[0.0], [OUT], [OUT], [2 * OUT], [0.0]])
    assert sustained(distance, 60).tolist() == [0.0, 0.0, 0.0, 1.0, 0.0]
    assert sustained(distance, 300).tolist() == [0.0, 0.0, 1.0, 1.0, 0.0]


def test_two_metrics_that_take_turns_have_not_stayed_out():
    distance = np.array([[OUT, 0.0], [0.0, OUT], [OUT, 0.0]])
    assert not sustained(distance, 300).any()


def test_what_is_inside_the_usual_range_or_missing_has_no_magnitude():
    distance = np.array([[2.9, np.nan], [3.0, np.nan], [np.nan, OUT], [OUT, OUT]])
    assert sustained(distance, 300).tolist() == [0.0, 0.0, 0.0, 1.0]


def test_no_metric_at_all_is_no_magnitude():
    assert sustained(np.zeros((2, 0)), 60).tolist() == [0.0, 0.0]
