"""Rates, votes, resamples, separation and components on numbers that a hand can check."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from sklearn.metrics import f1_score, precision_score, recall_score

from anomaly_cli.evaluation.bootstrap import interval, resampled
from anomaly_cli.evaluation.projection import MAX_SHOWN, projection
from anomaly_cli.evaluation.rates import rates
from anomaly_cli.evaluation.separation import cohen_d, separation
from anomaly_cli.evaluation.sweep import swept
from anomaly_cli.evaluation.votes import best_member, best_weights, rules, weighted


def flags(text: str) -> np.ndarray:
    return np.array([one == "1" for one in text])


def test_rates_by_hand() -> None:
    """2 hits, 1 false, 2 missed: precision 2/3, recall 1/2, F1 4/7."""
    found = rates(flags("11100000"), flags("11011000"))
    assert found.precision == pytest.approx(2 / 3)
    assert found.recall == pytest.approx(1 / 2)
    assert found.f1 == pytest.approx(4 / 7)


def test_a_rate_without_a_denominator_is_not_zero() -> None:
    silent = rates(flags("0000"), flags("0100"))
    assert math.isnan(silent.precision)
    assert (silent.recall, silent.f1) == (0, 0)
    quiet = rates(flags("000"), flags("000"))
    assert all(map(math.isnan, (quiet.f1, quiet.precision, quiet.recall)))


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40))
def test_rates_are_those_of_scikit_learn(rows: list[tuple[bool, bool]]) -> None:
    said, was = (np.array(one) for one in zip(*rows, strict=True))
    found = rates(said, was)
    if was.any() and said.any():
        assert found.f1 == pytest.approx(f1_score(was, said))
        assert found.precision == pytest.approx(precision_score(was, said))
        assert found.recall == pytest.approx(recall_score(was, said))


def votes() -> np.ndarray:
    """Four members on three rows: two of them, three of them, none."""
    return np.array([[1, 1, 0, 0], [1, 0, 1, 1], [0, 0, 0, 0]], dtype=bool)


@pytest.mark.parametrize(
    ("rule", "said"),
    [("Majority", "010"), ("Any", "110"), ("All", "000"), ("Weighted", "110"), ("Best", "100")],
)
def test_each_rule_by_hand(rule: str, said: str) -> None:
    """Two of four are a tie, which is no majority. With weights 1, 3, 1, 1 the first row has 4 of 6
    and the second 3 of 6, which is half and enough."""
    found = rules(weights=(1, 3, 1, 1), best=1)[rule](votes())
    np.testing.assert_array_equal(found, flags(said))


def test_weights_that_give_one_member_the_say_are_found() -> None:
    """The second member is always right and has half of the weight: it decides."""
    was = flags("10101000")
    verdicts = np.column_stack([flags("01010000"), was, flags("00000111")])
    found = best_weights(verdicts, was)
    np.testing.assert_array_equal(weighted(found)(verdicts), was)
    assert found == (1, 2, 1)
    assert best_member(verdicts, was) == 1


def test_of_equal_weights_and_members_the_first_and_smallest_are_taken() -> None:
    was = flags("1100")
    verdicts = np.column_stack([was, was])
    assert best_weights(verdicts, was) == (1, 1)
    assert best_member(verdicts, was) == 0


def test_intervals_are_the_middle_95_percent_and_the_same_for_a_seed() -> None:
    found = interval(np.arange(1001, dtype=float))
    assert (found.low, found.high) == pytest.approx((25, 975))
    kinds, said = np.array([0] * 50 + [1] * 50), flags("0" * 50 + "01" * 25)[:, None]
    one, other = (resampled(kinds, said, seed=5).measured()[0] for _ in range(2))
    assert one == other
    assert one.recall.low < one.rates.recall == 0.5 < one.recall.high


def test_the_recall_interval_is_that_of_a_binomial_share() -> None:
    """50 of 100 found: a standard error of about 0.05, so about 0.40 to 0.60."""
    kinds = np.array([0] * 900 + [1] * 100)
    said = np.zeros((1000, 1), dtype=bool)
    said[900:950] = True
    found = resampled(kinds, said, seed=1).measured()[0]
    assert found.recall.low == pytest.approx(0.40, abs=0.02)
    assert found.recall.high == pytest.approx(0.60, abs=0.02)
    assert (found.precision.low, found.precision.high) == (1, 1)


def test_differences_are_paired() -> None:
    """Of two choices that differ in one false row out of 2,000, the worse is never the better, so
    the interval of the difference is far narrower than that of either."""
    kinds = np.array([0] * 1900 + [1] * 100)
    said = np.zeros((2000, 3), dtype=bool)
    said[1900:1950, :] = True
    said[:20, 1] = True
    found = resampled(kinds, said, seed=1)
    worse, same = found.difference(1, 0), found.difference(2, 0)
    assert worse.lower
    assert not worse.higher
    # F1 100/150 against 100/170.
    assert worse.value == pytest.approx(100 / 170 - 100 / 150)
    assert (same.value, same.interval.low, same.interval.high) == (0, 0, 0)
    assert not same.higher
    spread = found.measured()[0].f1
    assert worse.interval.high - worse.interval.low < (spread.high - spread.low) / 2


def test_a_kind_is_measured_beside_all_normal_rows() -> None:
    """Kind 1: 2 of 2 found beside one false row; kind 2: 0 of 2 beside the same one."""
    kinds, said = np.array([0, 0, 0, 1, 1, 2, 2]), flags("1001100")[:, None]
    found = resampled(kinds, said, seed=0)
    first, second = found.measured(1)[0].rates, found.measured(2)[0].rates
    assert (first.precision, first.recall, first.f1) == (pytest.approx(2 / 3), 1, 0.8)
    assert (second.precision, second.recall, second.f1) == (0, 0, 0)


def test_cohens_d_by_hand() -> None:
    """Means 1 and 4, both with a standard deviation of 1."""
    assert cohen_d(np.array([0.0, 2.0]), np.array([3.0, 5.0])) == pytest.approx(3)
    assert math.isnan(cohen_d(np.ones(3), np.ones(2)))


def test_the_distribution_has_means_and_densities_of_area_one() -> None:
    scores = np.array([0.0, 1.0, 2.0, 3.0, 10.0, 12.0])
    found = separation("ZScore", scores, flags("000011"))
    assert (found.normal.mean, found.anomaly.mean) == (1.5, 11)
    assert found.anomaly.deviation == 1
    width = np.diff(found.edges)
    assert (found.normal_density * width).sum() == pytest.approx(1)
    assert (found.anomaly_density * width).sum() == pytest.approx(1)


def test_the_sweep_by_hand() -> None:
    """z 1.6, 2.6 and 4.1 of which the last two are anomalies; the other two members are silent on
    the last and loud on the first, so the majority needs the z-score for all but the first."""
    scores = np.array([[1.0, 1.0, 1.6], [1.0, 0.0, 2.6], [0.0, 0.0, 4.1]])
    found = swept(scores, np.array([0.5, 0.5, 3.0]), 2, flags("011"))
    assert found.thresholds.tolist() == [1.5 + 0.25 * step for step in range(15)]
    assert found.alone[:6].tolist() == pytest.approx([0.8, 1, 1, 1, 1, 2 / 3])
    assert found.best_alone == 1.75
    assert found.vote[:6].tolist() == pytest.approx([0.5, 0.5, 0.5, 0.5, 0.5, 0])
    assert found.best_vote == 1.5
    assert found.alone[-1] == 0


def test_components_explain_what_those_of_scikit_learn_explain() -> None:
    values = np.random.default_rng(3).normal(size=(400, 5)) * [5, 1, 3, 1, 1]
    theirs = PCA(n_components=2).fit(values)
    found = projection(values, np.zeros(400, dtype=np.int64), seed=1)
    assert found.explained == pytest.approx(tuple(theirs.explained_variance_ratio_))
    np.testing.assert_allclose(np.abs(found.points), np.abs(theirs.transform(values)), atol=1e-9)


def test_one_column_has_one_component_and_many_rows_are_thinned_to_all_anomalies() -> None:
    values = np.arange(5000.0)[:, None]
    kinds = np.zeros(5000, dtype=np.int64)
    kinds[::50] = 1
    found = projection(values, kinds, seed=1)
    assert found.explained == (1, 0)
    assert len(found.points) == MAX_SHOWN
    assert (found.kinds == 1).sum() == 100


@given(
    st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=1), st.permutations(range(4))
)
def test_the_order_of_the_members_changes_no_vote(rows: list[list[bool]], order: list[int]) -> None:
    """What All flags the majority flags, and what that flags Any flags; with three members equal
    weights are the majority."""
    verdicts = np.array(rows)
    found = rules(weights=(1, 1, 1, 1), best=0)
    for rule in ("Majority", "Any", "All", "Weighted"):
        np.testing.assert_array_equal(found[rule](verdicts), found[rule](verdicts[:, order]))
    said = {rule: found[rule](verdicts) for rule in found}
    assert (said["All"] <= said["Majority"]).all()
    assert (said["Majority"] <= said["Weighted"]).all()
    assert (said["Weighted"] <= said["Any"]).all()
    odd = verdicts[:, :3]
    np.testing.assert_array_equal(found["Majority"](odd), weighted((1, 1, 1))(odd))
