"""What a service says of its training run, run after run of the pod."""

from __future__ import annotations

import pytest

from detector_runtime.contract.text import iso
from detector_runtime.contract.training_run import RunState
from detector_runtime.contract.vocabulary import RunOutcome, Severity, Verdict
from pretend.followed_run import START, STEP, FollowedRun
from pretend.training_run import noisy


@pytest.fixture
def followed(tmp_path) -> FollowedRun:
    return FollowedRun(tmp_path)


def train(followed: FollowedRun, minutes: int, *, rows: int = 6, timed: bool = True) -> None:
    """A quiet run that logs `rows` rows a minute."""
    losses = noisy(minutes * rows)
    for at, loss in enumerate(losses):
        time = START + at * STEP / rows
        raw = {"step": 10 * (at + 1), "loss": loss, **({"time": time} if timed else {})}
        followed.log.write(time, **raw)


def spike(followed: FollowedRun, minute: float, step: int, loss: float = 4.0, **more: object):
    time = START + minute * STEP
    followed.log.write(time, step=step, loss=loss, time=time, **more)


def test_a_quiet_run_is_normal_window_by_window(followed):
    train(followed, 30)
    for minute in range(20, 31):
        followed.run(START + minute * STEP)
    found = followed.detection
    assert found.run.outcome is RunOutcome.SUCCEEDED
    assert found.windows == ()
    assert found.scored_through == iso(START + 30 * STEP)
    assert found.scored_from == iso(START)
    report = followed.report
    assert (report.state, report.step, report.rows) == (RunState.RUNNING, 1800, 180)
    assert report.rate == "3600"
    assert report.conclusion.startswith("Go on: no trigger above Normal stands; the best loss is")


def test_a_spike_makes_its_window_anomalous_and_says_what_to_do(followed):
    train(followed, 20)
    followed.run(START + 20 * STEP)
    spike(followed, 20.5, 1210)
    followed.run(START + 21 * STEP)
    found = followed.detection
    assert found.report is not None
    assert found.report.verdict is Verdict.ANOMALOUS
    assert found.report.severity is Severity.CRITICAL
    assert found.windows[-1].triggers[0].endswith("@1210")
    evidence = found.report.training_run
    assert evidence is not None
    assert (evidence.first_step, evidence.last_step) == (1210, 1210)
    assert evidence.loss_history[-1] == "4"
    assert evidence.z_scores[0].metric == "loss"
    assert followed.report.triggers >= 2
    assert followed.report.timeline[-1].step == 1210
    assert "at step 1210" in followed.report.conclusion


def test_a_run_without_a_new_window_writes_nothing(followed):
    train(followed, 20)
    followed.run(START + 20 * STEP)
    followed.run(START + 21 * STEP - 1)
    assert followed.api.writes == 1


def test_a_log_that_is_history_is_replayed_in_its_own_time_and_written_once(followed):
    train(followed, 200)
    spike(followed, 150.01, 9005)
    followed.log.lines.sort(key=lambda one: one[0])
    spike(followed, 200.5, 12010)
    later = START + 10 * 86_400
    for run in range(3):
        followed.run(later + run * STEP)
    found, report = followed.detection, followed.report
    assert report.state is RunState.ENDED
    assert found.scored_through == iso(START + 201 * STEP)
    assert found.scored_from == iso(START + (201 - 64) * STEP)
    assert set(followed.found()) == {iso(START + 151 * STEP), iso(START + 201 * STEP)}
    assert followed.api.writes == 1


def test_a_pause_far_longer_than_usual_is_a_finding_until_a_row_comes(followed):
    train(followed, 20)
    for minute in range(20, 35):
        followed.run(START + minute * STEP)
    assert followed.report.state is RunState.STALLED
    stalled = [end for end, names in followed.found().items() if names == ("run_stalled",)]
    # The last row came ten seconds before minute 20.
    assert stalled == [iso(START + minute * STEP) for minute in range(30, 35)]
    assert followed.detection.report.severity is Severity.MEDIUM
    spike(followed, 34.5, 1210, loss=2.0)
    followed.run(START + 35 * STEP)
    assert followed.report.state is RunState.RUNNING
    assert followed.detection.report.verdict is Verdict.NORMAL
