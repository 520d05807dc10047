"""How far apart services are in `dependsOn`: whose trouble may reach whom.

Reconcile asks upwards (on whom does a service depend), the controller downwards (whom does a change
concern). Both stop at the same depth, so that whoever is told of a service is also woken by it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

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


def turned(edges: Iterable[tuple[str, Sequence[str]]]) -> Edges:
    """From who depends on whom to who is depended on by whom."""
    below: defaultdict[str, list[str]] = defaultdict(list)
    for name, targets in edges:
        for target in targets:
            below[target].append(name)
    return below
