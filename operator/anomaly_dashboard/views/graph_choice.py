"""Which services of a fleet the graph shows: the filter, and what is healthy folded away.

A service is shown folded away when it has no anomaly, lies on no way from a root to its symptoms
and calls nobody that has one. Only what the caller may read is here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from anomaly_dashboard.views.graph_layers import Edge, Edges, route
from anomaly_dashboard.watched.rows import IncidentRow, Place, ServiceRow
from detector_runtime.contract.vocabulary import Severity

FEW = 40
"""So many services are drawn without folding."""
MAX_DRAWN = 400
_MAX_CALLERS = 80
"""Callers of what is in trouble are drawn while no more services than that are."""
TROUBLE, ALL = "trouble", "all"


@dataclass(frozen=True, slots=True)
class GraphFilter:
    """From the address. `show`: `trouble` or `all`, empty: `all` for a few services. `opened`:
    namespaces whose healthy services are drawn."""

    namespace: str = ""
    search: str = ""
    severity: Severity = Severity.NONE
    show: str = ""
    opened: frozenset[str] = frozenset()

    def takes(self, row: ServiceRow) -> bool:
        return (
            self.namespace in {"", row.namespace}
            and self.search.lower() in f"{row.namespace}/{row.name}"
            and row.severity.rank >= self.severity.rank
        )


@dataclass(frozen=True, slots=True)
class Roots:
    """`symptoms`: places of the services whose incident comes from that root. `ways`: dependencies
    from a symptom down to its root."""

    symptoms: Mapping[Place, tuple[Place, ...]]
    ways: frozenset[Edge]
    places: frozenset[Place]

    def root_of(self, place: Place) -> Place | None:
        return next((root for root, found in self.symptoms.items() if place in found), None)


@dataclass(frozen=True, slots=True)
class Chosen:
    """`folded`: healthy services that are not drawn, by namespace; `left_out`: more than fit;
    `matching`: services that the filter takes; `folds`: whether healthy ones are folded at all."""

    drawn: tuple[ServiceRow, ...]
    folded: Mapping[str, int]
    left_out: int
    matching: int
    folds: bool


def dependencies(services: Iterable[ServiceRow]) -> dict[Place, tuple[Place, ...]]:
    """Who depends on whom, among these; a service never on itself."""
    rows = {row.place: row for row in services}
    return {
        place: tuple(dict.fromkeys(to for to in row.depends_on if to in rows and to != place))
        for place, row in rows.items()
    }


def roots(incidents: Iterable[IncidentRow], edges: Edges) -> Roots:
    """The roots of what runs now, and how their trouble reached the others."""
    symptoms: dict[Place, list[Place]] = {}
    ways = set[Edge]()
    places = set[Place]()
    for one in incidents:
        place = (one.namespace, one.service)
        if not one.running or not one.root[1] or one.root not in edges or place not in edges:
            continue
        symptoms.setdefault(one.root, []).append(place)
        way = route(place, one.root, edges)
        ways.update(pairwise(way))
        places.update(way, (place, one.root))
    return Roots(
        {root: tuple(sorted(set(found))) for root, found in sorted(symptoms.items())},
        frozenset(ways),
        frozenset(places),
    )


def choose(
    services: Sequence[ServiceRow], edges: Edges, found: Roots, asked: GraphFilter
) -> Chosen:
    """What is drawn, worst first."""
    matching = [row for row in services if asked.takes(row)]
    folds = asked.show != ALL and (asked.show == TROUBLE or len(matching) > FEW)
    shown = {row.place for row in matching}
    if folds and not asked.search:
        shown = _troubled(matching, edges, found) | {
            row.place for row in matching if row.namespace in asked.opened
        }
    drawn = sorted(
        (row for row in matching if row.place in shown),
        key=lambda row: (row.place not in found.places, -row.severity.rank, row.place),
    )
    folded: dict[str, int] = {}
    for row in sorted(matching, key=lambda row: row.namespace):
        if row.place not in shown:
            folded[row.namespace] = folded.get(row.namespace, 0) + 1
    left_out = max(len(drawn) - MAX_DRAWN, 0)
    return Chosen(tuple(drawn[:MAX_DRAWN]), folded, left_out, len(matching), folds)


def _troubled(matching: Sequence[ServiceRow], edges: Edges, found: Roots) -> set[Place]:
    worse = {
        row.place
        for row in matching
        if row.open or row.severity.rank >= Severity.LOW.rank or row.place in found.places
    }
    callers = {
        row.place
        for row in matching
        if row.place not in worse and any(to in worse for to in edges.get(row.place, ()))
    }
    return worse | callers if len(worse) + len(callers) <= _MAX_CALLERS else worse
