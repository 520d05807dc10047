"""The part of the graph along which trouble can have come to one service.

Edges lead from a caller to what it calls, between suspects only. Services in a circle have no order
of causes, so of their edges those stay that lead to an earlier incident, or to a larger one of the
same moment: what is left has no circle, whatever order the services were given in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from anomaly_operator.incidents.cascade.suspect import ServiceKey, Suspect
from anomaly_operator.incidents.cascade.transmission import transmission

MAX_DEPTH = 5
"""Trouble that is farther away explains nothing that something nearer does not explain."""

Calls = Mapping[ServiceKey, Sequence[ServiceKey]]
"""Who calls whom: the services of `spec.dependsOn`."""
Weights = Mapping[ServiceKey, Mapping[ServiceKey, float]]
"""For each caller, how far each callee explains its trouble; only what is above 0."""
_IN_A_CIRCLE = 0.7


def weights(target: ServiceKey, suspects: Mapping[ServiceKey, Suspect], calls: Calls) -> Weights:
    """The edges that `target` reaches in MAX_DEPTH steps, without a circle."""
    found: dict[ServiceKey, dict[ServiceKey, float]] = {}
    border = [target]
    for _ in range(MAX_DEPTH):
        border = [key for key in dict.fromkeys(border) if key not in found]
        for key in border:
            found[key] = _explaining(key, suspects, calls)
        border = [callee for key in border for callee in found[key]]
    return _without_circles(found, suspects)


def _explaining(
    caller: ServiceKey, suspects: Mapping[ServiceKey, Suspect], calls: Calls
) -> dict[ServiceKey, float]:
    callees = sorted(key for key in set(calls.get(caller, ())) if key in suspects)
    weighed = {
        key: transmission(suspects[key], suspects[caller]) for key in callees if key != caller
    }
    return {key: weight for key, weight in weighed.items() if weight > 0}


def _without_circles(
    edges: Mapping[ServiceKey, Mapping[ServiceKey, float]],
    suspects: Mapping[ServiceKey, Suspect],
) -> Weights:
    circling = _circling(edges)
    kept: dict[ServiceKey, dict[ServiceKey, float]] = {}
    for caller, callees in edges.items():
        kept[caller] = {}
        for callee, weight in callees.items():
            if caller not in circling or callee not in circling:
                kept[caller][callee] = weight
            elif _order(suspects[callee]) < _order(suspects[caller]):
                kept[caller][callee] = weight * _IN_A_CIRCLE
    return kept


def _order(suspect: Suspect) -> tuple[int, float, ServiceKey]:
    return suspect.first_seen, -suspect.score, suspect.key


def _circling(edges: Mapping[ServiceKey, Mapping[ServiceKey, float]]) -> frozenset[ServiceKey]:
    """The services on a circle, and those between two of them: what stays when everything is taken
    away, again and again, that nobody calls or that calls nobody."""
    left = {*edges, *(callee for callees in edges.values() for callee in callees)}
    while True:
        calling = {key for key in left if left & edges.get(key, {}).keys()}
        called = {callee for key in left for callee in edges.get(key, {}) if callee in left}
        if calling & called == left:
            return frozenset(left)
        left = calling & called
