"""The reading part of a run that follows a training: state and log in; windows, a report and the
next state out. It writes to the run's volumes alone, and nothing that a second run could not write
again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from detector_runtime.commands.follow_claim import Claim
from detector_runtime.commands.span import Scored, Span
from detector_runtime.contract.run_config import RunConfig
from detector_runtime.contract.training_run import (
    RunState,
    TrainingRunReport,
    TrainingRunSpec,
)
from detector_runtime.contract.vocabulary import RunOutcome
from detector_runtime.errors import RunError
from detector_runtime.following import due, memory, state_file
from detector_runtime.following.advance import Advanced, advance
from detector_runtime.following.followed import Followed, Judging
from detector_runtime.following.progress import Sight, state_of
from detector_runtime.following.report import About, run_report, with_notes
from detector_runtime.following.windows import Quiet, reports
from detector_runtime.log import log
from detector_runtime.run_log.source import Position, RowSource
from detector_runtime.run_log.trainer import TrainerReading, TrainerState

LOST = "the state of this run was lost; the log was read again"
OTHER_LOG = "this is another log than before"
STATUS_LOST = "the status of this run was lost; the log was read again"
UNFINISHED = "the log is longer than one run can read; the next run goes on"


@dataclass(frozen=True, slots=True)
class Job:
    """What a run is to do, at `now` (unix seconds). `claim`: where the log's claim is mounted, None
    where the rows come from a service; `state`: the folder that keeps the state; `more`: whether
    there is time to read on."""

    config: RunConfig
    run: TrainingRunSpec
    judging: Judging
    claim: Path | None
    state: Path
    now: float
    more: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Sources:
    """How a run gets at its rows, and at what is known of the trainer."""

    rows: Callable[[], RowSource]
    trainer: Callable[[RowSource], TrainerReading]


@dataclass(frozen=True, slots=True)
class Turn:
    """What one run found. `scored` None: no window is due; `report` None: the status knows more
    than has been read so far. `prepared` None: the state is as it was, or could not be kept, for
    `failure`."""

    scored: Scored | None
    report: TrainingRunReport | None
    prepared: state_file.Prepared | None
    failure: RunError | None = None


@dataclass(frozen=True, slots=True)
class _Read:
    """What was read, and what the trainer's object says."""

    followed: Followed
    result: Advanced
    trainer: TrainerReading
    state: RunState


@dataclass(frozen=True, slots=True)
class _Start:
    """What a run begins with; `told` is of the same log. `data`: the state as it was kept."""

    followed: Followed
    told: due.Told
    position: Position | None = None
    note: str = ""
    data: bytes | None = None


def take_turn(job: Job, told: due.Told, until: int, sources: Sources) -> Turn:
    """Read what is due before `until` (unix seconds). RunError where the log cannot be read."""
    owner = memory.belonging(job.config, job.run)
    start = _start(job.state, owner, told)
    followed, told = start.followed, start.told
    followed.snapshots, followed.snapshot = start.told.snapshots, start.told.snapshot
    source = sources.rows()
    span = due.span(told, until, job.judging.step)
    rows = source.read(start.position, until)
    result = advance(followed, rows, span, job.judging, job.more)
    scored = report = None
    if result.told:
        trainer = sources.trainer(source)
        before = None if result.history else told.state
        sight = Sight(trainer.state, before, result.came > 0, until)
        state = _state(job, followed, result, sight)
        read = _Read(followed, result, trainer, state)
        claim = Claim(job.run.snapshots, job.claim, job.now)
        ends = due.ends(told, span, result, state, job.judging.step)
        scored = _scored(job, read, claim, ends) if ends else None
        since = told.since if told.state is state and told.since else until
        # Of a run that stands still nothing is written anew because a note has had its day.
        old = told.notes if not result.came and told.state is state else ()
        notes = (
            *old,
            start.note,
            "" if result.whole else UNFINISHED,
            *source.notes(),
            trainer.note,
        )
        report = _report(job, read, claim, since, notes)
    data = memory.dump(memory.Kept(followed, source.position()), owner)
    if data == start.data:
        return Turn(scored, report, None)
    try:
        return Turn(scored, report, state_file.prepare(job.state, data, job.now))
    except RunError as error:
        return Turn(scored, report, None, error)


def _start(folder: Path, owner: memory.Belonging, told: due.Told) -> _Start:
    data = state_file.read(folder)
    if data is None:
        return _Start(Followed(), told, note=LOST if told.rows else "")
    try:
        kept = memory.load(data, owner)
    except memory.OtherLogError:
        return _Start(Followed(), replace(told, rows=0, state=None, notes=()), note=OTHER_LOG)
    except memory.StateRefusedError as error:
        log("warning", "the state is not used", reason=str(error))
        note = f"the state of this run was not used, as {error}; the log was read again"
        return _Start(Followed(), told, note=note)
    if kept.followed.rows > told.rows:
        return _Start(Followed(), replace(told, rows=0), note=STATUS_LOST)
    return _Start(kept.followed, told, kept.position, data=data)


def _state(job: Job, followed: Followed, result: Advanced, sight: Sight) -> RunState:
    if not result.whole:
        return RunState.RUNNING
    return state_of(followed.pace, job.judging.patience, job.run.total_steps, sight)


def _scored(job: Job, read: _Read, claim: Claim, ends: range) -> Scored:
    followed = read.followed
    quiet = Quiet(
        read.result.last,
        followed.pace.patience(job.judging.patience),
        expected=read.trainer.state is not TrainerState.SUSPENDED,
    )
    made = reports(read.result.windows, ends, quiet, lambda rows: claim.evidence(rows, followed))
    span = Span(ends[0] - ends.step, ends[-1], ends.step)
    if followed.rows:
        return Scored(span, made, RunOutcome.SUCCEEDED)
    return Scored(span, made, RunOutcome.NO_DATA, _no_row(job, followed))


def _no_row(job: Job, followed: Followed) -> str:
    log_file = job.run.log
    what = f"log {log_file.path!r}" if log_file is not None else "the source of the training run"
    if followed.bad_lines:
        return (
            f"{what} has no row that can be used ({followed.bad_line}); every row needs a step, "
            "name its columns in spec.trainingRun.log.columns"
        )
    return f"{what} has no row yet; check that the trainer runs and writes there"


def _report(
    job: Job, read: _Read, claim: Claim, since: int, notes: tuple[str, ...]
) -> TrainingRunReport:
    cooldown = job.judging.thresholds.cooldown_steps
    about = About(read.state, since, job.run.total_steps, cooldown)
    report = run_report(read.followed, about, claim.checkpoint_below)
    # Only now, as looking for a checkpoint may have added to them.
    return with_notes(report, (*notes, *claim.notes))
