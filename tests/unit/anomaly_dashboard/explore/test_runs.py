"""Who may try how much, and what ends a trial."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from anomaly_dashboard.explore.job import Job
from anomaly_dashboard.explore.process import Limits, Progress, TrialFailedError
from anomaly_dashboard.explore.runs import (
    IDLE_SECONDS,
    MAX_QUEUED,
    BusyError,
    Prepare,
    Run,
    Runs,
    Say,
    State,
)
from anomaly_dashboard.explore.tried import Tried

JOB = Job((), 0, 0)


class Workers:
    """In place of processes: each job runs until it is let go."""

    def __init__(self) -> None:
        self.now = 0.0
        self.running: list[asyncio.Event] = []
        self.killed = 0
        self.fails = False

    def clock(self) -> float:
        return self.now

    async def carry(
        self, job: Job, _: Path | None, __: Limits, on_progress: Progress
    ) -> tuple[Tried, ...]:
        door = asyncio.Event()
        self.running.append(door)
        on_progress(1, 2)
        try:
            await door.wait()
        except asyncio.CancelledError:
            self.killed += 1
            raise
        if self.fails:
            raise TrialFailedError("the trial was ended by signal 9")
        return ()


async def ready(_: Say) -> Job:
    return JOB


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def runs(workers: Workers, count: int = 1) -> Runs:
    return Runs(count, carry=workers.carry, clock=workers.clock)


async def test_a_run_goes_from_waiting_to_done_and_is_its_owners_alone() -> None:
    workers = Workers()
    all_ = runs(workers)
    run = all_.start("ann", ready)
    await settled()
    assert run.state is State.TRYING
    assert (run.done, run.total) == (1, 2)
    assert all_.find(run.id, "ben") is None
    assert all_.find(run.id, "ann") is run
    workers.running[0].set()
    await run.finished.wait()
    assert run.state is State.DONE
    await all_.close()


async def test_a_new_run_takes_the_place_of_ones_own() -> None:
    workers = Workers()
    all_ = runs(workers)
    first = all_.start("ann", ready)
    await settled()
    second = all_.start("ann", ready)
    await settled()
    assert first.state is State.CANCELLED
    assert workers.killed == 1
    assert all_.find(first.id, "ann") is None
    assert second.state is State.TRYING
    await all_.close()


async def test_so_many_at_a_time_the_rest_in_a_queue_and_then_no_more() -> None:
    workers = Workers()
    all_ = runs(workers, 2)
    started = [all_.start(f"p{number}", ready) for number in range(2 + MAX_QUEUED)]
    await settled()
    assert len(workers.running) == 2
    assert [run.state for run in started[2:]] == [State.WAITING] * MAX_QUEUED
    assert all_.place(started[4]) == 2
    with pytest.raises(BusyError, match="8 trials are waiting"):
        all_.start("late", ready)
    workers.running[0].set()
    await started[0].finished.wait()
    await settled()
    assert started[2].state is State.TRYING
    await all_.close()
    assert all(run.state.over for run in started)


async def test_a_page_that_asks_no_more_ends_its_run() -> None:
    workers = Workers()
    all_ = runs(workers)
    gone, waited = all_.start("ann", ready), all_.start("ben", ready)
    await settled()
    workers.now = IDLE_SECONDS - 1
    assert all_.find(waited.id, "ben") is waited
    workers.now = IDLE_SECONDS + 1
    all_.sweep()
    await settled()
    assert gone.state is State.CANCELLED
    assert workers.killed == 1
    assert waited.state is State.TRYING
    await all_.close()


async def test_what_a_person_waits_for_comes_before_what_a_chart_would_like() -> None:
    workers = Workers()
    all_ = runs(workers)
    all_.start("busy", ready)
    chart = all_.start("usual", ready, watched=False)
    person = all_.start("ann", ready)
    assert all_.place(person) == 0
    assert all_.place(chart) == 1
    workers.now = 10 * IDLE_SECONDS
    all_.find(person.id, "ann")
    all_.sweep()
    assert not chart.state.over
    await all_.close()


async def test_charts_keep_no_person_out_of_the_queue() -> None:
    workers = Workers()
    all_ = runs(workers)
    all_.start("busy", ready)
    for number in range(MAX_QUEUED):
        all_.start(f"usual {number}", ready, watched=False)
    with pytest.raises(BusyError):
        all_.start("one more usual", ready, watched=False)
    assert all_.place(all_.start("ann", ready)) == 0
    await all_.close()


async def test_the_place_of_a_cancelled_run_is_free_once_its_worker_is_gone() -> None:
    workers, let_go = Workers(), asyncio.Event()

    async def stubborn(_: Job, __: Path | None, ___: Limits, ____: Progress) -> tuple[Tried, ...]:
        try:
            await asyncio.Event().wait()
        finally:
            await let_go.wait()
        return ()

    all_ = Runs(1, carry=stubborn, clock=workers.clock)
    first = all_.start("ann", ready)
    await settled()
    all_.cancel(first)
    second = all_.start("ben", ready)
    await settled()
    assert second.state is State.WAITING
    let_go.set()
    await settled()
    assert second.state is State.TRYING
    await all_.close()


@pytest.mark.parametrize("where", ["reading", "trying"])
async def test_a_failure_is_said(where: str) -> None:
    workers = Workers()
    workers.fails = True
    all_ = runs(workers)

    async def refuses(say: Say) -> Job:
        say("reading latency")
        raise TrialFailedError("metric latency: the source answers 404")

    prepare: Prepare = refuses if where == "reading" else ready
    run: Run = all_.start("ann", prepare)
    await settled()
    if where == "trying":
        workers.running[0].set()
    await run.finished.wait()
    assert run.state is State.FAILED
    assert run.said.endswith("404" if where == "reading" else "signal 9")
    await all_.close()
