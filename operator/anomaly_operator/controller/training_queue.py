"""Who may train next: first come, first served, under one cap for the whole cluster.

The order lives in memory alone: after a restart those that wait come in the order in which they
were created, which the start keeps.
"""

from __future__ import annotations

from anomaly_operator.observe.cache import Cache, Key
from anomaly_operator.world.view import QueuePlace


class TrainingQueue:
    """Waiting services in order, and those whose Job is about to be created."""

    def __init__(self) -> None:
        self._waiting: dict[Key, None] = {}
        self._starting: set[Key] = set()

    def __len__(self) -> int:
        return len(self._waiting)

    def view(self, key: Key, uid: str, cache: Cache) -> QueuePlace:
        """The queue as the service `key` sees it."""
        others = sum(uid not in job.meta.owners for job in cache.running_trainings())
        return QueuePlace(running=others + len(self._starting - {key}), ahead=self._ahead(key))

    def wait(self, key: Key) -> None:
        """Join at the end, or keep the place."""
        self._waiting.setdefault(key)

    def leave(self, key: Key) -> None:
        self._waiting.pop(key, None)

    def first(self, count: int) -> list[Key]:
        """The next `count` that wait."""
        return list(self._waiting)[:count]

    def start(self, key: Key) -> None:
        """`key` creates its Job now: nobody else may take that place."""
        self._starting.add(key)

    def started(self, key: Key) -> None:
        """The Job is in the cache, or its creation failed."""
        self._starting.discard(key)

    def _ahead(self, key: Key) -> int:
        for place, waiting in enumerate(self._waiting):
            if waiting == key:
                return place
        return len(self._waiting)
