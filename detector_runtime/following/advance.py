"""What the log gained, row by row: the state after it, and the windows that its rows belong to.

The service's status says how many rows it has been told of. Rows up to there (a run that died
before it kept its state, a state that was lost) only bring the state up to date; what comes after
them is new. So a row is told once, however often it is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from detector_runtime.errors import one_line
from detector_runtime.following.evidence import z_scores
from detector_runtime.following.followed import Followed, Judging
from detector_runtime.following.told import told
from detector_runtime.following.windows import Windows, severity_of
from detector_runtime.run_log.source import BadLine
from detector_runtime.training_run import watch
from detector_runtime.training_run.rows import Row
from detector_runtime.training_run.trigger import Trigger

if TYPE_CHECKING:
    from detector_runtime.following.snapshots import Captured

MAX_BAD_LINE = 200
LOOK_EVERY = 500
"""Rows between two looks at the clock."""


@dataclass(frozen=True, slots=True)
class Span:
    """What is due: rows before `until`. `through`: end of the newest window told, None = none was;
    `first`: end of the window for rows without a time of their own. Unix seconds. `told_rows`: how
    many rows of the log the status knows."""

    until: int
    first: int
    through: int | None = None
    told_rows: int = 0


@dataclass(frozen=True, slots=True)
class Advanced:
    """`whole`: every row that was due has been read; `told`: rows are known up to where the status
    is, so `windows` are those of new rows. `history`: nobody has read the log to its end before.
    `came`: new rows; `last`: time of the newest row before these windows, unix seconds."""

    windows: Windows
    whole: bool
    told: bool
    history: bool
    came: int
    last: float | None


def advance(
    followed: Followed,
    rows: Iterable[Row | BadLine],
    span: Span,
    judging: Judging,
    more: Callable[[], bool],
) -> Advanced:
    """Take `rows` into `followed`, which changes. `more`: whether there is time for another one."""
    reading = _Reading(followed, span, judging)
    for count, one in enumerate(rows, start=1):
        if isinstance(one, BadLine):
            followed.bad_lines += 1
            followed.bad_line = one_line(f"{one.where}: {one.reason}", MAX_BAD_LINE)
        else:
            reading.row(one)
        if count % LOOK_EVERY == 0 and not more():
            return reading.end(whole=False)
    return reading.end(whole=True)


class _Reading:
    """One reading of what the log gained."""

    def __init__(self, followed: Followed, span: Span, judging: Judging) -> None:
        self._followed, self._span, self._judging = followed, span, judging
        self._told_rows = span.told_rows
        # Without a window told there is nothing that a window could tell twice.
        untold = span.through is None or followed.rows >= span.told_rows
        self._history = not followed.read_through and untold
        self._new = Windows(judging.step)
        self._doubtful = Windows(judging.step)
        self._before = followed.rows
        self._last = followed.pace.last

    def row(self, row: Row) -> None:
        followed, through = self._followed, self._span.through
        known = through is not None and followed.rows < self._told_rows
        arrived = through if known and through is not None else self._span.until
        at = row.time if row.time is not None else float(arrived)
        windows, end = self._doubtful if known else self._new, self._end(row.time, known)
        pace = followed.pace
        before = pace.last
        window = None
        if end is not None:
            window = windows.of(end, row.step, lambda: pace.patience(self._judging.patience))
        if not self._new.held:
            self._last = before
        found = _judged(followed, row, at, self._judging)
        if window is not None:
            window.row(row.step, at)
            window.triggers(found, at, lambda: self._captured(row, found, at))

    def end(self, whole: bool) -> Advanced:
        followed = self._followed
        followed.read_through = followed.read_through or whole
        told = followed.rows >= self._told_rows
        windows, before = self._new, max(self._told_rows, self._before)
        if whole and not told:
            # The log no longer holds what was told of it: what is not older than that is new.
            told, windows, before = True, self._doubtful, self._before
        elif not windows.held:
            self._last = followed.pace.last
        came = max(followed.rows - before, 0)
        return Advanced(windows, whole, told, self._history, came, self._last)

    def _end(self, time: float | None, known: bool) -> int | None:
        """End of the window of a row; None where it belongs to none."""
        span, step = self._span, self._judging.step
        through = span.through
        if time is not None and (through is None or time >= through):
            own = int(time // step) * step + step
            # Windows before the first one are no longer listed; what is new is told in it.
            return own if self._history or known else max(own, span.first)
        if known or (time is not None and self._history):
            return None
        return span.first

    def _captured(self, row: Row, found: tuple[Trigger, ...], at: float) -> Captured:
        from detector_runtime.following.snapshots import Captured  # noqa: PLC0415 - start-up time

        followed, judging = self._followed, self._judging
        best, recent = followed.watch.best, followed.recent
        above = [one for one in found if severity_of(one).rank]
        worst = max(above, key=lambda one: severity_of(one).rank)
        return Captured(
            step=row.step,
            at=at,
            triggers=tuple(told(one, at) for one in found),
            z_scores=z_scores(followed.watch, row, found, judging.thresholds),
            examples=tuple(recent.examples),
            loss_history=tuple(recent.losses),
            accuracy_history=tuple(recent.accuracies),
            learning_rate_history=tuple(recent.rates),
            best_loss=best.loss,
            best_step=best.step,
            reason=worst.message,
            config=judging.shown,
        )


def _judged(followed: Followed, row: Row, at: float, judging: Judging) -> tuple[Trigger, ...]:
    """The triggers of one more row, which are in the time line then."""
    resumes, best_step = followed.watch.resumes, followed.watch.best.step
    followed.watch, found = watch.step(followed.watch, row, judging.thresholds, judging.schedule)
    followed.rows += 1
    if followed.watch.resumes != resumes:
        followed.standing.resumed(row.step)
    if followed.watch.best.step != best_step:
        followed.standing.improved(followed.watch.best.step)
    followed.recent.add(row, followed.watch, judging.examples)
    followed.pace.row(at, row.step)
    for one in found:
        document = told(one, at)
        followed.timeline.add(document, one.kind)
        followed.standing.add(document)
    return found
