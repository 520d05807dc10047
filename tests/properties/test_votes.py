"""What members decide together: one number a window, and the same statement as their votes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from detector_runtime.contract.members import VoteRule
from detector_runtime.model.calibrate import UNUSUAL, fit_tails
from detector_runtime.model.vote import Vote, quiet_border

WINDOWS = 12
TAILS = fit_tails(np.random.default_rng(3).gamma(2.0, size=(800, 1)))
SAID = st.one_of(st.just(np.nan), st.integers(0, 40).map(lambda tenth: tenth / 10))


@st.composite
def votes(draw: st.DrawFn) -> tuple[Vote, np.ndarray]:
    """A vote of 1 to 6 members, and what they say: ties and abstentions are frequent."""
    members = draw(st.integers(1, 6))
    weights = draw(arrays(np.float64, members, elements=st.sampled_from([0.5, 1.0, 1 / 3, 2.0])))
    order = np.array(draw(st.permutations(range(members))))
    share = draw(st.sampled_from([0.2, 1 / 3, 0.5, 2 / 3, 1.0]))
    vote = Vote(draw(st.sampled_from(list(VoteRule))), weights, share, order, TAILS)
    return vote, draw(arrays(np.float64, (members, WINDOWS), elements=SAID))


@given(votes(), st.integers(1, 40).map(lambda tenth: tenth / 10))
def test_the_rule_is_met_exactly_where_the_number_reaches_the_level(
    found: tuple[Vote, np.ndarray], level: float
) -> None:
    vote, said = found
    reached = np.nan_to_num(vote.reduce(said), nan=-1.0) >= level
    np.testing.assert_array_equal(vote.met(said >= level, ~np.isnan(said)), reached)


@given(votes(), st.randoms())
def test_the_order_in_which_members_are_named_changes_nothing(
    found: tuple[Vote, np.ndarray], random: object
) -> None:
    vote, said = found
    shuffled = list(range(len(said)))
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    places = np.argsort(shuffled)
    other = Vote(vote.rule, vote.weights[shuffled], vote.share, places[vote.order], TAILS)
    np.testing.assert_array_equal(other.reduce(said[shuffled]), vote.reduce(said))


@given(votes(), st.data())
def test_a_member_that_abstains_changes_nothing(
    found: tuple[Vote, np.ndarray], data: st.DataObject
) -> None:
    vote, said = found
    place = data.draw(st.integers(0, len(vote.order)))
    order = np.insert(vote.order, place, len(said))
    more = Vote(vote.rule, np.append(vote.weights, 2.0), vote.share, order, TAILS)
    absent = np.full((1, WINDOWS), np.nan)
    np.testing.assert_array_equal(more.reduce(np.vstack([said, absent])), vote.reduce(said))


@given(arrays(np.float64, (1, 40), elements=st.floats(0, 100)))
def test_below_its_own_threshold_a_member_reaches_no_alert_level(said: np.ndarray) -> None:
    final = fit_tails(np.random.default_rng(5).gamma(2.0, size=(700, 1)))
    vote = Vote(VoteRule.ANY, np.ones(1), 0.5, np.zeros(1, np.int64), TAILS, quiet_border(final))
    none = np.zeros(said.shape, dtype=bool)
    score = final.surprise(vote.reduce(vote.voices(said, none, np.ones(1)))[:, None])[:, 0]
    assert (score < UNUSUAL).all()


@pytest.mark.parametrize(
    ("rule", "number"),
    [
        (VoteRule.MAJORITY, 1.0),
        (VoteRule.ANY, 3.0),
        (VoteRule.ALL, 0.5),
        (VoteRule.WEIGHTED, 2.0),
        (VoteRule.BEST, 0.5),
    ],
)
def test_each_rule_by_an_example(rule: VoteRule, number: float) -> None:
    """Four members: two of four are no majority, and half of the weight is enough."""
    said = np.array([[3.0], [2.0], [1.0], [0.5]])
    vote = Vote(rule, np.ones(4), 0.5, np.array([3, 0, 1, 2]), TAILS)
    assert vote.reduce(said)[0] == number


def test_where_the_best_abstains_the_next_decides() -> None:
    said = np.array([[np.nan, 1.0], [2.0, 3.0]])
    vote = Vote(VoteRule.BEST, np.ones(2), 0.5, np.array([0, 1]), TAILS)
    np.testing.assert_array_equal(vote.reduce(said), [2.0, 1.0])


def test_without_any_member_there_is_no_number() -> None:
    said = np.full((3, 1), np.nan)
    for rule in VoteRule:
        vote = Vote(rule, np.ones(3), 0.5, np.arange(3), TAILS)
        assert np.isnan(vote.reduce(said)).all()
