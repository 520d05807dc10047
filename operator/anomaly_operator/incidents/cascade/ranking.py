"""Where the trouble of a service ends, as a distribution over the suspects that it reaches.

A walk starts at the service. At each suspect it goes on to what that one calls with the probability
that those explain its trouble, and else stays: there the change begins that no anomalous callee
explains. The share of walks that stay at a suspect is the probability that it is the root.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass

from anomaly_operator.incidents.cascade.edges import MAX_DEPTH, Weights
from anomaly_operator.incidents.cascade.suspect import ServiceKey


@dataclass(frozen=True, slots=True)
class Candidate:
    """`probability` that it is the root, 0 to 1. `path`: the likeliest way from the target to it,
    both included."""

    key: ServiceKey
    probability: float
    path: tuple[ServiceKey, ...]


def ranked(target: ServiceKey, weights: Weights) -> tuple[Candidate, ...]:
    """All suspects that may be the root of the target's trouble, itself included, the likeliest
    first; of equals the nearest, then by name. The probabilities add up to 1. `weights` must have
    no circle.
    """
    mass = {target: 1.0}
    paths: dict[ServiceKey, tuple[float, tuple[ServiceKey, ...]]] = {target: (1.0, (target,))}
    best = dict(paths)
    stays: defaultdict[ServiceKey, float] = defaultdict(float)
    for depth in range(MAX_DEPTH + 1):
        onward: defaultdict[ServiceKey, float] = defaultdict(float)
        longer: dict[ServiceKey, tuple[float, tuple[ServiceKey, ...]]] = {}
        for key in sorted(mass):
            callees = weights.get(key, {}) if depth < MAX_DEPTH else {}
            explained = 1.0 - math.prod(1.0 - weight for weight in callees.values())
            stays[key] += mass[key] * (1.0 - explained)
            total = sum(callees.values())
            for callee in sorted(callees):
                goes = explained * callees[callee] / total
                onward[callee] += mass[key] * goes
                likely = (paths[key][0] * goes, (*paths[key][1], callee))
                if callee not in longer or likely[0] > longer[callee][0]:
                    longer[callee] = likely
        mass, paths = dict(onward), longer
        for key, likely in longer.items():
            if key not in best or likely[0] > best[key][0]:
                best[key] = likely
    found = [Candidate(key, share, best[key][1]) for key, share in stays.items()]
    return tuple(
        sorted(found, key=lambda one: (-round(one.probability, 9), len(one.path), one.key))
    )
