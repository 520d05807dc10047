"""Where on the page each service, dependency and namespace of the graph is drawn.

A namespace is a band across the page; columns are those of the whole graph, so that a dependency
always leads to the right but for those that close a circle. Lengths are in SVG units.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from anomaly_dashboard.views.graph_layers import Edge, Edges, Layers, ordered
from anomaly_dashboard.watched.rows import Place

BOX_WIDTH, BOX_HEIGHT = 184, 30
_ROW, _COLUMN, _BESIDE = BOX_HEIGHT + 12, BOX_WIDTH + 72, BOX_WIDTH + 16
_TITLE, _PADDING, _GAP = 30, 12, 16
_TALL = 8
"""Boxes on top of one another; what is more stands beside them."""
_LONE = 5
"""The page is so many boxes wide at least, for services without any dependency."""


@dataclass(frozen=True, slots=True)
class Band:
    """A namespace from `top` on, `height` high."""

    namespace: str
    top: int
    height: int


@dataclass(frozen=True, slots=True)
class Line:
    """A dependency as the `d` of an SVG path. `closing`: it closes a circle."""

    edge: Edge
    path: str
    closing: bool


@dataclass(frozen=True, slots=True)
class Drawing:
    """`boxes`: left upper corners."""

    width: int
    height: int
    boxes: Mapping[Place, tuple[int, int]]
    bands: tuple[Band, ...]
    lines: tuple[Line, ...]


def draw(places: Sequence[Place], edges: Edges, layered: Layers, first: frozenset[str]) -> Drawing:
    """`edges` and `layered` are of the whole graph; the dependencies between `places` are drawn.
    `first`: namespaces that come before the others."""
    shown = frozenset(places)
    inner = {place: [to for to in edges[place] if to in shown] for place in places}
    linked = {place for place, below in inner.items() if below}
    linked |= {to for below in inner.values() for to in below}
    columns = _squeezed(linked, layered)
    namespaces = sorted({place[0] for place in places}, key=lambda one: (one not in first, one))
    cells = {one: _cells(one, places, linked, columns, inner) for one in namespaces}
    lefts, width = _lefts(cells.values(), max(columns.values(), default=-1) + 1)
    boxes: dict[Place, tuple[int, int]] = {}
    bands = []
    top = 0
    for namespace in namespaces:
        rows = 0
        for column, stacked in cells[namespace].items():
            for at, place in enumerate(stacked):
                left = lefts[column] + at // _TALL * _BESIDE
                boxes[place] = (left, top + _TITLE + at % _TALL * _ROW)
            rows = max(rows, min(len(stacked), _TALL))
        lone = sorted(one for one in places if one[0] == namespace and one not in linked)
        across = max((width - 2 * _PADDING + _BESIDE - BOX_WIDTH) // _BESIDE, 1)
        for at, place in enumerate(lone):
            left = _PADDING + at % across * _BESIDE
            boxes[place] = (left, top + _TITLE + (rows + at // across) * _ROW)
        rows += -(-len(lone) // across)
        height = _TITLE + rows * _ROW + _PADDING
        bands.append(Band(namespace, top, height))
        top += height + _GAP
    return Drawing(
        width=width,
        height=max(top - _GAP, _TITLE),
        boxes=boxes,
        bands=tuple(bands),
        lines=tuple(
            Line((start, end), _curve(boxes[start], boxes[end]), (start, end) in layered.closing)
            for start in places
            for end in inner[start]
        ),
    )


def _cells(
    namespace: str,
    places: Sequence[Place],
    linked: set[Place],
    columns: Mapping[Place, int],
    inner: Edges,
) -> dict[int, list[Place]]:
    """What a namespace has in each column, from top to bottom."""
    found: dict[int, list[Place]] = {}
    for place in places:
        if place[0] == namespace and place in linked:
            found.setdefault(columns[place], []).append(place)
    return ordered(found, inner)


def _lefts(cells: Iterable[Mapping[int, Sequence[Place]]], count: int) -> tuple[list[int], int]:
    """Where each column begins, and the width of all: one is as many boxes wide as the fullest
    namespace needs in it."""
    beside = [1] * count
    for bands in cells:
        for column, stacked in bands.items():
            beside[column] = max(beside[column], -(-len(stacked) // _TALL))
    lefts, left = [], _PADDING
    for boxes in beside:
        lefts.append(left)
        left += (boxes - 1) * _BESIDE + _COLUMN
    width = left - (_COLUMN - BOX_WIDTH) + _PADDING if count else 0
    return lefts, max(width, 2 * _PADDING + _LONE * _BESIDE - (_BESIDE - BOX_WIDTH))


def _squeezed(places: set[Place], layered: Layers) -> dict[Place, int]:
    """The columns without those that nothing is drawn in."""
    used = sorted({layered.column[place] for place in places})
    number = {column: at for at, column in enumerate(used)}
    return {place: number[layered.column[place]] for place in places}


def _curve(start: tuple[int, int], end: tuple[int, int]) -> str:
    """From the right side of one box to the left side of the other."""
    x1, y1 = start[0] + BOX_WIDTH, start[1] + BOX_HEIGHT // 2
    x2, y2 = end[0], end[1] + BOX_HEIGHT // 2
    bend = max((x2 - x1) // 2, 36)
    return f"M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"
