"""Answers are kept within bounds, and one question is asked once."""

from __future__ import annotations

import asyncio

import pytest

from anomaly_dashboard.series.kept import Kept


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def kept(clock: Clock, max_bytes: int = 100) -> Kept[str]:
    return Kept(60.0, max_bytes, len, clock)


async def test_equal_questions_at_one_time_are_asked_once() -> None:
    answers, count, door = kept(Clock()), 0, asyncio.Event()

    async def question() -> str:
        nonlocal count
        count += 1
        await door.wait()
        return "answer"

    both = asyncio.gather(answers.ask("a", question), answers.ask("a", question))
    await asyncio.sleep(0)
    door.set()
    assert await both == ["answer", "answer"]
    assert await answers.ask("a", question) == "answer"
    assert count == 1


async def test_an_answer_ages_and_a_failure_is_not_kept() -> None:
    clock = Clock()
    answers = kept(clock)
    answers.put("a", "old")
    clock.now = 60.0
    assert answers.get("a") is None
    assert answers.bytes == 0

    async def fails() -> str:
        raise ValueError("no answer")

    async def works() -> str:
        return "answer"

    with pytest.raises(ValueError, match="no answer"):
        await answers.ask("a", fails)
    assert await answers.ask("a", works) == "answer"


async def test_a_caller_who_leaves_ends_nothing_that_another_waits_for() -> None:
    answers, door = kept(Clock()), asyncio.Event()

    async def question() -> str:
        await door.wait()
        return "answer"

    first = asyncio.ensure_future(answers.ask("a", question))
    second = asyncio.ensure_future(answers.ask("a", question))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    door.set()
    assert await second == "answer"


def test_the_bound_of_bytes_drops_what_was_not_used_for_longest() -> None:
    answers = kept(Clock(), 10)
    answers.put("a", "aaaa")
    answers.put("b", "bbbb")
    assert answers.get("a") == "aaaa"
    answers.put("c", "cccc")
    assert (answers.get("a"), answers.get("b"), answers.get("c")) == ("aaaa", None, "cccc")
    answers.put("d", "d" * 11)
    assert answers.get("d") is None
    assert answers.bytes == 8
