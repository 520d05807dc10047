"""How far apart services are in `dependsOn`: whose trouble may reach whom.

It stops at the depth at which the controller stops waking the dependants of a service, so that
whoever is told of a service is also woken by it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from anomaly_operator.incidents.cascade.edges import MAX_DEPTH

Edges = Mapping[str, Sequence[str]]


def distances(name: str, edges: Edges) -> dict[str, int]:
    """Steps from `name` to all that `edges` lead to, MAX_DEPTH at most; circles end at what was
    seen, and `name` itself is not among them."""
    found = {name: 0}
    border = [name]
    for depth in range(1, MAX_DEPTH + 1):
        border = list(dict.fromkeys(to for one in border for to in edges.get(one, ())))
        border = [one for one in border if one not in found]
        found |= dict.fromkeys(border, depth)
    del found[name]
    return found
