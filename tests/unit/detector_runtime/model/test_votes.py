"""Members that people name, through the façade: learn, vote, score, write down and read back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from detector_runtime.contract.members import MAJORITY, MemberName, MemberSpec, VoteRule, VoteSpec
from detector_runtime.contract.run_config import DetectorSpec, MetricSpec
from detector_runtime.contract.vocabulary import Category, Direction, Role, Unit, Verdict
from detector_runtime.fitting.members import NoMemberError
from detector_runtime.model.calibrate import UNUSUAL
from detector_runtime.model.fitted import EngineSettings, FittedModel, ModelError
from detector_runtime.series.frame import Frame
from detector_runtime.verdict.votes import votes_of
from pretend.entrance import fit_model, score

STEP = 600
DAY = 86_400
START = 1_704_067_200  # Monday 2024-01-01 00:00 UTC
DAYS = 14
METRICS = (
    MetricSpec("rate", Role.TRAFFIC, "rate", Unit.REQUESTS_PER_SECOND, Direction.BOTH),
    MetricSpec("latency", Role.LATENCY, "latency", Unit.SECONDS, Direction.UP),
)
TRIO = (
    MemberSpec(MemberName.ISOLATION_FOREST, trees=20),
    MemberSpec(MemberName.LOCAL_OUTLIER_FACTOR, references=500),
    MemberSpec(MemberName.Z_SCORE),
)


def history(days: float = DAYS, seed: int = 0) -> Frame:
    rng = np.random.default_rng(seed)
    n = int(days * DAY / STEP)
    times = START + STEP * np.arange(1, n + 1, dtype=np.int64)
    values = np.column_stack([rng.normal(100, 5, n), rng.gamma(20, 0.005, n)])
    return Frame(times, values, ("rate", "latency"), STEP)


def settings(
    members: tuple[MemberSpec, ...] = TRIO, vote: VoteSpec = MAJORITY, columns: int = 2
) -> EngineSettings:
    detector = DetectorSpec(1.0, 0.05, 42, members=members, vote=vote)
    return EngineSettings(
        METRICS[:columns], STEP, "Etc/UTC", (), Category.STANDARD, detector, 500, 1000
    )


@pytest.fixture(scope="module")
def model() -> FittedModel:
    return fit_model(history(), settings())


def live(days: float = 2) -> Frame:
    """What follows the history, with a slow spell in its last eight windows."""
    whole = history(DAYS + days)
    whole.values[-8:, 1] *= 6
    return whole


SINCE = START + DAYS * DAY


def test_the_window_is_anomalous_exactly_where_the_members_decide_it(model: FittedModel) -> None:
    found = score(model, live(), SINCE)
    ballots, vote = found.ballots, model.ensemble.vote
    assert ballots is not None
    assert vote is not None
    met = vote.met(ballots.voted, ~np.isnan(ballots.scores))
    np.testing.assert_array_equal(met, found.score >= model.levels.alert)
    assert found.anomalous[-4:].all()
    assert model.levels.alert >= UNUSUAL


def test_confidence_is_the_share_that_agrees_with_the_verdict(model: FittedModel) -> None:
    found = score(model, live(), SINCE)
    assert found.ballots is not None
    share = found.ballots.votes / 3
    wanted = np.where(found.anomalous, share, 1 - share)
    np.testing.assert_allclose(found.confidence, wanted)


def test_no_member_votes_below_its_own_threshold(model: FittedModel) -> None:
    frame = live()
    found = score(model, frame, SINCE)
    rows = model.ensemble.prepare(frame)
    members = {one.name: one for one in model.ensemble.members}
    assert found.ballots is not None
    for index, name in enumerate(found.detectors):
        deviation = np.abs(members[name].deviation(rows))[-len(found.score) :]
        beyond = deviation.max(axis=1) > members[name].threshold  # type: ignore[attr-defined]
        assert not (found.ballots.voted[index] & ~beyond).any(), name


def test_a_missing_metric_leaves_a_vote_and_none_at_all_leaves_no_score(
    model: FittedModel,
) -> None:
    frame = live()
    frame.values[-2, 1] = np.nan
    frame.values[-1] = np.nan
    found = score(model, frame, SINCE)
    assert found.ballots is not None
    assert found.ballots.present[-2:].tolist() == [3, 0]
    assert np.isfinite(found.score[-2])
    assert np.isnan(found.score[-1])
    assert votes_of(model.ensemble.vote, found, -1) is None


def test_the_votes_of_a_window_are_told_by_name(model: FittedModel) -> None:
    found = score(model, live(), SINCE)
    told = votes_of(model.ensemble.vote, found, -1)
    assert told is not None
    assert (told.rule, told.members) == (VoteRule.MAJORITY, 3)
    assert {one.member for one in told.verdicts} == {one.name for one in TRIO}
    voted = [one for one in told.verdicts if one.verdict is Verdict.ANOMALOUS]
    assert len(voted) == told.votes >= 2
    for one in told.verdicts:
        assert (float(one.score) >= model.levels.alert) == (one in voted)


def test_what_serves_is_said_in_lines(model: FittedModel) -> None:
    *lines, rate = model.detectors[3:]
    assert lines == [
        "decided by: Majority of 3 members",
        "not looked for: values that freeze, as no member reads the past",
        "kept rows: 500 of 1999 windows by local-outlier-factor",
    ]
    # No level below the lowest helps: two of three members are seldom beyond their own thresholds.
    assert rate.startswith("own thresholds: they set the rate, 0.")
    assert rate.endswith(" of 1 tolerated")
    assert model.levels.alert < UNUSUAL + 0.05


def test_a_model_that_votes_comes_back_whole(model: FittedModel) -> None:
    arrays, meta = model.to_arrays()
    again = FittedModel.from_arrays(arrays, meta)
    one, other = score(model, live(), SINCE), score(again, live(), SINCE)
    np.testing.assert_array_equal(one.score, other.score)
    assert again.ensemble.vote is not None
    assert again.ensemble.vote.rule is VoteRule.MAJORITY


def test_a_release_without_votes_refuses_a_model_that_votes(model: FittedModel) -> None:
    arrays, meta = model.to_arrays()
    assert meta["layout"] == 5
    without = {key: value for key, value in meta.items() if key != "vote"}
    with pytest.raises(ModelError, match="layout is 5"):
        FittedModel.from_arrays(arrays, without)
    with pytest.raises(ModelError, match="the vote is not one of 3 members"):
        FittedModel.from_arrays({**arrays, "vote/order": np.array([0, 1])}, meta)


def test_the_order_in_which_members_are_named_changes_no_score(model: FittedModel) -> None:
    other = fit_model(history(), settings(TRIO[::-1]))
    one, two = score(model, live(), SINCE), score(other, live(), SINCE)
    np.testing.assert_allclose(one.score, two.score, atol=1e-9)


def test_only_the_best_member_decides_where_that_is_the_rule() -> None:
    found = fit_model(history(), settings(vote=VoteSpec(VoteRule.BEST)))
    vote = found.ensemble.vote
    assert vote is not None
    best = found.ensemble.members[int(vote.order[0])].name
    assert f"decided by: Best of 3 members, {best} decides" in found.detectors
    scores = score(found, live(), SINCE)
    assert scores.ballots is not None
    np.testing.assert_array_equal(scores.ballots.scores[int(vote.order[0])], scores.score)


def test_a_member_that_cannot_learn_is_left_out_and_named() -> None:
    """`JointForest` has nothing to say of a single metric."""
    one = Frame(history().times, history().values[:, :1], ("rate",), STEP)
    members = (MemberSpec(MemberName.JOINT_FOREST), MemberSpec(MemberName.Z_SCORE))
    found = fit_model(one, settings(members, columns=1))
    assert [member.name for member in found.ensemble.members] == ["z-score"]
    assert "left out: joint-forest, which cannot learn from this history" in found.detectors
    assert not found.multivariate
    with pytest.raises(NoMemberError, match="none of JointForest can learn from this history"):
        fit_model(one, settings(members[:1], columns=1))


def test_members_without_a_threshold_of_their_own_vote_by_the_level_alone() -> None:
    members = (MemberSpec(MemberName.SEASONAL), MemberSpec(MemberName.MOVING_AVERAGE))
    found = fit_model(history(), settings(members, VoteSpec(VoteRule.ALL)))
    scores = score(found, live(), SINCE)
    assert scores.ballots is not None
    both = (scores.ballots.scores >= found.levels.alert).all(axis=0)
    np.testing.assert_array_equal(both, scores.score >= found.levels.alert)


def test_without_a_list_nothing_votes() -> None:
    plain = replace(settings(()), min_multivariate=10_000)
    found = fit_model(history(), plain)
    assert found.ensemble.vote is None
    assert found.to_arrays()[1]["layout"] == 4
    assert score(found, live(), SINCE).ballots is None
