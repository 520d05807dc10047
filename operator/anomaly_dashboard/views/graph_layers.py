"""Columns and rows of a graph of services: who depends on others stands to the left of them.

Columns by the longest path from a service that nobody depends on; rows by the mean row of the
neighbours (barycentre heuristic of Sugiyama, Tagawa and Toda, 1981), which keeps crossings few.
A dependency that closes a circle does not count for the columns and is named, so that it can be
shown as what it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from anomaly_dashboard.watched.rows import Place

Edges = Mapping[Place, Sequence[Place]]
Edge = tuple[Place, Place]
_SWEEPS = 4


@dataclass(frozen=True, slots=True)
class Layers:
    """`column` of each place, from 0; `closing`: dependencies that close a circle."""

    column: Mapping[Place, int]
    closing: frozenset[Edge]


def layers(edges: Edges) -> Layers:
    """`edges` names every place, with those of the others that it depends on."""
    closing, order = _circles(edges)
    column = dict.fromkeys(edges, 0)
    for place in order:
        for below in edges[place]:
            if (place, below) not in closing:
                column[below] = max(column[below], column[place] + 1)
    return Layers(column, closing)


def ordered(cells: Mapping[int, Sequence[Place]], edges: Edges) -> dict[int, list[Place]]:
    """The places of each column from top to bottom."""
    found = {at: sorted(places) for at, places in sorted(cells.items())}
    inside = {place for places in found.values() for place in places}
    near: dict[Place, list[Place]] = {place: [] for place in inside}
    for place in inside:
        for below in edges.get(place, ()):
            if below in inside:
                near[place].append(below)
                near[below].append(place)
    height = {place: row for places in found.values() for row, place in enumerate(places)}
    for sweep in range(_SWEEPS):
        for at in sorted(found, reverse=bool(sweep % 2)):
            places = found[at]
            mean = {
                one: sum(height[other] for other in near[one]) / len(near[one])
                if near[one]
                else float(height[one])
                for one in places
            }
            places.sort(key=lambda one: (mean[one], one))
            height |= {place: row for row, place in enumerate(places)}
    return found


def route(start: Place, end: Place, edges: Edges) -> tuple[Place, ...]:
    """The shortest way from `start` along its dependencies to `end`; empty where there is none."""
    came: dict[Place, Place] = {start: start}
    border = [start]
    while border and end not in came:
        ahead = []
        for place in border:
            for below in edges.get(place, ()):
                if below not in came:
                    came[below] = place
                    ahead.append(below)
        border = ahead
    if end not in came:
        return ()
    way = [end]
    while way[-1] != start:
        way.append(came[way[-1]])
    return tuple(reversed(way))


def _circles(edges: Edges) -> tuple[frozenset[Edge], list[Place]]:
    """What closes a circle, and an order in which nobody comes before who depends on it."""
    closing, done = set[Edge](), dict[Place, None]()
    for first in sorted(edges):
        if first in done:
            continue
        trail, inside = [(first, iter(sorted(edges[first])))], {first}
        while trail:
            place, rest = trail[-1]
            below = next(rest, None)
            if below is None:
                trail.pop()
                inside.discard(place)
                done[place] = None
            elif below in inside:
                closing.add((place, below))
            elif below not in done:
                inside.add(below)
                trail.append((below, iter(sorted(edges[below]))))
    return frozenset(closing), list(reversed(done))
