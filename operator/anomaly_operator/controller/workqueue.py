"""What to reconcile next: each key once, groups in turns, of each the urgent first, the failing
ever later.

A key that is added while it is worked on is worked on once more afterwards, never twice at the
same time. The queue proper is a value machine with the time as argument; `get` is the only part
that waits.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Generic, TypeVar

from anomaly_operator.controller.fair_order import FairOrder

K = TypeVar("K", bound=Hashable)

BASE_DELAY = 1.0
SOON_DELAY = 0.2
MAX_DELAY = 300.0


class Priority(IntEnum):
    """`DETECTION`: a scoring result to fold. `CHANGE`: any other event. `RESYNC`: only a look."""

    DETECTION = 0
    CHANGE = 1
    RESYNC = 2


def backoff(failures: int, jitter: float, base: float = BASE_DELAY) -> float:
    """Seconds before try number `failures` + 1: `base` doubling to 5 min, times 1 to 1.5.

    `jitter` is a number in [0, 1).
    """
    return float(min(MAX_DELAY, base * 2 ** min(failures - 1, 16)) * (1.0 + jitter / 2))


@dataclass(slots=True)
class _Item:
    """`due`: when it may run. `added`: when it was wanted, for the queue's latency."""

    due: float
    priority: Priority
    added: float
    ticket: int


@dataclass(frozen=True, slots=True)
class Taken(Generic[K]):
    """A key to work on, and how long it waited beyond the time that it was wanted for."""

    key: K
    waited: float


def _one_group(_: object) -> None:
    """All keys are of the same."""


@dataclass(slots=True)
class WorkQueue(Generic[K]):
    """`clock` gives monotonic seconds, `jitter` numbers in [0, 1). The `group` of a key takes turns
    with the others, see `fair_order`.
    """

    clock: Callable[[], float]
    jitter: Callable[[], float] = random.random
    group: Callable[[K], Hashable] = _one_group
    _items: dict[K, _Item] = field(default_factory=dict)
    _ready: FairOrder[K] = field(init=False)
    _delayed: list[tuple[float, int, K]] = field(default_factory=list)
    _running: set[K] = field(default_factory=set)
    _again: dict[K, tuple[float, Priority]] = field(default_factory=dict)
    _failures: dict[K, int] = field(default_factory=dict)
    _tickets: itertools.count[int] = field(default_factory=itertools.count)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._ready = FairOrder(self.group)

    def __len__(self) -> int:
        """Keys that may run now or later, those being worked on not counted."""
        return len(self._items)

    def depth(self) -> int:
        """Keys that could run now."""
        now = self.clock()
        return sum(item.due <= now for item in self._items.values())

    def add(self, key: K, *, delay: float = 0.0, priority: Priority = Priority.CHANGE) -> None:
        """Want `key` worked on after `delay` seconds; the earliest and most urgent wish counts."""
        due = self.clock() + max(0.0, delay)
        if key in self._running:
            wish = self._again.get(key)
            if wish is not None:
                due, priority = min(due, wish[0]), min(priority, wish[1])
            self._again[key] = (due, priority)
            return
        item = self._items.get(key)
        if item is not None:
            if due >= item.due and priority >= item.priority:
                return
            due, priority = min(due, item.due), min(priority, item.priority)
        self._push(key, due, priority)

    def retry(self, key: K, *, at_least: float = 0.0, base: float = BASE_DELAY) -> float:
        """Want `key` again after its back-off, which grows from `base`; the delay in seconds."""
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        delay = max(at_least, backoff(failures, self.jitter(), base))
        self.add(key, delay=delay)
        return delay

    def forget(self, key: K) -> None:
        """`key` succeeded: its next failure starts from the first delay."""
        self._failures.pop(key, None)

    def failures(self, key: K) -> int:
        return self._failures.get(key, 0)

    def take(self) -> Taken[K] | None:
        """The most urgent due key of the group whose turn it is, now marked as being worked on;
        None when none is due.
        """
        now = self.clock()
        self._promote(now)
        if not self._ready:
            return None
        key = self._ready.take()
        item = self._items.pop(key)
        self._running.add(key)
        return Taken(key, max(0.0, now - max(item.added, item.due)))

    def done(self, key: K) -> None:
        """The work on `key` ended; what was wished meanwhile counts now."""
        self._running.discard(key)
        wish = self._again.pop(key, None)
        if wish is not None:
            self._push(key, *wish)

    def next_due(self) -> float | None:
        """Seconds until something is due; None when nothing waits."""
        now = self.clock()
        self._promote(now)
        if self._ready:
            return 0.0
        return max(0.0, self._delayed[0][0] - now) if self._delayed else None

    async def get(self) -> Taken[K]:
        """Wait for a key. Call `done` with it in the end."""
        while True:
            taken = self.take()
            if taken is not None:
                return taken
            self._changed.clear()
            try:
                async with asyncio.timeout(self.next_due()):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def _push(self, key: K, due: float, priority: Priority) -> None:
        ticket = next(self._tickets)
        now = self.clock()
        self._items[key] = _Item(due, priority, now, ticket)
        if due <= now:
            self._ready.add(key, priority, ticket)
        else:
            heapq.heappush(self._delayed, (due, ticket, key))
            self._compact()
        self._changed.set()

    def _compact(self) -> None:
        """Drop superseded wishes once they are the most; far-off ones would pile up."""
        if len(self._delayed) <= 2 * len(self._items) + 64:
            return
        live = {item.ticket for item in self._items.values()}
        self._delayed = [entry for entry in self._delayed if entry[1] in live]
        heapq.heapify(self._delayed)

    def _promote(self, now: float) -> None:
        while self._delayed and self._delayed[0][0] <= now:
            _, ticket, key = heapq.heappop(self._delayed)
            item = self._items.get(key)
            if item is not None and item.ticket == ticket:
                self._ready.add(key, item.priority, ticket)
