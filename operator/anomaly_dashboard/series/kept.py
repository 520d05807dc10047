"""Answers kept for a while within a bound of bytes; of equal questions at one time one is asked."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Kept(Generic[Value]):
    """`size` gives the bytes of an answer, `clock` seconds that only rise. A failure is not kept,
    and everybody who waited for it gets it."""

    def __init__(
        self,
        seconds: float,
        max_bytes: int,
        size: Callable[[Value], int],
        clock: Callable[[], float],
    ) -> None:
        self._seconds, self._max_bytes = seconds, max_bytes
        self._size, self._clock = size, clock
        self._found: OrderedDict[Hashable, tuple[float, int, Value]] = OrderedDict()
        self._asked: dict[Hashable, asyncio.Task[Value]] = {}
        self._bytes = 0

    @property
    def bytes(self) -> int:
        return self._bytes

    def get(self, key: Hashable) -> Value | None:
        """What is kept, None when nothing is or it is too old."""
        entry = self._found.get(key)
        if entry is None:
            return None
        if entry[0] <= self._clock():
            self._drop(key)
            return None
        self._found.move_to_end(key)
        return entry[2]

    def put(self, key: Hashable, value: Value) -> None:
        """Keep it; the answers not used for longest go. One above the bound is not kept."""
        if key in self._found:
            self._drop(key)
        size = self._size(value)
        if size > self._max_bytes:
            return
        self._found[key] = (self._clock() + self._seconds, size, value)
        self._bytes += size
        while self._bytes > self._max_bytes:
            self._drop(next(iter(self._found)))

    def forget(self, matches: Callable[[Hashable], bool]) -> None:
        """Drop what is kept under the keys that match."""
        for key in [one for one in self._found if matches(one)]:
            self._drop(key)

    async def ask(self, key: Hashable, question: Callable[[], Awaitable[Value]]) -> Value:
        """What is kept, else the answer to `question`. A caller who goes away ends nothing that
        others may be waiting for."""
        found = self.get(key)
        if found is not None:
            return found
        task = self._asked.get(key)
        if task is None:
            task = asyncio.ensure_future(self._answer(key, question))
            self._asked[key] = task
            task.add_done_callback(lambda done: self._forget(key, done))
        return await asyncio.shield(task)

    async def _answer(self, key: Hashable, question: Callable[[], Awaitable[Value]]) -> Value:
        value = await question()
        self.put(key, value)
        return value

    def _forget(self, key: Hashable, done: asyncio.Task[Value]) -> None:
        if self._asked.get(key) is done:
            del self._asked[key]
        if not done.cancelled():
            done.exception()  # whoever waited has it; nobody may be left to

    def _drop(self, key: Hashable) -> None:
        self._bytes -= self._found.pop(key)[1]
