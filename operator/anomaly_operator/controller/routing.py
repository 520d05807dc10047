"""From a change in the cache to the keys that must be looked at again, and how urgently.

Services and policies are reconciled, and namespaces without services; everything else belongs to
one of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice

from anomaly_operator.api import names, resources
from anomaly_operator.controller.workqueue import Priority
from anomaly_operator.incidents.cascade.edges import MAX_DEPTH
from anomaly_operator.observe.cache import Cache, Change, Key, Watched
from anomaly_operator.slo.budgets import read_budgets
from anomaly_operator.world.objects import (
    AnomalyObject,
    Child,
    ClaimState,
    Meta,
    PolicyObject,
    ServiceObject,
)
from anomaly_operator.world.shared import SHARED, namespace_key

Wish = tuple[Key, Priority]

MENDERS = 4
"""Services woken to repair what all share: the first may have a source that is unknown."""


def wishes(change: Change, cache: Cache) -> Iterator[Wish]:
    """Keys to reconcile after `change`, some perhaps twice; the queue keeps each once."""
    value = change.new or change.old
    if isinstance(value, ServiceObject):
        yield from _after_service(change, cache)
    elif isinstance(value, PolicyObject):
        yield from _after_policy(change, cache)
    elif (change.meta.kind, change.meta.name) in SHARED:
        yield from _after_shared(change, cache)
    else:
        for known in (change.old, change.new):
            if known is not None:
                yield from _concerned(known, cache)


def _after_service(change: Change, cache: Cache) -> Iterator[Wish]:
    yield change.meta.key, _urgency(change)
    namespace = change.meta.namespace
    if change.new is None and not cache.has_services(namespace):
        yield namespace_key(namespace), Priority.RESYNC
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
        # Of any depth: it may close a circle, or break one.
        for key in _dependants(change.meta, cache, depth=None):
            yield key, Priority.RESYNC
    elif _standing(change.old) != _standing(change.new):
        for key in _dependants(change.meta, cache):
            yield key, Priority.CHANGE


def _dependants(meta: Meta, cache: Cache, depth: int | None = MAX_DEPTH) -> list[Key]:
    """Those that depend on the service, directly or through others: their status says how it
    stands, and their incidents may come from it. `depth` None: through any number of others."""
    found: dict[Key, None] = {}
    border = [meta.key]
    while border and depth != 0:
        depth = None if depth is None else depth - 1
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


def _after_shared(change: Change, cache: Cache) -> Iterator[Wish]:
    """One service repairs what all share; whoever edits it in a loop must not wake thousands. The
    others see what they need of it at their next look, but for a lost claim."""
    namespace = change.meta.namespace
    if not cache.has_services(namespace):
        yield namespace_key(namespace), Priority.RESYNC
        return
    usable = (one for one in cache.services(namespace) if one.spec and not one.meta.deleting)
    everybody = _lost(change.old) != _lost(change.new)
    for service in usable if everybody else islice(usable, MENDERS):
        yield service.meta.key, Priority.CHANGE


def _lost(value: Watched | None) -> bool:
    return isinstance(value, Child) and value.state == ClaimState("Lost")


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
