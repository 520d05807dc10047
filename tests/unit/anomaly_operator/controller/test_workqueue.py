"""The work queue: each key once, the urgent first, the failing later and later."""

from __future__ import annotations

import asyncio
from operator import itemgetter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaly_operator.controller.workqueue import MAX_DELAY, Priority, WorkQueue, backoff


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(clock: Clock) -> WorkQueue[str]:
    return WorkQueue(clock, jitter=lambda: 0.0)


def keys(queue: WorkQueue[str]) -> list[str]:
    found = []
    while (taken := queue.take()) is not None:
        found.append(taken.key)
        queue.done(taken.key)
    return found


def test_a_key_added_twice_is_taken_once(queue: WorkQueue[str]) -> None:
    queue.add("a")
    queue.add("a")
    assert keys(queue) == ["a"]


def test_keys_come_in_the_order_of_their_arrival(queue: WorkQueue[str]) -> None:
    for key in "cab":
        queue.add(key)
    assert keys(queue) == ["c", "a", "b"]


def test_detections_overtake_changes_and_those_resyncs(queue: WorkQueue[str]) -> None:
    queue.add("resync", priority=Priority.RESYNC)
    queue.add("change")
    queue.add("detection", priority=Priority.DETECTION)
    assert keys(queue) == ["detection", "change", "resync"]


def test_a_more_urgent_wish_for_a_waiting_key_counts(queue: WorkQueue[str]) -> None:
    queue.add("a", priority=Priority.RESYNC)
    queue.add("b")
    queue.add("a", priority=Priority.DETECTION)
    assert keys(queue) == ["a", "b"]


def test_a_delayed_key_comes_when_it_is_due(queue: WorkQueue[str], clock: Clock) -> None:
    queue.add("a", delay=5)
    assert queue.take() is None
    assert queue.next_due() == 5
    clock.now += 5
    assert keys(queue) == ["a"]


def test_an_earlier_wish_replaces_a_later_one_and_not_the_other_way(
    queue: WorkQueue[str], clock: Clock
) -> None:
    queue.add("a", delay=50)
    queue.add("a", delay=5)
    queue.add("a", delay=500)
    clock.now += 5
    assert keys(queue) == ["a"]
    clock.now += 1000
    assert keys(queue) == []


def test_a_key_added_while_it_is_worked_on_comes_again_afterwards(queue: WorkQueue[str]) -> None:
    queue.add("a")
    assert queue.take() is not None
    queue.add("a")
    assert queue.take() is None
    queue.done("a")
    assert keys(queue) == ["a"]


def test_a_wish_of_a_running_key_keeps_its_delay(queue: WorkQueue[str], clock: Clock) -> None:
    queue.add("a")
    queue.take()
    queue.add("a", delay=30)
    queue.done("a")
    assert queue.take() is None
    clock.now += 30
    assert keys(queue) == ["a"]


def test_failures_wait_longer_each_time_up_to_five_minutes(queue: WorkQueue[str]) -> None:
    delays = [queue.retry("a") for _ in range(12)]
    assert delays[:5] == [1, 2, 4, 8, 16]
    assert delays[-1] == MAX_DELAY


def test_success_resets_the_back_off(queue: WorkQueue[str]) -> None:
    queue.retry("a")
    queue.retry("a")
    queue.forget("a")
    assert queue.retry("a") == 1


def test_the_servers_pause_is_the_least_delay(queue: WorkQueue[str]) -> None:
    assert queue.retry("a", at_least=20) == 20


def test_jitter_adds_up_to_a_half() -> None:
    assert backoff(1, 0.0) == 1
    assert backoff(1, 0.999) == pytest.approx(1.5, abs=0.01)


def test_the_time_waited_is_counted_from_when_it_was_due(
    queue: WorkQueue[str], clock: Clock
) -> None:
    queue.add("a", delay=5)
    clock.now += 8
    taken = queue.take()
    assert taken is not None
    assert taken.waited == 3


def test_superseded_wishes_do_not_pile_up(queue: WorkQueue[str], clock: Clock) -> None:
    for _ in range(10_000):
        queue.add("a", delay=36_000)
        queue.add("a")
        keys(queue)
    queue.add("a", delay=36_000)
    assert len(queue._delayed) < 100


async def test_waiting_workers_get_each_key_once() -> None:
    queue: WorkQueue[int] = WorkQueue(asyncio.get_running_loop().time)
    seen: list[int] = []

    async def worker() -> None:
        while True:
            taken = await queue.get()
            seen.append(taken.key)
            await asyncio.sleep(0)
            queue.done(taken.key)
            if len(seen) == 50:
                finished.set()

    finished = asyncio.Event()
    workers = [asyncio.create_task(worker()) for _ in range(8)]
    for key in range(50):
        queue.add(key, delay=0.001 * (key % 5))
    async with asyncio.timeout(10):
        await finished.wait()
    for task in workers:
        task.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
    assert sorted(seen) == list(range(50))


operations = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sampled_from("abc"), st.integers(0, 20)),
        st.tuples(st.just("take"), st.just(""), st.just(0)),
        st.tuples(st.just("done"), st.just(""), st.just(0)),
        st.tuples(st.just("retry"), st.sampled_from("abc"), st.just(0)),
        st.tuples(st.just("pass"), st.just(""), st.integers(1, 30)),
    ),
    max_size=60,
)


@given(operations)
def test_no_wish_is_lost_and_no_key_runs_twice_at_once(steps: list[tuple[str, str, int]]) -> None:
    clock = Clock()
    queue: WorkQueue[str] = WorkQueue(clock, jitter=lambda: 0.0)
    running: list[str] = []
    wanted: set[str] = set()
    for verb, key, number in steps:
        if verb == "add":
            queue.add(key, delay=number)
            wanted.add(key)
        elif verb == "retry":
            queue.retry(key)
            wanted.add(key)
        elif verb == "pass":
            clock.now += number
        elif verb == "take" and (taken := queue.take()) is not None:
            assert taken.key not in running
            running.append(taken.key)
            wanted.discard(taken.key)
        elif verb == "done" and running:
            queue.done(running.pop())
    while running:
        queue.done(running.pop())
    clock.now += 10_000
    assert set(keys(queue)) == wanted


def test_namespaces_take_turns_and_each_has_its_own_order(clock: Clock) -> None:
    queue: WorkQueue[tuple[str, str]] = WorkQueue(clock, group=itemgetter(0))
    for number in range(3):
        queue.add(("noisy", f"{number}"), priority=Priority.DETECTION)
    queue.add(("quiet", "timer"), delay=5, priority=Priority.RESYNC)
    queue.add(("quiet", "event"), delay=5)
    clock.now += 5
    found = []
    while (taken := queue.take()) is not None:
        found.append(taken.key)
        queue.done(taken.key)
    assert found == [
        ("noisy", "0"), ("quiet", "event"), ("noisy", "1"), ("quiet", "timer"), ("noisy", "2")
    ]  # fmt: skip
