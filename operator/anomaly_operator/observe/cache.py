"""The operator's picture of the cluster: trimmed typed values, indexed by what reconciles ask.

Our own, because kopf never notices what was deleted while a watch was down and its index starts
in quadratic time. Older news never replace newer ones, unless a full list shows that etcd was
restored from a backup; a sweep removes what a full list no longer has. The cache changes nothing in
the cluster and knows nothing of queues.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from anomaly_operator.api import resources
from anomaly_operator.observe.bare import fills, is_bare
from anomaly_operator.observe.belonging import is_incident_of, may_own, services_of, uids_of
from anomaly_operator.observe.holdings import Holdings
from anomaly_operator.observe.links import Links, discard
from anomaly_operator.observe.room import Room
from anomaly_operator.observe.trainings import Trainings
from anomaly_operator.observe.versions import newer, older
from anomaly_operator.world.objects import (
    AnomalyObject,
    Child,
    Meta,
    PolicyObject,
    ServiceObject,
)
from anomaly_operator.world.shared import SHARED

Watched = ServiceObject | PolicyObject | AnomalyObject | Child
Key = tuple[str, str, str]
"""Kind, namespace, name."""
_SHARED_KINDS = frozenset(kind for kind, _ in SHARED)


@dataclass(frozen=True, slots=True)
class Change:
    """`old` None: it is new. `new` None: it is gone."""

    old: Watched | None
    new: Watched | None

    @property
    def meta(self) -> Meta:
        known = self.new or self.old
        assert known is not None
        return known.meta


@dataclass(slots=True)
class Sweep:
    """A full list under way: what it has not seen in the end is a ghost. `heard`: what has been
    taken in since it began, so that the list may be older there.
    """

    kind: str
    namespaces: frozenset[str]
    seen: set[Key] = field(default_factory=set)
    heard: set[Key] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)

    def covers(self, key: Key) -> bool:
        return key[0] == self.kind and (not self.namespaces or key[1] in self.namespaces)


class Cache:
    """Objects by key, by namespace and by the uid of the service that they belong to."""

    def __init__(self) -> None:
        self._objects: dict[Key, Watched] = {}
        self._by_namespace: defaultdict[tuple[str, str], set[Key]] = defaultdict(set)
        self._namespaces: Counter[str] = Counter()
        self._by_service: defaultdict[str, set[Key]] = defaultdict(set)
        self._service_keys: dict[str, Key] = {}
        self._links = Links()
        self._trainings = Trainings()
        self.holdings = Holdings()
        self.room = Room()
        self._counts: Counter[str] = Counter()
        self._sweeps: list[Sweep] = []

    def __len__(self) -> int:
        return len(self._objects)

    def get(self, key: Key) -> Watched | None:
        return self._objects.get(key)

    def knows(self, meta: Meta) -> bool:
        """Is this very version, or a newer one, here already?"""
        known = self._objects.get(meta.key)
        return known is not None and not newer(meta, known.meta)

    def put(self, value: Watched) -> Change | None:
        """Take a version in; None when it tells nothing new."""
        meta = value.meta
        for sweep in self._sweeps:
            if sweep.covers(meta.key):
                sweep.seen.add(meta.key)
                if meta.uid in sweep.gone:
                    return None  # deleted while the list was on its way
        old = self._objects.get(meta.key)
        if old is not None and not (newer(meta, old.meta) or fills(value, old)):
            return None
        return self._exchange(old, value)

    def fit(self, value: Watched, *, written: bool = False) -> Watched | None:
        """What of a version is kept, see `Room`; None: nothing, as nobody's child or one too many.
        `written`: it is the answer to a write of ours.
        """
        if not isinstance(value, Child):
            return value
        meta, old = value.meta, self._objects.get(value.meta.key)
        if is_bare(value):
            return value if old is not None else None
        services = len(self._by_namespace.get((resources.SERVICE.kind, meta.namespace), ()))
        return self.room.fit(value, old, services, written=written)

    def claims(self, meta: Meta) -> bool:
        """May an object of a child's kind be ours: named as what the namespace shares, or of a
        service of its namespace, by owner or by label. A kind that is shared is of no service, and
        a CronJob is of the one that it is named after.
        """
        if meta.kind in _SHARED_KINDS:
            return (meta.kind, meta.name) in SHARED
        services = map(self.service_of_uid, uids_of(meta))
        return any(one is not None and may_own(one.meta, meta) for one in services)

    def rewound(self, sweep: Sweep, meta: Meta) -> bool:
        """Does a full list show an older version than was here before it was asked for? The list
        is as new as etcd, however far an API server lags, so etcd was restored from a backup.
        """
        known = self._objects.get(meta.key)
        if known is None or meta.key in sweep.heard or meta.uid in sweep.gone:
            return False
        return older(meta, known.meta)

    def rewind(self, value: Watched) -> Change:
        """Take a version in though it is older: history goes on from there."""
        return self._exchange(self._objects.get(value.meta.key), value)

    def remove(self, meta: Meta) -> Change | None:
        """Forget an object that was deleted; None when it is not the one that is known."""
        for sweep in self._sweeps:
            if sweep.covers(meta.key):
                sweep.gone.add(meta.uid)
        known = self._objects.get(meta.key)
        if known is None or known.meta.uid != meta.uid:
            return None
        return self._drop(known)

    def begin_sweep(self, kind: str, namespaces: Iterable[str] = ()) -> Sweep:
        """Start before the list is asked for; empty `namespaces` means all."""
        sweep = Sweep(kind, frozenset(namespaces))
        self._sweeps.append(sweep)
        return sweep

    def abandon_sweep(self, sweep: Sweep) -> None:
        self._sweeps.remove(sweep)

    def finish_sweep(self, sweep: Sweep) -> list[Change]:
        """Remove the ghosts: what is here and was neither listed nor heard of since."""
        self._sweeps.remove(sweep)
        ghosts = [
            value
            for key, value in self._objects.items()
            if sweep.covers(key) and key not in sweep.seen
        ]
        return [self._drop(ghost) for ghost in ghosts]

    def service(self, namespace: str, name: str) -> ServiceObject | None:
        value = self._objects.get((resources.SERVICE.kind, namespace, name))
        return value if isinstance(value, ServiceObject) else None

    def service_of_uid(self, uid: str) -> ServiceObject | None:
        value = self._objects.get(self._service_keys.get(uid, ("", "", "")))
        return value if isinstance(value, ServiceObject) else None

    def services(self, namespace: str = "") -> Iterator[ServiceObject]:
        """Services of one namespace, or of all."""
        for value in self._of_kind(resources.SERVICE.kind, namespace):
            if isinstance(value, ServiceObject):
                yield value

    def policies(self, namespace: str = "") -> Iterator[PolicyObject]:
        for value in self._of_kind(resources.POLICY.kind, namespace):
            if isinstance(value, PolicyObject):
                yield value

    def children(self, namespace: str, uid: str) -> dict[tuple[str, str], Child]:
        """By (kind, name): what belongs to the service of that uid, the namespace's shared
        objects included.
        """
        keys = {key for key in self._by_service.get(uid, ()) if key[1] == namespace}
        keys |= {(kind, namespace, name) for kind, name in SHARED}
        values = ((key, self._objects.get(key)) for key in keys)
        return {(key[0], key[2]): value for key, value in values if isinstance(value, Child)}

    def shared(self, namespace: str) -> list[Child]:
        """What its services share, in the order of `SHARED`."""
        values = (self._objects.get((kind, namespace, name)) for kind, name in SHARED)
        return [value for value in values if isinstance(value, Child)]

    def has_services(self, namespace: str) -> bool:
        """Those included that are being deleted."""
        return (resources.SERVICE.kind, namespace) in self._by_namespace

    def namespaces_with_services(self) -> int:
        """Asked at each reconcile, so it is not counted then."""
        return self._namespaces[resources.SERVICE.kind]

    def left_behind(self) -> list[str]:
        """The namespaces that have something which services share, and no service."""
        kinds = {kind for kind, _ in SHARED}
        found = {space for kind, space in self._by_namespace if kind in kinds}
        return sorted(one for one in found if self.shared(one) and not self.has_services(one))

    def anomalies(self, uid: str) -> list[AnomalyObject]:
        """The incidents of the service of that uid, by name. The uid alone, in a label or an owner
        reference, makes none: anybody may write it on an object of their own, in any namespace.
        """
        service = self.service_of_uid(uid)
        if service is None:
            return []
        values = (self._objects[key] for key in sorted(self._by_service.get(uid, ())))
        return [
            value
            for value in values
            if isinstance(value, AnomalyObject) and is_incident_of(value, service.meta)
        ]

    def callers(self, namespace: str, name: str) -> list[ServiceObject]:
        """The services of all namespaces that name this one in `spec.dependsOn`."""
        values = (self._objects[key] for key in self._links.callers(namespace, name))
        return [value for value in values if isinstance(value, ServiceObject)]

    def symptoms(self, namespace: str, anomaly: str) -> list[AnomalyObject]:
        """The incidents of all namespaces whose root is this one."""
        values = (self._objects[key] for key in self._links.symptoms(namespace, anomaly))
        return [value for value in values if isinstance(value, AnomalyObject)]

    def count(self, kind: str) -> int:
        """Objects of all namespaces; asked at each reconcile, so it is not counted then."""
        return self._counts[kind]

    def trainings(self) -> Iterator[tuple[Key, bool]]:
        """Services with a training Job that has not ended, and whether it is not suspended."""
        return self._trainings.of_services(self.service_of_uid)

    def _of_kind(self, kind: str, namespace: str) -> Iterator[Watched]:
        if namespace:
            spaces = [(kind, namespace)]
        else:
            spaces = [space for space in self._by_namespace if space[0] == kind]
        for space in spaces:
            for key in sorted(self._by_namespace.get(space, ())):
                yield self._objects[key]

    def _exchange(self, old: Watched | None, value: Watched) -> Change:
        for sweep in self._sweeps:
            if sweep.covers(value.meta.key):
                sweep.heard.add(value.meta.key)
        if old is not None:
            self._unindex(old)
        self._index(value)
        self.holdings.change(old, value)
        self.room.change(old, value)
        return Change(old, value)

    def _drop(self, value: Watched) -> Change:
        self._unindex(value)
        del self._objects[value.meta.key]
        self.holdings.change(value, None)
        self.room.change(value, None)
        return Change(value, None)

    def _index(self, value: Watched) -> None:
        meta = value.meta
        self._objects[meta.key] = value
        self._counts[meta.kind] += 1
        in_namespace = self._by_namespace[meta.kind, meta.namespace]
        self._namespaces[meta.kind] += not in_namespace
        in_namespace.add(meta.key)
        for uid in services_of(value):
            self._by_service[uid].add(meta.key)
        if isinstance(value, ServiceObject):
            self._service_keys[meta.uid] = meta.key
        self._links.add(value)
        self._trainings.add(value)

    def _unindex(self, value: Watched) -> None:
        meta = value.meta
        self._service_keys.pop(meta.uid, None)
        self._trainings.remove(value)
        self._counts[meta.kind] -= 1
        space = (meta.kind, meta.namespace)
        discard(self._by_namespace, space, meta.key)
        self._namespaces[meta.kind] -= space not in self._by_namespace
        for uid in services_of(value):
            discard(self._by_service, uid, meta.key)
        self._links.remove(value)
