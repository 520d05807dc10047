"""The bounded memory of triggers: what is folded, counted, and what stands."""

from __future__ import annotations

import pytest

from detector_runtime.contract.training_run import (
    MAX_EVIDENCE_TRIGGERS,
    MAX_KINDS,
    MAX_TIMELINE,
    Checkpoint,
    RunTrigger,
)
from detector_runtime.following.conclusion import conclude
from detector_runtime.following.standing import Standing
from detector_runtime.following.timeline import Timeline
from detector_runtime.training_run.best import Best

CHECKPOINT = Checkpoint(900, "checkpoints/900")
BEST = Best(loss=0.62, step=800)


def trigger(step: int, tier: str = "Warning", action: str = "Investigate") -> RunTrigger:
    return RunTrigger(step, f"loss_spike_{step}pct", tier, action, message="it rose")


def test_the_oldest_of_the_minor_ones_are_folded_first():
    timeline = Timeline()
    for step in range(10):
        timeline.add(trigger(step), "loss_spike")
    for step in range(10, 100):
        timeline.add(trigger(step, "Normal", "Monitor"), "loss_zscore")
    assert len(timeline.entries) == MAX_TIMELINE
    assert [one.step for one in timeline.entries[:11]] == [*range(10), 70]
    assert (timeline.triggers, timeline.earlier) == (100, 60)


def test_the_worst_and_the_newest_are_never_lost():
    timeline = Timeline()
    timeline.add(trigger(0, "Critical", "Stop"), "loss_nan")
    for step in range(1, 200):
        timeline.add(trigger(step), "loss_spike")
    steps = [one.step for one in timeline.entries]
    assert steps == [0, *range(200 - MAX_TIMELINE + 1, 200)]


def test_kinds_beyond_the_bound_count_as_other():
    timeline = Timeline()
    for at in range(MAX_KINDS + 5):
        timeline.add(trigger(at), f"metric_{at}_zscore")
    counts = timeline.by_kind()
    assert len(counts) == MAX_KINDS
    assert (counts[0].kind, counts[0].count) == ("other", 6)


def test_what_stands_is_undone_by_a_resume_and_by_a_better_loss():
    standing = Standing()
    for step in (100, 200, 300):
        standing.add(trigger(step))
    standing.add(trigger(400, "Normal", "Monitor"))
    standing.resumed(250)
    assert [one.step for one in standing.triggers] == [100, 200]
    standing.improved(200)
    assert [one.step for one in standing.triggers] == [200]


def test_only_what_asks_to_stop_or_to_go_back_stands_longer_than_a_cooldown():
    standing = Standing()
    standing.add(trigger(100, "Critical", "Stop"))
    standing.add(trigger(100))
    assert [one.action for one in standing.at(599, 500)] == ["Stop", "Investigate"]
    assert [one.action for one in standing.at(600, 500)] == ["Stop"]


def test_of_too_many_that_stand_the_oldest_of_the_mildest_is_forgotten():
    standing = Standing()
    standing.add(trigger(1, "Critical", "Stop"))
    for step in range(2, 40):
        standing.add(trigger(step))
    steps = [one.step for one in standing.triggers]
    assert steps == [1, *range(40 - MAX_EVIDENCE_TRIGGERS + 1, 40)]


@pytest.mark.parametrize(
    ("triggers", "checkpoint", "sentence"),
    [
        ([], None, "Go on: no trigger above Normal stands; the best loss is 0.62 at step 800."),
        ([trigger(950)], CHECKPOINT, "Go on, and look at loss_spike_950pct at step 950."),
        (
            [trigger(950, "Critical")],
            CHECKPOINT,
            "Go on only after a look at loss_spike_950pct at step 950.",
        ),
        (
            [trigger(940, "Critical"), trigger(950, "Warning", "RollBack")],
            CHECKPOINT,
            "Go back to step 900 (checkpoints/900): loss_spike_950pct at step 950.",
        ),
        (
            [trigger(950, "Critical", "RollBack"), trigger(960, "Critical", "Stop")],
            None,
            "Stop: loss_spike_960pct at step 960. Then go back to the last good checkpoint.",
        ),
    ],
)
def test_the_conclusion_begins_with_what_to_do(triggers, checkpoint, sentence):
    assert conclude(triggers, checkpoint, BEST).sentence == sentence
