"""Which namespace holds how many Anomaly objects of ours, kept up by the cache.

An object counts for its namespace when it names a service that is there, that service owns it by
label and owner reference, and its name is the one that the operator gives: what others made, or
what names a service of another namespace, takes nobody's place.

Both marks, where `Cache.anomalies` takes either: what lost one is still the service's incident, but
a user has edited it, so it is not removed to make room. If it counted, a namespace could fill the
room that is lent with what never gives way. Nothing is decided here; see `world.crowd`.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter, defaultdict
from dataclasses import replace

from anomaly_operator.api.names import LABEL_SERVICE_UID, anomaly_name
from anomaly_operator.incidents.state import IncidentPhase
from anomaly_operator.world.crowd import ClosedObject, Crowd
from anomaly_operator.world.objects import AnomalyObject, Child, Meta, PolicyObject, ServiceObject
from detector_runtime.contract.vocabulary import Severity

Watched = ServiceObject | PolicyObject | AnomalyObject | Child
_FIRST = 4
"""Closed objects of a namespace that a plan is shown: a service opens one incident at a time."""
_RANKS = {one.value: one.rank for one in Severity}


_Place = tuple[str, str, str]
"""Namespace, name and uid of a service."""


class Holdings:
    """`change` is told of every value that the cache exchanges."""

    def __init__(self) -> None:
        self._services: set[_Place] = set()
        self._of: defaultdict[_Place, dict[str, ClosedObject | None]] = defaultdict(dict)
        self._spaces: Counter[str] = Counter()
        self._held: Counter[str] = Counter()
        self._closed: defaultdict[str, list[ClosedObject]] = defaultdict(list)
        self._gave: set[str] = set()

    def crowd(self, limit: int, uid: str = "") -> Crowd:
        """As the service of `uid` sees it; what could give way only where that may be asked."""
        held = {space: count for space, count in self._held.items() if count}
        found = Crowd(limit, len(self._spaces), held, gave=uid in self._gave)
        if not found.crowded:
            return found
        rows = {space: tuple(rows[:_FIRST]) for space, rows in self._closed.items() if rows}
        return replace(found, closed=rows)

    def gave(self, uid: str) -> None:
        """A closed object of the service of `uid` went early."""
        self._gave.add(uid)

    def change(self, old: Watched | None, new: Watched | None) -> None:
        services = isinstance(old, ServiceObject) and isinstance(new, ServiceObject)
        if services and old and new and old.meta.uid == new.meta.uid:
            return  # each detection is such a change
        if isinstance(old, AnomalyObject):
            self._forget(old)
        elif isinstance(old, ServiceObject):
            self._left(old)
        if isinstance(new, AnomalyObject):
            self._take(new)
        elif isinstance(new, ServiceObject):
            self._came(new)

    def _came(self, service: ServiceObject) -> None:
        meta = service.meta
        place = (meta.namespace, meta.name, meta.uid)
        self._services.add(place)
        self._spaces[meta.namespace] += 1
        for closed in self._of.get(place, {}).values():
            self._count(meta.namespace, closed, 1)

    def _left(self, service: ServiceObject) -> None:
        meta = service.meta
        place = (meta.namespace, meta.name, meta.uid)
        self._gave.discard(meta.uid)
        self._services.discard(place)
        self._spaces[meta.namespace] -= 1
        if not self._spaces[meta.namespace]:
            del self._spaces[meta.namespace]
        for closed in self._of.get(place, {}).values():
            self._count(meta.namespace, closed, -1)

    def _take(self, one: AnomalyObject) -> None:
        meta = one.meta
        if meta.name != anomaly_name(one.service, one.fingerprint, one.first_seen):
            return
        uid = _owner(meta)
        if not uid:
            return
        place = (meta.namespace, one.service, uid)
        self._of[place][meta.name] = closed = _closed(one, uid)
        if place in self._services:
            self._count(meta.namespace, closed, 1)

    def _forget(self, one: AnomalyObject) -> None:
        meta = one.meta
        place = (meta.namespace, one.service, _owner(meta))
        if meta.name not in self._of.get(place, {}):
            return
        closed = self._of[place].pop(meta.name)
        if not self._of[place]:
            del self._of[place]
        if place in self._services:
            self._count(meta.namespace, closed, -1)

    def _count(self, space: str, closed: ClosedObject | None, by: int) -> None:
        self._held[space] += by
        if closed is None:
            return
        rows = self._closed[space]
        if by > 0:
            insort(rows, closed)
        else:
            rows.pop(bisect_left(rows, closed))


def _owner(meta: Meta) -> str:
    """Uid of the service, where both the label and an owner reference name it."""
    uid = meta.labels.get(LABEL_SERVICE_UID, "")
    return uid if uid in meta.owners else ""


def _closed(one: AnomalyObject, owner: str) -> ClosedObject | None:
    if one.state != IncidentPhase.CLOSED.value or one.meta.deleting:
        return None
    rank = _RANKS.get(one.severity, Severity.CRITICAL.rank)
    version = one.meta.resource_version
    return ClosedObject(rank, one.closed, one.meta.ref, version, one.meta.name, owner)
