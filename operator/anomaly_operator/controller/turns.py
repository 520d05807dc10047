"""One write after the other to an object that several services repair.

Whoever edits what a namespace shares wakes several of its services at once, and each plans the
same repair. The first makes it; the others find that it was made while they waited. Nothing is
remembered beyond that: an edit after it is news of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from anomaly_operator.world.plan import Apply, Create, Write, object_of
from anomaly_operator.world.shared import SHARED


@dataclass(slots=True)
class _Turn:
    """`users`: those who write or wait. `done`: the last write that went through meanwhile."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0
    done: Write | None = None


class Turns:
    """By object."""

    def __init__(self) -> None:
        self._turns: dict[tuple[str, str, str], _Turn] = {}

    @asynccontextmanager
    async def of(self, write: Write) -> AsyncIterator[bool]:
        """Yields whether the write is still to be made; at once for what is not shared."""
        kind, name = object_of(write)
        if (kind, name) not in SHARED:
            yield True
            return
        key = (kind, _namespace(write), name)
        turn = self._turns.setdefault(key, _Turn())
        turn.users += 1
        try:
            async with turn.lock:
                due = turn.done != write
                if due:
                    turn.done = None
                yield due
                turn.done = write
        finally:
            turn.users -= 1
            if not turn.users:
                del self._turns[key]


def _namespace(write: Write) -> str:
    if isinstance(write, Apply | Create):
        return str(write.manifest["metadata"]["namespace"])
    return write.target.namespace
