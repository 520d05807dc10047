"""Where on the page each service, dependency and namespace of the graph is drawn.

A namespace is a band across the page; columns are those of the whole graph, so that a dependency
always leads to the right but for those that close a circle. Lengths are in SVG units.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from anomaly_dashboard.views.graph_layers import Edge, Edges, Layers, ordered
from anomaly_dashboard.watched.rows import Place

BOX_WIDTH, BOX_HEIGHT = 184, 30
_ROW, _COLUMN = BOX_HEIGHT + 12, BOX_WIDTH + 72
_TITLE, _PADDING, _GAP = 30, 12, 16
_LONE_COLUMNS = 4
"""Services without any dependency fill so many columns at least."""


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


def draw(places: Sequence[Place], edges: Edges, layered: Layers) -> Drawing:
    """`edges` and `layered` are of the whole graph; the dependencies between `places` are drawn."""
    shown = frozenset(places)
    inner = {place: [to for to in edges[place] if to in shown] for place in places}
    linked = {place for place, below in inner.items() if below}
    linked |= {to for below in inner.values() for to in below}
    columns = _squeezed(linked, layered)
    width = max([*columns.values(), _LONE_COLUMNS - 1]) + 1
    boxes: dict[Place, tuple[int, int]] = {}
    bands = []
    top = 0
    for namespace in sorted({place[0] for place in places}):
        members = [place for place in places if place[0] == namespace]
        rows = 0
        cells: dict[int, list[Place]] = {}
        for place in members:
            if place in linked:
                cells.setdefault(columns[place], []).append(place)
        for column, stacked in ordered(cells, inner).items():
            rows = max(rows, len(stacked))
            for row, place in enumerate(stacked):
                boxes[place] = _corner(column, row, top)
        lone = sorted(place for place in members if place not in linked)
        for at, place in enumerate(lone):
            boxes[place] = _corner(at % width, rows + at // width, top)
        rows += -(-len(lone) // width)
        height = _TITLE + rows * _ROW + _PADDING
        bands.append(Band(namespace, top, height))
        top += height + _GAP
    return Drawing(
        width=2 * _PADDING + width * _COLUMN - (_COLUMN - BOX_WIDTH),
        height=max(top - _GAP, _TITLE),
        boxes=boxes,
        bands=tuple(bands),
        lines=tuple(
            Line((start, end), _curve(boxes[start], boxes[end]), (start, end) in layered.closing)
            for start in places
            for end in inner[start]
        ),
    )


def _squeezed(places: set[Place], layered: Layers) -> dict[Place, int]:
    """The columns without those that nothing is drawn in."""
    used = sorted({layered.column[place] for place in places})
    number = {column: at for at, column in enumerate(used)}
    return {place: number[layered.column[place]] for place in places}


def _corner(column: int, row: int, top: int) -> tuple[int, int]:
    return _PADDING + column * _COLUMN, top + _TITLE + row * _ROW


def _curve(start: tuple[int, int], end: tuple[int, int]) -> str:
    """From the right side of one box to the left side of the other."""
    x1, y1 = start[0] + BOX_WIDTH, start[1] + BOX_HEIGHT // 2
    x2, y2 = end[0], end[1] + BOX_HEIGHT // 2
    bend = max((x2 - x1) // 2, 36)
    return f"M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"
