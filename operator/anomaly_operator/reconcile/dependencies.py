"""The services that one depends on: how they stand, and whether they form a circle.

The graph of `spec.dependsOn` is one namespace's. Services in a circle have no order of causes.
"""

from __future__ import annotations

from collections.abc import Sequence

from anomaly_operator.world.dependency_graph import distances
from anomaly_operator.world.objects import Sibling
from detector_runtime.contract.dependencies import MAX_UNHEALTHY, Dependencies, UnhealthyDependency
from detector_runtime.contract.vocabulary import Severity


def dependency_cycle(name: str, siblings: Sequence[Sibling]) -> tuple[str, ...]:
    """The shortest circle through the service `name`, from it round to itself; empty without one.

    A service that only leads into a circle is not part of it.
    """
    above = {one.name: one.depends_on for one in siblings}
    paths: list[tuple[str, ...]] = [(name,)]
    seen: set[str] = set()
    while paths:
        longer: list[tuple[str, ...]] = []
        for path in paths:
            for target in above.get(path[-1], ()):
                if target == name:
                    return (*path, name)
                if target not in seen:
                    seen.add(target)
                    longer.append((*path, target))
        paths = longer
    return ()


def dependencies(name: str, siblings: Sequence[Sibling]) -> Dependencies:
    """How the services stand on which `name` depends, directly or through others.

    A service counts from the first verdict on it; one with an incident that people are told of is
    unhealthy, the nearest and then the worst first.
    """
    depths = distances(name, {one.name: one.depends_on for one in siblings})
    found = [one for one in siblings if one.name in depths]
    unhealthy = [one for one in found if one.severity.rank >= Severity.MEDIUM.rank]
    unhealthy.sort(key=lambda one: (depths[one.name], -one.severity.rank, one.name))
    return Dependencies(
        known=sum(one.judged or one in unhealthy for one in found),
        unhealthy=tuple(
            UnhealthyDependency(one.name, one.severity, depths[one.name])
            for one in unhealthy[:MAX_UNHEALTHY]
        ),
    )
