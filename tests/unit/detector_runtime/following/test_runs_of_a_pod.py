"""What a service says of its training run, run after run of the pod."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import pytest

from detector_runtime.contract.record import shown_detection
from detector_runtime.contract.text import iso
from detector_runtime.contract.training_run import (
    Checkpoint,
    ExamplePolicy,
    LogFile,
    RunState,
    SnapshotPlan,
)
from detector_runtime.contract.vocabulary import RunOutcome, Severity, Verdict
from detector_runtime.following import snapshots
from detector_runtime.run_log.trainer import TrainerReading, TrainerState
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


def test_a_log_that_is_too_long_for_one_run_is_read_by_the_next_ones(tmp_path):
    followed, whole = FollowedRun(tmp_path / "parts"), FollowedRun(tmp_path / "whole")
    for one in (followed, whole):
        train(one, 300, rows=10)
        spike(one, 290.05, 29_005)
        one.log.lines.sort(key=lambda line: line[0])
    now = START + 300 * STEP
    followed.budget = 1
    for run in range(2):
        followed.run(now + run)
        assert followed.report.rows == 1000 * (run + 1)
        # Nothing of a log that is half read is told as new.
        assert followed.detection.scored_through == ""
        assert "the next run goes on" in followed.report.notes[0]
    followed.budget = 10
    followed.run(now + 2)
    whole.run(now)
    assert followed.report.rows == 3001
    assert followed.report.counts == whole.report.counts
    assert followed.report.timeline == whole.report.timeline
    assert followed.found() == whole.found()
    assert followed.report.state is RunState.RUNNING


def test_rows_after_a_long_outage_of_the_pod_are_told_in_the_first_window(followed):
    train(followed, 200)
    spike(followed, 30.01, 1805)
    followed.log.lines.sort(key=lambda one: one[0])
    followed.run(START + 20 * STEP)
    followed.run(START + 200 * STEP)
    found = followed.detection
    assert found.skipped_windows == 0
    assert found.scored_from == iso(START + (200 - 64) * STEP)
    assert list(followed.found()) == [iso(START + (200 - 63) * STEP)]
    assert found.anomaly.findings[0].since == iso(START + 30.01 * STEP)


def test_a_row_without_a_time_belongs_to_the_window_of_its_arrival(followed):
    train(followed, 20, timed=False)
    followed.run(START + 20 * STEP)
    followed.log.write(START + 20.5 * STEP, step=1210, loss=4.0)
    followed.run(START + 22 * STEP)
    # The first one that this run reports: nobody knows more.
    assert list(followed.found()) == [iso(START + 21 * STEP)]
    assert followed.report.last_row_at == iso(START + 22 * STEP)


def test_a_trainer_that_has_ended_ends_the_run_and_its_windows(followed):
    train(followed, 20)
    followed.run(START + 20 * STEP)
    followed.trainer = TrainerReading(TrainerState.FAILED)
    for minute in range(21, 60):
        followed.run(START + minute * STEP)
    assert followed.report.state is RunState.FAILED
    assert followed.report.since == iso(START + 21 * STEP)
    assert followed.found() == {}
    assert followed.detection.scored_through == iso(START + 20 * STEP)
    assert followed.api.writes == 2
    followed.trainer = TrainerReading(TrainerState.UNKNOWN)
    followed.run(START + 90 * STEP)
    assert followed.report.state is RunState.FAILED
    spike(followed, 100.5, 1210, loss=2.0)
    followed.run(START + 101 * STEP)
    assert followed.report.state is RunState.RUNNING
    assert followed.found() == {}


def test_the_last_step_completes_a_run_and_before_it_the_end_is_estimated(tmp_path):
    followed = FollowedRun(tmp_path, total_steps=2400)
    train(followed, 40)
    followed.run(START + 20 * STEP)
    # A step a second, and the last row at minute 20 less ten seconds.
    assert followed.report.estimated_end == iso(START + 40 * STEP - 10)
    followed.run(START + 40 * STEP)
    assert followed.report.state is RunState.COMPLETED
    assert followed.report.estimated_end == ""
    for minute in range(41, 80):
        followed.run(START + minute * STEP)
    assert followed.found() == {}


def test_a_suspended_trainer_does_not_stall(followed):
    train(followed, 20)
    followed.trainer = TrainerReading(TrainerState.SUSPENDED, "Job 'train' is suspended")
    for minute in range(20, 40):
        followed.run(START + minute * STEP)
    assert followed.found() == {}
    assert followed.report.state is RunState.RUNNING
    assert followed.report.notes == ("Job 'train' is suspended",)


def test_another_log_is_another_run(followed):
    train(followed, 20)
    followed.run(START + 20 * STEP)
    followed.log.lines.clear()
    for at in range(12):
        spike(followed, 18 + at / 4, 1 + at, loss=3.0)
    spec = replace(followed.config.training_run, log=LogFile("second.jsonl"))
    followed.config = replace(followed.config, training_run=spec)
    followed.run(START + 21 * STEP)
    report = followed.report
    assert (report.rows, report.step, report.best_loss) == (12, 12, "3")
    assert report.notes == ("this is another log than before",)


def test_other_thresholds_judge_the_whole_log_anew(followed):
    train(followed, 20)
    spike(followed, 20.5, 1210, loss=2.5)
    followed.run(START + 21 * STEP)
    assert followed.report.triggers > 1
    strict = (("zScore", 100.0), ("lossSpikePercent", 1000.0))
    spec = replace(followed.config.training_run, thresholds=strict)
    followed.config = replace(followed.config, training_run=spec)
    before = followed.found()
    followed.run(START + 22 * STEP)
    assert [one.kind for one in followed.report.counts] == ["best_model_loss"]
    assert followed.found() == before
    assert "thresholds or columns have changed" in followed.report.notes[0]


def test_a_status_that_was_wiped_is_told_again(followed):
    train(followed, 20)
    spike(followed, 20.5, 1210)
    followed.run(START + 21 * STEP)
    before = (followed.found(), followed.report.counts)
    followed.api.detection = followed.api.training_run = None
    followed.run(START + 21 * STEP)
    assert (followed.found(), followed.report.counts) == before
    assert followed.report.notes == ("the status of this run was lost; the log was read again",)


def test_a_snapshot_that_fails_is_a_note(followed, monkeypatch):
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(snapshots, "take", broken)
    train(followed, 20)
    spike(followed, 20.5, 1210)
    followed.run(START + 21 * STEP)
    assert followed.detection.run.outcome is RunOutcome.SUCCEEDED
    assert followed.report.notes == ("a snapshot could not be taken; the pod's log says why",)


def test_a_snapshot_and_its_checkpoint_are_named_in_evidence_and_report(tmp_path):
    plan = SnapshotPlan(checkpoints="checkpoints/checkpoint-{step}")
    followed = FollowedRun(tmp_path, snapshots=plan)
    for step in (500, 1000, 1500):
        folder = tmp_path / "run" / "checkpoints" / f"checkpoint-{step}"
        folder.mkdir(parents=True)
        (folder / "model.bin").write_bytes(b"weights")
        os.utime(folder / "model.bin", (START, START))
        os.utime(folder, (START, START))
    train(followed, 20)
    spike(followed, 20.5, 1210, loss=float("nan"))
    followed.run(START + 21 * STEP)
    evidence = followed.detection.anomaly.training_run
    assert evidence.checkpoint == Checkpoint(1000, "checkpoints/checkpoint-1000")
    assert (tmp_path / "run" / evidence.snapshot / "metadata.json").exists()
    assert followed.report.checkpoint == evidence.checkpoint
    assert followed.report.snapshot == evidence.snapshot
    assert followed.report.conclusion == (
        "Stop: loss_nan at step 1210. Then go back to step 1000 (checkpoints/checkpoint-1000)."
    )
    assert evidence.conclusion == followed.report.conclusion


@pytest.mark.parametrize(
    ("policy", "shown"),
    [
        (ExamplePolicy.KEEP, ["secret prompt", "4", "5"]),
        (ExamplePolicy.REDACT, ["(13 characters)", "(1 characters)", "(1 characters)"]),
        (ExamplePolicy.OMIT, None),
    ],
)
def test_examples_are_as_the_policy_wants_them_wherever_they_go(tmp_path, policy, shown):
    followed = FollowedRun(tmp_path, examples=policy)
    train(followed, 20)
    spike(followed, 20.5, 1210, loss=0.1, learning_rate=1e-4, prompt="secret prompt",
          golden_answer="4", model_answer="5")  # fmt: skip
    followed.run(START + 21 * STEP)
    examples = followed.detection.anomaly.training_run.examples
    texts = [[one.prompt, one.golden_answer, one.model_answer] for one in examples]
    assert texts == ([shown] if shown else [])
    written = [path.read_text() for path in tmp_path.rglob("*.json")]
    assert len(written) == 2
    assert any("secret prompt" in text for text in written) == (policy is ExamplePolicy.KEEP)


def test_a_conflict_is_tried_again_and_a_faster_run_wins(followed):
    train(followed, 20)

    def touched() -> None:
        followed.api.version += 1

    followed.api.meanwhile = [touched]
    followed.run(START + 20 * STEP)
    assert followed.api.writes == 1

    def faster() -> None:
        followed.run(START + 22 * STEP)

    followed.api.meanwhile = [faster]
    followed.run(START + 21 * STEP)
    assert followed.detection.scored_through == iso(START + 22 * STEP)
    assert followed.api.writes == 2


def test_a_busy_interval_is_read_on_by_the_next_run_and_nothing_is_lost(followed):
    train(followed, 20)
    followed.run(START + 20 * STEP)
    for at in range(2500):
        time = START + 20 * STEP + at / 20
        loss = 4.0 if at == 2400 else 2.0
        followed.log.write(time, step=2000 + at, loss=loss, time=time)
    followed.budget = 1
    rows = []
    for minute in (23, 24, 25):
        followed.run(START + minute * STEP)
        rows.append((followed.report.rows, followed.detection.scored_through))
    # The window in which reading stopped is told; what is left of it goes into the next one.
    assert rows == [
        (1120, iso(START + 21 * STEP)),
        (2120, iso(START + 22 * STEP)),
        (2620, iso(START + 25 * STEP)),
    ]
    assert list(followed.found()) == [iso(START + 23 * STEP)]


def test_a_lost_state_that_takes_several_runs_to_restore_takes_nothing_back(followed):
    train(followed, 300, rows=10)
    followed.run(START + 300 * STEP)
    before = followed.report
    followed.state_file.unlink()
    followed.budget = 1
    for run in range(1, 3):
        followed.run(START + 300 * STEP + run * STEP)
        assert followed.report == before
    followed.budget = None
    spike(followed, 302.5, 30_010)
    followed.run(START + 303 * STEP)
    assert followed.report.rows == 3001
    assert list(followed.found()) == [iso(START + 303 * STEP)]


def test_whatever_a_log_holds_fits_into_what_the_api_takes(followed):
    train(followed, 20)
    half, long = "\ud800", 5000 * "\u00e4\n"
    for at, loss in enumerate((1e99, -1e99, 1e-99, float("inf"), float("nan"), 2.0)):
        more = {
            half: 1.0,
            100 * "\x00": 9.0,
            "prompt": long + half,
            "golden_answer": long,
            "model_answer": half,
        }
        spike(followed, 20 + at / 10, 1210 + at, loss=loss, learning_rate=1e99, **more)
    followed.log.write(START + 20.8 * STEP, **{long: "x"})
    followed.run(START + 21 * STEP)
    followed.run(START + 22 * STEP)
    assert followed.report.rows == 126
    assert followed.report.notes == ()
    assert max(len(text) for text in texts(followed.api.training_run)) <= 300
    assert max(len(text) for text in texts(followed.api.detection)) <= 1024
    figures = ("loss", "learningRate", "accuracy", "bestLoss", "rate")
    assert all(len(followed.api.training_run[name]) <= 32 for name in figures)
    assert len(json.dumps(shown_detection(followed.api.detection))) < 32 * 1024


def texts(document: object) -> list[str]:
    if isinstance(document, dict):
        return [text for one in document.values() for text in texts(one)]
    if isinstance(document, list):
        return [text for one in document for text in texts(one)]
    return [document] if isinstance(document, str) else []
