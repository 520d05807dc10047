import numpy as np
import pytest

from anomaly_cli.onset import FADE_SECONDS, onset_score

HOUR = 3600


def test_only_what_is_more_than_before_counts():
    evidence = np.array([1.0, 3.0, 3.0, 2.9, 4.0, 1.0])
    assert onset_score(evidence, 60).tolist() == [1.0, 3.0, 0.0, 0.0, 4.0, 0.0]


def test_after_some_days_the_same_counts_again():
    days = 3 * FADE_SECONDS // HOUR
    evidence = np.concatenate([[4.0], np.full(days, 0.1), [4.0]])
    found = onset_score(evidence, HOUR)
    assert (found[0], found[-1]) == (4.0, 4.0)
    assert np.count_nonzero(found) == 2


def test_a_window_without_evidence_has_none():
    assert onset_score(np.array([np.nan, 2.0, np.nan]), HOUR).tolist() == [0.0, 2.0, 0.0]


@pytest.mark.parametrize("cut", [5, 50, 199])
def test_no_window_depends_on_a_later_one(cut):
    evidence = np.random.default_rng(3).exponential(1.0, 200)
    whole, part = onset_score(evidence, HOUR), onset_score(evidence[:cut], HOUR)
    np.testing.assert_array_equal(whole[:cut], part)
