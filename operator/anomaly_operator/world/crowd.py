"""How full the cluster is of Anomaly objects, and which closed ones may give their room away.

Half of what the admin allows is reserved, in equal shares, for the namespaces that have services;
the other half is for whoever needs it. So a namespace within its share finds room whatever its
neighbours hold, open or closed. Only objects count that the operator made for a service that is
there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from anomaly_operator.world.plan import ObjectRef
from detector_runtime.contract.vocabulary import Severity

UNLIMITED = 1_000_000
ROOM_AGAIN = 0.95
"""Part of the limit under which a full cluster counts as having room again, so that a condition
does not change with each object."""


@dataclass(frozen=True, slots=True, order=True)
class ClosedObject:
    """A closed Anomaly object; the order is that in which they go: mildest, then oldest."""

    rank: int
    closed: int
    target: ObjectRef = field(compare=False)
    resource_version: str = field(compare=False)
    name: str = ""
    owner: str = field(default="", compare=False)
    """Uid of its service."""


@dataclass(frozen=True, slots=True)
class Crowd:
    """`limit`: objects that the cluster may hold. `namespaces`: how many have services. `held`:
    objects by namespace. `closed`: by namespace the first few that would go, in order; empty while
    there is room for more than a plan can need. `gave`: closed objects of the service that is
    looked at went early.
    """

    limit: int = UNLIMITED
    namespaces: int = 1
    held: Mapping[str, int] = field(default_factory=dict)
    closed: Mapping[str, tuple[ClosedObject, ...]] = field(default_factory=dict)
    gave: bool = False

    @property
    def share(self) -> int:
        """Objects that each namespace has room for in any case; at least one where the limit
        admits that."""
        count = max(self.namespaces, 1)
        return max(self.limit // (2 * count), 1 if self.limit >= count else 0)

    @property
    def claimed(self) -> int:
        """Objects that are there, and those that namespaces may still make within their share."""
        share = self.share
        waiting = max(self.namespaces - len(self.held), 0) * share
        return waiting + sum(max(count, share) for count in self.held.values())

    @property
    def crowded(self) -> bool:
        return self.claimed >= ROOM_AGAIN * self.limit

    def admit(
        self, namespace: str, severity: Severity, *, may_displace: bool = True
    ) -> tuple[Crowd, tuple[ClosedObject, ...]] | None:
        """The crowd with one more object of `namespace`, and the closed ones that go for it. None
        where it has to do without.

        Within its share a namespace is always admitted. Beyond it, it takes what nobody claims, or
        the place of a closed object that is not worse, of a namespace that holds as many.
        """
        wanted = self.held.get(namespace, 0) + 1
        grown = _with(self, namespace, wanted)
        gone: list[ClosedObject] = []
        while grown.claimed > self.limit:
            found = next(_displaceable(grown, namespace, severity), None) if may_displace else None
            if found is None:
                break
            gone.append(found)
            grown = _without(grown, found)
        if grown.claimed > self.limit and wanted > self.share:
            return None
        return grown, tuple(gone)


def _displaceable(crowd: Crowd, newcomer: str, severity: Severity) -> Iterator[ClosedObject]:
    """What may go, of the namespace that is furthest above its share first."""
    most = sorted(crowd.closed, key=lambda one: (-crowd.held.get(one, 0), one))
    for space in most:
        count = crowd.held.get(space, 0)
        if count <= crowd.share or (space != newcomer and count < crowd.held[newcomer]):
            continue
        yield from (one for one in crowd.closed[space][:1] if one.rank <= severity.rank)


def _with(crowd: Crowd, namespace: str, count: int) -> Crowd:
    return replace(crowd, held={**crowd.held, namespace: count})


def _without(crowd: Crowd, gone: ClosedObject) -> Crowd:
    space = gone.target.namespace
    rest = tuple(one for one in crowd.closed[space] if one != gone)
    less = _with(crowd, space, crowd.held[space] - 1)
    return replace(less, closed={**crowd.closed, space: rest})
