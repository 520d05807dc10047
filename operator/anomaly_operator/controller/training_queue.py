"""Who may train next: namespaces take turns, under one cap for the whole cluster.

The namespace with the fewest training Jobs goes first; of equal ones that whose newest start is
the longest ago, then whoever came first. The last fifth of the places is kept for namespaces
without a training Job, so that they need not wait until one of another namespace ends; a namespace
that is alone uses all. Nothing is taken from a Job that runs. One whose pod does not start, or that
is suspended or past its deadline, holds no place, but counts for its own namespace: others go on,
and no namespace ever has more Jobs than there are places.

The order lives in memory alone: after a restart those of a namespace wait in the order in which
they were created, which the start keeps, and what cannot be placed is found out anew.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator
from itertools import chain, count

from anomaly_operator.observe.cache import Cache, Key
from anomaly_operator.world.view import QueuePlace

KEPT_FOR_NEWCOMERS = 5
"""One of so many places is kept, and at least one of several."""


class TrainingQueue:
    """Waiting services in order, and those whose Job is about to be created."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._waiting: dict[Key, int] = {}
        self._lines: dict[str, dict[Key, None]] = {}
        self._arrivals = count()
        self._starting: set[Key] = set()
        self._unplaced: set[Key] = set()
        self._turns: dict[str, int] = {}
        self._starts = count(1)

    def __len__(self) -> int:
        return len(self._waiting)

    def view(self, key: Key, cache: Cache) -> QueuePlace:
        """The queue as the service `key` sees it."""
        held, used = self._taken(cache, key)
        free = max(0, self._places - held)
        for ahead, chosen in enumerate(self._order(free, self._kept(cache), used, key)):
            if chosen == key:
                return QueuePlace(running=held, ahead=ahead)
        return QueuePlace(running=held, ahead=free)

    def wait(self, key: Key) -> None:
        """Join at the end, or keep the place."""
        if key not in self._waiting:
            self._waiting[key] = next(self._arrivals)
            self._lines.setdefault(key[1], {})[key] = None

    def leave(self, key: Key) -> bool:
        """Whether it waited: where it does not start, those behind it may."""
        if self._waiting.pop(key, None) is None:
            return False
        line = self._lines[key[1]]
        del line[key]
        if not line:
            del self._lines[key[1]]
        return True

    def forget(self, key: Key) -> bool:
        """The service is gone; whether it waited."""
        self._unplaced.discard(key)
        return self.leave(key)

    def next(self, cache: Cache) -> list[Key]:
        """Those that wait and may start now."""
        if not self._waiting:
            return []
        held, used = self._taken(cache)
        return list(self._order(max(0, self._places - held), self._kept(cache), used))

    def running(self, cache: Cache) -> int:
        """Places that are held."""
        return self._taken(cache)[0]

    def start(self, key: Key) -> None:
        """`key` creates its Job now: nobody else may take that place."""
        self._starting.add(key)
        self._turns[key[1]] = next(self._starts)

    def started(self, key: Key) -> None:
        """The Job is in the cache, or its creation failed."""
        self._starting.discard(key)

    def let_go(self, key: Key, *, unplaced: bool) -> bool:
        """Note whether the Job of `key` has lost its place; whether that frees one."""
        if not unplaced:
            self._unplaced.discard(key)
            return False
        new = key not in self._unplaced
        self._unplaced.add(key)
        return new

    def _taken(self, cache: Cache, without: Key | None = None) -> tuple[int, Counter[str]]:
        """Places held, and unfinished Jobs by namespace."""
        found = dict(cache.trainings())
        jobs = {key: holds and key not in self._unplaced for key, holds in found.items()}
        jobs |= dict.fromkeys(self._starting, True)
        if without is not None:
            jobs.pop(without, None)
        return sum(jobs.values()), Counter(key[1] for key in jobs)

    def _kept(self, cache: Cache) -> int:
        """Places for namespaces without a training Job."""
        if self._places == 1 or cache.namespaces_with_services() < 2:
            return 0
        return max(1, self._places // KEPT_FOR_NEWCOMERS)

    def _order(
        self, free: int, kept: int, used: Counter[str], joining: Key | None = None
    ) -> Iterator[Key]:
        """Who gets the next `free` places, in order, if `joining` waits too."""
        if not free:
            return
        lines: dict[str, Iterator[Key]] = {space: iter(line) for space, line in self._lines.items()}
        if joining is not None and joining not in self._waiting:
            lines[joining[1]] = chain(lines.get(joining[1], ()), (joining,))
        heads = []
        for space, line in lines.items():
            first = next(line)
            arrival = self._waiting.get(first, len(self._waiting))
            heads.append((used[space], self._turns.get(space, 0), arrival, first))
        heapq.heapify(heads)
        turns = count(max(self._turns.values(), default=0) + 1)
        while heads and free:
            jobs, _, arrival, chosen = heapq.heappop(heads)
            if jobs >= self._places or (jobs and free <= kept):
                return
            yield chosen
            free -= 1
            following = next(lines[chosen[1]], None)
            if following is not None:
                heapq.heappush(heads, (jobs + 1, next(turns), arrival, following))
