"""The order in which groups share a worker: in rounds, each group once a round.

Whoever adds keys in a loop thus delays another group's key by one key of each group, not by all of
its own. Within a round the group with the most urgent key goes first, then the one whose key has
the lowest ticket; within a group the keys come in that order. This is start-time fair queuing
(Goyal, Vin, Cheng: Start-time Fair Queuing, 1996) with keys of equal length, whose virtual time
counts rounds.

A group that comes back within the round in which it was served joins the next one: otherwise one
key that is added again and again would keep all others waiting. Beyond that nothing is remembered
of groups with no key waiting.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


@dataclass(slots=True)
class _Line(Generic[K]):
    """The keys of one group that wait. `round`: in which it is served next. `entries`: by urgency
    and ticket; those that were superseded are still among them. `head`: what the group stands in
    the order with.
    """

    round: int
    entries: list[tuple[int, int, K]] = field(default_factory=list)
    waiting: int = 0
    head: tuple[int, int, int] | None = None


class FairOrder(Generic[K]):
    """`group` of a key; a lower urgency goes first. Tickets are unique."""

    def __init__(self, group: Callable[[K], Hashable]) -> None:
        self._group = group
        self._tickets: dict[K, int] = {}
        self._lines: dict[Hashable, _Line[K]] = {}
        self._heads: list[tuple[int, int, int, Hashable]] = []
        self._round = 0
        self._served: set[Hashable] = set()

    def __len__(self) -> int:
        return len(self._tickets)

    def add(self, key: K, urgency: int, ticket: int) -> None:
        """Let `key` wait; it stands no longer where it stood before."""
        group = self._group(key)
        line = self._lines.get(group)
        if line is None:
            line = self._lines[group] = _Line(self._round + (group in self._served))
        line.waiting += key not in self._tickets
        self._tickets[key] = ticket
        heapq.heappush(line.entries, (urgency, ticket, key))
        self._compact(line)
        self._stand(group, line)

    def take(self) -> K:
        """The next key, which waits no more. Raises IndexError when none waits."""
        while True:
            *head, group = heapq.heappop(self._heads)
            line = self._lines.get(group)
            if line is None or line.head != tuple(head):
                continue  # a more urgent key stands for the group, or its next round is a later one
            _, _, key = heapq.heappop(line.entries)
            del self._tickets[key]
            self._serve(group, line)
            return key

    def _serve(self, group: Hashable, line: _Line[K]) -> None:
        if line.round > self._round:
            self._round = line.round
            self._served.clear()
        self._served.add(group)
        line.round = self._round + 1
        line.waiting -= 1
        if line.waiting:
            self._stand(group, line)
        else:
            del self._lines[group]
        if not self._lines:
            self._served.clear()

    def _stand(self, group: Hashable, line: _Line[K]) -> None:
        """Let the first of its keys stand for the group."""
        while self._superseded(line.entries[0]):
            heapq.heappop(line.entries)
        urgency, ticket, _ = line.entries[0]
        head = (line.round, urgency, ticket)
        if head != line.head:
            line.head = head
            heapq.heappush(self._heads, (*head, group))

    def _superseded(self, entry: tuple[int, int, K]) -> bool:
        _, ticket, key = entry
        return self._tickets.get(key) != ticket

    def _compact(self, line: _Line[K]) -> None:
        """Drop superseded entries once they are the most; less urgent ones would pile up."""
        if len(line.entries) > 2 * line.waiting + 64:
            line.entries = [entry for entry in line.entries if not self._superseded(entry)]
            heapq.heapify(line.entries)
