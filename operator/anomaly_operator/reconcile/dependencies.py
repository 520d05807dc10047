"""The services that one depends on: how they stand, and whether they form a circle.

The graph of `spec.dependsOn` is the namespace's, with those services of others that this one
reaches. Services in a circle have no order of causes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from anomaly_operator.reconcile.situation import Situation
from anomaly_operator.world.dependency_graph import distances
from anomaly_operator.world.objects import Sibling
from anomaly_operator.world.peers import allowed, local_name, target_of
from anomaly_operator.world.view import ServiceView
from detector_runtime.contract.dependencies import MAX_UNHEALTHY, Dependencies, UnhealthyDependency
from detector_runtime.contract.vocabulary import Severity


@dataclass(frozen=True, slots=True)
class Unresolved:
    """Entries of `spec.dependsOn` of which nothing can be known, as readers of the namespace name
    them. `missing`: there is no such service. `not_allowed`: the admin does not open its
    namespace."""

    missing: tuple[str, ...] = ()
    not_allowed: tuple[str, ...] = ()


def unresolved(situation: Situation) -> Unresolved:
    world, own = situation.world, situation.service.namespace
    opened = situation.settings.dependencies.across_namespaces
    targets = [target_of(one, own) for one in situation.spec.depends_on]
    open_to_us = [one for one in targets if allowed(one, own, opened)]
    live = {one.key for one in world.peers}
    here = world.siblings.by_name
    missing = [
        one
        for one in open_to_us
        if one not in live and not (one.namespace == own and one.name in here)
    ]
    return Unresolved(
        missing=tuple(local_name(one, own) for one in missing),
        not_allowed=tuple(local_name(one, own) for one in targets if one not in open_to_us),
    )


def neighbourhood(world: ServiceView) -> tuple[Sibling, ...]:
    """This service and those that it reaches, of all namespaces; each under the name by which its
    own knows it."""
    own = world.service.meta.namespace
    foreign = [
        Sibling(
            local_name(one.key, own),
            "",
            tuple(local_name(callee, own) for callee in one.calls),
            one.severity,
            one.judged,
        )
        for one in world.peers
        if one.key.namespace != own
    ]
    here, abroad = world.siblings.by_name, {one.name: one for one in foreign}
    found: dict[str, Sibling] = {}
    border = [world.service.meta.name]
    while border:
        name = border.pop()
        if name not in found and (one := here.get(name) or abroad.get(name)):
            found[name] = one
            border.extend(one.depends_on)
    return tuple(found.values())


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
