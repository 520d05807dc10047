"""Trials of all people: so many at a time, a short queue, one for each person.

A run lives while somebody asks for it: a page that goes away asks no more, and its run is ended.
What nobody waits for on a page (the usual range of a chart) gives way to what somebody does.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from anomaly_dashboard.explore.draft import Draft
from anomaly_dashboard.explore.job import Job
from anomaly_dashboard.explore.process import (
    LIMITS,
    Limits,
    Progress,
    TrialFailedError,
    carried_out,
)
from anomaly_dashboard.explore.tried import Tried

MAX_QUEUED = 8
IDLE_SECONDS = 75.0
"""A page asks every second and says when it is left; one that has done neither for so long is gone.
Browsers let a page that is hidden ask once a minute."""
TICK_SECONDS = 2.0
KEPT_SECONDS = 900.0
"""A result stays so long after it was last asked for."""
MAX_KEPT = 8
"""Results with their recordings, of at most 16 MB each."""
Say = Callable[[str], None]
Prepare = Callable[[Say], Awaitable[Job]]
Carry = Callable[[Job, Path | None, Limits, Progress], Awaitable[tuple[Tried, ...]]]


class BusyError(Exception):
    """There is no room for another trial. The message says what to do."""


class State(StrEnum):
    WAITING = "Waiting"
    READING = "Reading"
    TRYING = "Trying"
    DONE = "Done"
    FAILED = "Failed"
    CANCELLED = "Cancelled"

    @property
    def over(self) -> bool:
        return self in {State.DONE, State.FAILED, State.CANCELLED}


@dataclass(frozen=True, slots=True)
class Trial:
    """`old` None: there is nothing to compare with. `refit` as in `Job`."""

    old: Draft | None
    new: Draft
    days: int
    refit: int


@dataclass(slots=True, eq=False)
class Run:
    """One trial. `said`: what it is doing, or why it failed; `heard`: when somebody last asked for
    it, by the clock of `Runs`; `watched`: whether it ends when nobody asks; `trial`: what a person
    asked to try."""

    id: str
    owner: str
    prepare: Prepare
    watched: bool
    heard: float
    trial: Trial | None = None
    state: State = State.WAITING
    said: str = ""
    done: int = 0
    total: int = 0
    job: Job | None = None
    result: tuple[Tried, ...] = ()
    finished: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None


class Runs:
    """One for the process; of one event loop."""

    def __init__(
        self,
        workers: int,
        settings: Path | None = None,
        limits: Limits = LIMITS,
        *,
        carry: Carry = carried_out,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._workers, self._settings, self._limits = workers, settings, limits
        self._carry, self._clock = carry, clock
        self._runs: dict[str, Run] = {}
        self._active: set[asyncio.Task[None]] = set()
        self._ticking = False

    def start(
        self, owner: str, prepare: Prepare, *, watched: bool = True, trial: Trial | None = None
    ) -> Run:
        """A run of `owner`, in the place of one that they have. Raises BusyError."""
        for other in self._of(owner):
            self.cancel(other)
        self.sweep()
        # Charts that would like a range keep no person out.
        rivals = [run for run in self._queue() if run.watched or not watched]
        waiting = len(rivals)
        if waiting >= MAX_QUEUED:
            raise BusyError(
                f"{waiting} trials are waiting already; try again when one of them has ended"
            )
        run = Run(secrets.token_urlsafe(16), owner, prepare, watched, self._clock(), trial)
        self._runs[run.id] = run
        self._next()
        return run

    def find(self, run_id: str, owner: str) -> Run | None:
        """The run if it is theirs, and a sign that somebody still waits for it."""
        self.sweep()
        run = self._runs.get(run_id)
        if run is None or run.owner != owner:
            return None
        run.heard = self._clock()
        return run

    def place(self, run: Run) -> int:
        """How many runs come before it."""
        queue = self._queue()
        return queue.index(run) if run in queue else 0

    def cancel(self, run: Run) -> None:
        """End it now, and its worker with it."""
        self._runs.pop(run.id, None)
        if run.state.over:
            return
        self._over(run, State.CANCELLED, "cancelled")
        if run.task is not None:
            run.task.cancel()

    def sweep(self) -> None:
        """End what nobody asks for any more, and forget old results."""
        now = self._clock()
        for run in list(self._runs.values()):
            idle = now - run.heard
            if idle > (KEPT_SECONDS if run.state.over else IDLE_SECONDS) and run.watched:
                self.cancel(run)
        over = [run for run in self._runs.values() if run.state.over]
        for run in sorted(over, key=lambda one: one.heard)[: max(len(over) - MAX_KEPT, 0)]:
            self.cancel(run)
        self._next()

    async def close(self) -> None:
        """End all runs, and return when no worker is left."""
        tasks = list(self._active)
        for run in list(self._runs.values()):
            self.cancel(run)
        await asyncio.gather(*tasks, return_exceptions=True)

    def _of(self, owner: str) -> list[Run]:
        return [run for run in self._runs.values() if run.owner == owner]

    def _queue(self) -> list[Run]:
        """Those that wait, in the order in which they start: what a person waits for first."""
        waiting = [run for run in self._runs.values() if run.state is State.WAITING]
        return sorted(waiting, key=lambda run: not run.watched)

    def _next(self) -> None:
        loop = asyncio.get_running_loop()
        # A cancelled run has its place until its worker is gone.
        for run in self._queue()[: max(self._workers - len(self._active), 0)]:
            run.state = State.READING
            run.task = loop.create_task(self._carried(run))
            self._active.add(run.task)
            run.task.add_done_callback(self._ended)
        if not self._ticking and any(not run.state.over for run in self._runs.values()):
            self._ticking = True
            loop.call_later(TICK_SECONDS, self._tick)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._active.discard(task)
        self._next()

    def _tick(self) -> None:
        """Somebody must notice when nobody asks."""
        self._ticking = False
        self.sweep()

    async def _carried(self, run: Run) -> None:
        try:
            run.job = await run.prepare(lambda text: _say(run, text))
            run.state, run.said = State.TRYING, ""
            run.result = await self._carry(
                run.job, self._settings, self._limits, lambda done, of: _count(run, done, of)
            )
            self._over(run, State.DONE, "")
        except asyncio.CancelledError:
            self._over(run, State.CANCELLED, "cancelled")
        except TrialFailedError as error:
            self._over(run, State.FAILED, str(error))
        except Exception as error:  # noqa: BLE001 - whoever waits is told, whatever it is
            self._over(run, State.FAILED, f"the trial could not be carried out: {error}")

    def _over(self, run: Run, state: State, said: str) -> None:
        if not run.state.over:
            run.state, run.said, run.heard = state, said, self._clock()
        run.finished.set()


def _say(run: Run, text: str) -> None:
    run.said = text


def _count(run: Run, done: int, total: int) -> None:
    run.done, run.total = done, total
