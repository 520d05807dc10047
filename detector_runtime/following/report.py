"""`.status.trainingRun` from what is known of a run.

Nothing in it changes while no row comes, but for the state itself: a run that is over is written
once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from detector_runtime.contract.text import iso
from detector_runtime.contract.training_run import (
    MAX_NOTES,
    Checkpoint,
    RunState,
    TrainingRunReport,
)
from detector_runtime.errors import one_line
from detector_runtime.following.conclusion import conclude
from detector_runtime.following.figures import figure
from detector_runtime.following.followed import Followed
from detector_runtime.following.told import MAX_TEXT

CheckpointBelow = Callable[[int], Checkpoint | None]
"""The checkpoint with the largest step below the given one."""


@dataclass(frozen=True, slots=True)
class About:
    """What the rows do not say: `since` when it is in `state`, unix seconds."""

    state: RunState
    since: int
    total_steps: int
    cooldown_steps: int


def run_report(
    followed: Followed, about: About, checkpoint_below: CheckpointBelow
) -> TrainingRunReport:
    """The whole of `.status.trainingRun`."""
    seen, recent, pace = followed.watch, followed.recent, followed.pace
    standing = followed.standing.at(seen.step, about.cooldown_steps)
    checkpoint = checkpoint_below(min((one.step for one in standing), default=seen.step + 1))
    conclusion = conclude(standing, checkpoint, seen.best)
    rate = pace.rate()
    end = pace.end(about.total_steps) if about.state is RunState.RUNNING else None
    return TrainingRunReport(
        state=about.state,
        since=iso(about.since),
        step=seen.step,
        total_steps=about.total_steps,
        rate="" if rate is None else figure(float(f"{3600 * rate:.4g}")),
        estimated_end="" if end is None else _moment(end),
        loss=_newest(recent.losses),
        learning_rate=_newest(recent.rates),
        accuracy=_newest(recent.accuracies),
        best_step=seen.best.step,
        best_loss=figure(seen.best.loss),
        checkpoint=checkpoint,
        last_row_at="" if pace.last is None else iso(pace.last),
        rows=followed.rows,
        bad_lines=followed.bad_lines,
        bad_line=followed.bad_line,
        resumes=seen.resumes,
        triggers=followed.timeline.triggers,
        counts=followed.timeline.by_kind(),
        timeline=tuple(followed.timeline.entries),
        earlier=followed.timeline.earlier,
        snapshots=followed.snapshots,
        snapshot=followed.snapshot,
        conclusion=conclusion.sentence,
        advice=conclusion.advice,
    )


def with_notes(report: TrainingRunReport, notes: Iterable[str]) -> TrainingRunReport:
    """`report` with what is odd, each once."""
    once = dict.fromkeys(one_line(note, MAX_TEXT) for note in notes if note)
    return replace(report, notes=tuple(once)[:MAX_NOTES])


def _newest(values: Iterable[float]) -> str:
    newest = list(values)[-1:]
    return figure(newest[0]) if newest else ""


def _moment(seconds: float) -> str:
    # Beyond the calendar: a run that will never end at this rate.
    return iso(seconds) if seconds < 253_402_300_800 else ""
