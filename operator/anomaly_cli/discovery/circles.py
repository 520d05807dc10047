"""The circles of a graph of calls: for each service on one, the shortest through it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

K = TypeVar("K")
MAX_CIRCLES = 10
"""More are seldom read, and each takes a search."""

Calls = Mapping[K, Sequence[K]]


def circles(calls: Calls[K]) -> list[tuple[K, ...]]:
    """At most MAX_CIRCLES, each once, as the services on it in order."""
    knot = _knot(calls)
    found: dict[frozenset[K], tuple[K, ...]] = {}
    for key in knot:
        circle = _shortest(key, knot)
        if circle:
            found.setdefault(frozenset(circle), circle)
        if len(found) == MAX_CIRCLES:
            break
    return list(found.values())


def _knot(calls: Calls[K]) -> dict[K, list[K]]:
    """What stays when all that call nobody, or that nobody calls, are taken away again and again:
    the services on circles, and those between two of them."""
    left = {key: list(callees) for key, callees in calls.items()}
    while True:
        called = {callee for callees in left.values() for callee in callees}
        kept = {
            key: [one for one in callees if one in left]
            for key, callees in left.items()
            if key in called and any(one in left for one in callees)
        }
        if kept == left:
            return left
        left = kept


def _shortest(start: K, calls: Calls[K]) -> tuple[K, ...]:
    border: list[tuple[K, ...]] = [(start,)]
    seen: set[K] = set()
    while border:
        longer: list[tuple[K, ...]] = []
        for path in border:
            for callee in calls.get(path[-1], ()):
                if callee == start:
                    return path
                if callee not in seen:
                    seen.add(callee)
                    longer.append((*path, callee))
        border = longer
    return ()
