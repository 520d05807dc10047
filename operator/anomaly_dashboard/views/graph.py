"""The graph of services as the page prints it: a drawing, and the same as a table.

It names no service that the caller may not read; those are only counted where a service that the
caller may read says that it depends on them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from anomaly_dashboard.views.graph_choice import (
    Chosen,
    GraphFilter,
    Roots,
    choose,
    dependencies,
    roots,
)
from anomaly_dashboard.views.graph_drawing import BOX_HEIGHT, BOX_WIDTH, Band, Drawing, draw
from anomaly_dashboard.views.graph_layers import Edge, Edges, layers
from anomaly_dashboard.watched.rows import IncidentRow, Place, ServiceRow
from anomaly_dashboard.watched.sight import Scope
from detector_runtime.contract.vocabulary import Severity

_LABEL, _ROOT_LABEL = 20, 15
"""Characters of a name that fit into a box; that of a root says so too."""
_TABLE = 200
"""Services in the table; the overview lists all."""


@dataclass(frozen=True, slots=True)
class Node:
    """A box. `label`: the name, cut to the box; `title`: all that is known in one line; `part`:
    `root`, `symptom` or empty; `key`: the same box after a change."""

    row: ServiceRow
    key: str
    x: int
    y: int
    label: str
    title: str
    part: str


@dataclass(frozen=True, slots=True)
class Arrow:
    """`part`: `way` between a root and its symptom, `circle` where it closes one, or empty."""

    path: str
    part: str
    title: str


@dataclass(frozen=True, slots=True)
class GraphLine:
    """A service in the table. `used_by`: services that depend on it; `unread`, `absent`:
    dependencies that the caller may not read, and that do not exist."""

    row: ServiceRow
    depends_on: tuple[Place, ...]
    used_by: tuple[Place, ...]
    root: Place | None
    symptoms: tuple[Place, ...]
    unread: int
    absent: int


@dataclass(frozen=True, slots=True)
class Cluster:
    """A namespace of the drawing. `folded`: its healthy services that are not drawn."""

    band: Band
    folded: int


@dataclass(frozen=True, slots=True)
class GraphView:
    """`folded`: namespaces of which nothing is drawn, with the number of their healthy services;
    `circles`: dependencies that close one, in words."""

    asked: GraphFilter
    width: int
    height: int
    box_width: int
    box_height: int
    nodes: tuple[Node, ...]
    arrows: tuple[Arrow, ...]
    clusters: tuple[Cluster, ...]
    folded: tuple[tuple[str, int], ...]
    lines: tuple[GraphLine, ...]
    circles: tuple[str, ...]
    matching: int
    total: int
    left_out: int
    unlisted: int
    folds: bool

    @property
    def quiet(self) -> bool:
        return not self.nodes


def graph(
    services: Sequence[ServiceRow],
    incidents: Iterable[IncidentRow],
    readable: Scope,
    asked: GraphFilter,
) -> GraphView:
    """`services` and `incidents`: all that the caller may read; `readable`: where services are."""
    edges = dependencies(services)
    found = roots(incidents, edges)
    layered = layers(edges)
    chosen = choose(services, edges, found, asked)
    first = frozenset(root[0] for root in found.symptoms)
    drawing = draw([row.place for row in chosen.drawn], edges, layered, first)
    drawn_in = {band.namespace for band in drawing.bands}
    return GraphView(
        asked=asked,
        width=drawing.width,
        height=drawing.height,
        box_width=BOX_WIDTH,
        box_height=BOX_HEIGHT,
        nodes=tuple(_node(row, drawing, found) for row in chosen.drawn),
        arrows=_arrows(drawing, found),
        clusters=tuple(
            Cluster(band, chosen.folded.get(band.namespace, 0)) for band in drawing.bands
        ),
        folded=tuple(one for one in chosen.folded.items() if one[0] not in drawn_in),
        lines=_lines(chosen, edges, found, readable),
        circles=tuple(_circle(edge) for edge in sorted(layered.closing)),
        matching=chosen.matching,
        total=len(services),
        left_out=chosen.left_out,
        unlisted=max(len(chosen.drawn) - _TABLE, 0),
        folds=chosen.folds,
    )


def _node(row: ServiceRow, drawing: Drawing, found: Roots) -> Node:
    x, y = drawing.boxes[row.place]
    part = "root" if row.place in found.symptoms else ""
    if not part and found.root_of(row.place):
        part = "symptom"
    fits = _ROOT_LABEL if part == "root" else _LABEL
    word = "no anomaly" if row.severity is Severity.NONE else row.severity.value
    said = [f"{row.namespace}/{row.name}: {word}", row.state, part]
    return Node(
        row=row,
        key=f"node-{row.namespace}.{row.name}",
        x=x,
        y=y,
        label=row.name if len(row.name) <= fits else f"{row.name[: fits - 1]}…",
        title=", ".join(one for one in said if one),
        part=part,
    )


def _arrows(drawing: Drawing, found: Roots) -> tuple[Arrow, ...]:
    """Those of a way last, because what comes last lies on top."""
    made = []
    for line in drawing.lines:
        start, end = line.edge
        part = "way" if line.edge in found.ways else "circle" if line.closing else ""
        made.append(Arrow(line.path, part, f"{start[1]} depends on {end[1]}"))
    return tuple(sorted(made, key=lambda arrow: arrow.part == "way"))


def _lines(chosen: Chosen, edges: Edges, found: Roots, readable: Scope) -> tuple[GraphLine, ...]:
    callers: dict[Place, list[Place]] = {}
    for place, below in edges.items():
        for to in below:
            callers.setdefault(to, []).append(place)
    return tuple(_line(row, edges, callers, found, readable) for row in chosen.drawn[:_TABLE])


def _line(
    row: ServiceRow,
    edges: Edges,
    callers: Mapping[Place, Sequence[Place]],
    found: Roots,
    readable: Scope,
) -> GraphLine:
    known = edges[row.place]
    gone = [to for to in row.depends_on if to not in edges]
    return GraphLine(
        row=row,
        depends_on=tuple(known),
        used_by=tuple(sorted(callers.get(row.place, ()))),
        root=found.root_of(row.place),
        symptoms=found.symptoms.get(row.place, ()),
        unread=sum(to[0] not in readable for to in gone),
        absent=sum(to[0] in readable for to in gone),
    )


def _circle(edge: Edge) -> str:
    (_, start), (_, end) = edge
    return f"{start} depends on {end}, and {end}, directly or through others, on {start}"
