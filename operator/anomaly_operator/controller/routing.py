"""From a change in the cache to the keys that must be looked at again, and how urgently.

Only services and policies are reconciled; everything else belongs to one of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace

from anomaly_operator.api import names, resources
from anomaly_operator.controller.workqueue import Priority
from anomaly_operator.incidents.cascade.edges import MAX_DEPTH
from anomaly_operator.observe.cache import Cache, Change, Key, Watched
from anomaly_operator.slo.budgets import read_budgets
from anomaly_operator.world.objects import AnomalyObject, Child, Meta, PolicyObject, ServiceObject

Wish = tuple[Key, Priority]


def wishes(change: Change, cache: Cache) -> Iterator[Wish]:
    """Keys to reconcile after `change`, some perhaps twice; the queue keeps each once."""
    value = change.new or change.old
    if isinstance(value, ServiceObject):
        yield from _after_service(change, cache)
    elif isinstance(value, PolicyObject):
        yield from _after_policy(change, cache)
    elif _changed_hands(change):
        yield from _keys(_owners(change.old) ^ _owners(change.new), change.meta.namespace, cache)
    else:
        for known in (change.old, change.new):
            if known is not None:
                yield from _concerned(known, cache)


def _after_service(change: Change, cache: Cache) -> Iterator[Wish]:
    yield change.meta.key, _urgency(change)
    if _selection(change.old) != _selection(change.new):
        for policy in cache.policies(change.meta.namespace):
            yield policy.meta.key, Priority.RESYNC
    elif _objectives(change.old) != _objectives(change.new) and (
        _burning(change.old) != _burning(change.new)
    ):
        for policy in cache.policies(change.meta.namespace):
            if policy.spec and policy.spec.objectives:
                yield policy.meta.key, Priority.RESYNC
    yield from _after_graph(change, cache)


def _after_graph(change: Change, cache: Cache) -> Iterator[Wish]:
    """Whoever depends on the service, where it comes or goes, depends on others or stands
    otherwise."""
    if _depends(change.old) != _depends(change.new):
        for other in cache.services(change.meta.namespace):
            if other.spec and other.spec.depends_on and other.meta.key != change.meta.key:
                yield other.meta.key, Priority.RESYNC
        for key in _dependants(change.meta, cache):
            if key[1] != change.meta.namespace:
                yield key, Priority.RESYNC
    elif _standing(change.old) != _standing(change.new):
        for key in _dependants(change.meta, cache):
            yield key, Priority.CHANGE


def _dependants(meta: Meta, cache: Cache) -> list[Key]:
    """Those that depend on the service, directly or through others: their status says how it
    stands, and their incidents may come from it."""
    found: dict[Key, None] = {}
    border = [meta.key]
    for _ in range(MAX_DEPTH):
        above = (one for _, *name in border for one in cache.callers(*name))
        border = [key for key in dict.fromkeys(one.meta.key for one in above) if key not in found]
        found |= dict.fromkeys(border)
    return sorted(found.keys() - {meta.key})


def _standing(value: Watched | None) -> object:
    """What a service's status says to those that depend on it. One that comes or goes wakes all
    of them in any case."""
    return (value.severity, value.judged) if isinstance(value, ServiceObject) else None


def _objectives(value: Watched | None) -> bytes:
    return value.objectives if isinstance(value, ServiceObject) else b""


def _burning(value: Watched | None) -> object:
    """What a policy tells at once. It looks at the budgets by itself, every few minutes."""
    found = read_budgets(json.loads(_objectives(value) or b"[]"))
    return tuple((one.name, one.state, one.tier) for one in found)


def _depends(value: Watched | None) -> object:
    """What services that depend on others say of this one: whether it is there, and on whom it
    depends, which may close a circle of any length."""
    if not isinstance(value, ServiceObject) or not _alive(value):
        return None
    return value.spec.depends_on if value.spec else ()


def _alive(value: Watched | None) -> bool:
    return value is not None and not value.meta.deleting


def _after_policy(change: Change, cache: Cache) -> Iterator[Wish]:
    yield change.meta.key, Priority.CHANGE
    if _terms(change.old) == _terms(change.new):
        return  # only its status
    for policy in cache.policies(change.meta.namespace):
        yield policy.meta.key, Priority.CHANGE
    for service in cache.services(change.meta.namespace):
        yield service.meta.key, Priority.CHANGE


def _changed_hands(change: Change) -> bool:
    """Whether nothing but the owners of a child is another. What a namespace shares is owned by all
    its services: each of them would write it for one that comes, if it were woken for that.
    """
    old, new = change.old, change.new
    return isinstance(old, Child) and isinstance(new, Child) and _ownerless(old) == _ownerless(new)


def _ownerless(child: Child) -> Child:
    return replace(child, meta=replace(child.meta, owners=(), resource_version=""))


def _owners(value: Watched | None) -> set[str]:
    return set(value.meta.owners) if value else set()


def _concerned(value: Watched, cache: Cache) -> Iterator[Wish]:
    meta = value.meta
    uids = (*meta.owners, meta.labels.get(names.LABEL_SERVICE_UID, ""))
    yield from _keys(uids, meta.namespace, cache)
    if isinstance(value, AnomalyObject) and value.service:
        yield (resources.SERVICE.kind, meta.namespace, value.service), Priority.CHANGE


def _keys(uids: Iterable[str], namespace: str, cache: Cache) -> Iterator[Wish]:
    for uid in uids:
        service = cache.service_of_uid(uid)
        if service is not None and service.meta.namespace == namespace:
            yield service.meta.key, Priority.CHANGE


def _urgency(change: Change) -> Priority:
    """A new detection is folded before anything else is done."""
    old, new = change.old, change.new
    if not isinstance(old, ServiceObject) or not isinstance(new, ServiceObject):
        return Priority.CHANGE
    return Priority.CHANGE if old.detection == new.detection else Priority.DETECTION


def _selection(value: Watched | None) -> object:
    """What a policy's selector, reference and count of services depend on."""
    if not isinstance(value, ServiceObject) or value.meta.deleting:
        return None
    return value.meta.uid, value.meta.generation, dict(value.meta.labels)


def _terms(value: Watched | None) -> object:
    if value is None or value.meta.deleting:
        return None
    return value.meta.uid, value.meta.generation
