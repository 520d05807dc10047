"""The incidents that one receiver is still to be told of, or reminded of.

An incident is read again only when something about it changed; between two changes a look costs
nothing, however many there are. One that cannot be read holds up no other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from anomaly_operator.delivery.desk import Desk, Item
from anomaly_operator.notify.outcome import REFUSED_DELAY
from anomaly_operator.observe.cache import Key


@dataclass(slots=True)
class Queue:
    """One look. `due`: to be told now, `active`: told and going on, `wait`: seconds until one of
    the others is due.
    """

    due: list[Item] = field(default_factory=list)
    active: list[Item] = field(default_factory=list)
    wait: float = math.inf


class Backlog:
    """`keeps_active`: whether the receiver is reminded of what goes on. `defect` hears of an
    incident that cannot be read.
    """

    def __init__(
        self,
        desk: Desk,
        receiver: str,
        *,
        keeps_active: bool,
        defect: Callable[[Exception, Key], None],
    ) -> None:
        self._desk, self._receiver, self._keeps_active = desk, receiver, keeps_active
        self._defect = defect
        self._changed: dict[Key, None] = {}
        self._known: dict[Key, Item] = {}
        self._refused: dict[str, float] = {}

    def changed(self, key: Key) -> None:
        """Read it at the next look."""
        self._changed[key] = None

    def drop(self, key: Key) -> None:
        """Leave it out until it changes."""
        self._known.pop(key, None)

    def refused(self, keys: Iterable[str], clock: float) -> None:
        """The receiver does not take these edges as they are; try them again much later."""
        self._refused = {key: at for key, at in self._refused.items() if at > clock}
        self._refused |= dict.fromkeys(keys, clock + REFUSED_DELAY)

    def accepted(self, item: Item) -> None:
        """The receiver has taken its edge."""
        self._refused.pop(item.idempotency, None)
        self.changed(item.key)

    def due_by(self, wall: float) -> Iterator[Item]:
        """What was to be told at the last look."""
        return (one for one in self._known.values() if one.edge and one.not_before <= wall)

    def look(self, wall: float, clock: float) -> Queue:
        """What there is to tell, the oldest news first; what is over is forgotten."""
        while self._changed:
            key = next(iter(self._changed))
            del self._changed[key]
            self._read(key)
        queue = Queue()
        for item in self._known.values():
            if item.edge is None:
                queue.active.append(item)
            elif item.not_before > wall:
                queue.wait = min(queue.wait, item.not_before - wall)
            elif (again := self._refused.get(item.idempotency, -math.inf)) > clock:
                queue.wait = min(queue.wait, again - clock)
            else:
                queue.due.append(item)
        return queue

    def _read(self, key: Key) -> None:
        try:
            item = self._desk.item(key, self._receiver)
        except Exception as error:  # noqa: BLE001 - one object that defies us holds up no other
            self._defect(error, key)
            item = None
        if item is None or (item.edge is None and not self._keeps_active):
            self._known.pop(key, None)
        else:
            self._known[key] = item
