"""Which writes the API server refuses, and when they are tried again.

In memory alone: after a restart everything is tried once, and what is refused is reported again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from anomaly_operator.api.errors import RefusedError
from anomaly_operator.controller.workqueue import WorkQueue
from anomaly_operator.observe.cache import Cache, Key
from anomaly_operator.world.objects import ServiceObject
from anomaly_operator.world.refusal import Refusal, Withheld, refusal

_Wish = tuple[str, int, str]
"""What a person wants of a service: uid, generation, training request. A new one is tried now."""


@dataclass(frozen=True, slots=True)
class _Entry:
    wish: _Wish
    due: float
    refused: tuple[Refusal, ...]


class RefusalBackoff:
    """`clock` gives monotonic seconds. The queue knows how often a key has failed."""

    def __init__(self, clock: Callable[[], float], cache: Cache, queue: WorkQueue[Key]) -> None:
        self._clock = clock
        self._cache = cache
        self._queue = queue
        self._known: dict[Key, _Entry] = {}

    def view(self, key: Key) -> Withheld:
        """What to leave out of a plan that is made now."""
        entry = self._known.get(key)
        if entry is None:
            return Withheld()
        again = entry.due <= self._clock() or entry.wish != self._wish(key)
        return Withheld(entry.refused, retrying=again)

    def take(self, key: Key, error: RefusedError, withheld: Withheld) -> bool:
        """Leave out what was refused in a plan made with `withheld`; False when that is no help.

        It is reported from the second failure in a row on: an API server that just started refuses
        for a moment what its roles allow. What was left out cannot be left out once more, and a
        service whose own status is refused can report nothing.
        """
        known = withheld.holds(error.kind, error.name)
        if error.kind == key[0] or known or not self._queue.failures(key):
            return False
        refused = refusal(error.kind, error.name, error.cause.status, error.cause.said)
        entry = self._known.get(key)
        if entry is None or withheld.retrying:
            due = self._clock() + self._queue.retry(key)
            self._known[key] = _Entry(self._wish(key), due, (refused,))
        else:
            self._known[key] = replace(entry, refused=(*entry.refused, refused))
        return True

    def remaining(self, key: Key) -> float | None:
        """Seconds until the next try, None where nothing is refused."""
        entry = self._known.get(key)
        return None if entry is None else max(0.0, entry.due - self._clock())

    def forget(self, key: Key) -> None:
        self._known.pop(key, None)

    def _wish(self, key: Key) -> _Wish:
        value = self._cache.get(key)
        if value is None:
            return ("", 0, "")
        requested = value.train_requested if isinstance(value, ServiceObject) else ""
        return (value.meta.uid, value.meta.generation, requested)
