"""The part of the graph along which trouble can have come to one service.

Edges lead from a caller to what it calls, between suspects only. Of services in a circle the one
whose incident began first, or is the largest of those that did, is taken as its beginning: what is
left has no circle, whatever order the services were given in.
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
IN_A_CIRCLE = 0.7
"""What calls one another has no order of causes but that of time."""


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
    """Where services go round in a circle, the first of them is explained by none of the others."""
    kept = {caller: dict(callees) for caller, callees in edges.items()}
    knot = _Knot(edges)
    for caller in knot.left:
        for callee in knot.left & kept[caller].keys():
            kept[caller][callee] *= IN_A_CIRCLE
    for key in sorted(knot.left, key=lambda key: _order(suspects[key])):
        if key in knot.left:
            kept[key] = {to: one for to, one in kept[key].items() if to not in knot.left}
            knot.take(key)
    return kept


def _order(suspect: Suspect) -> tuple[int, float, ServiceKey]:
    return suspect.first_seen, -suspect.score, suspect.key


class _Knot:
    """`left`: the services on a circle, and those between two of them. It is what stays when all
    are taken away, again and again, that nobody calls or that call nobody.
    """

    def __init__(self, edges: Mapping[ServiceKey, Mapping[ServiceKey, float]]) -> None:
        self._callees = {key: set(callees) for key, callees in edges.items()}
        self._callers: dict[ServiceKey, set[ServiceKey]] = {}
        for caller, callees in edges.items():
            for callee in callees:
                self._callees.setdefault(callee, set())
                self._callers.setdefault(callee, set()).add(caller)
        self.left = set(self._callees)
        for key in self._callees:
            if key in self.left and not (self._callees[key] and self._callers.get(key)):
                self.take(key)

    def take(self, key: ServiceKey) -> None:
        """Take `key` away, and all that is on no circle without it."""
        loose = [key]
        while loose:
            gone = loose.pop()
            if gone not in self.left:
                continue
            self.left.remove(gone)
            for callee in self._callees[gone]:
                self._callers[callee].discard(gone)
                if not self._callers[callee]:
                    loose.append(callee)
            for caller in self._callers.get(gone, ()):
                self._callees[caller].discard(gone)
                if not self._callees[caller]:
                    loose.append(caller)
