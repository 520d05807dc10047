"""Keeps the siblings of each namespace from one reconcile to the next.

A service writes its status far more often than it changes what its siblings see of it, so they are
put together anew only for that.
"""

from __future__ import annotations

from anomaly_operator.observe.cache import Cache, Change
from anomaly_operator.world.objects import ServiceObject, Sibling
from anomaly_operator.world.siblings import Siblings, sibling


class SiblingIndex:
    """Reads a namespace from the cache when first asked for it; `take` hears of every change from
    then on."""

    def __init__(self, cache: Cache, open_namespaces: frozenset[str]) -> None:
        self._cache = cache
        self._open = open_namespaces
        self._known: dict[str, dict[str, Sibling]] = {}
        self._made: dict[str, Siblings] = {}

    def of(self, namespace: str) -> Siblings:
        made = self._made.get(namespace)
        if made is None:
            made = self._made[namespace] = Siblings(dict(self._load(namespace)))
        return made

    def take(self, change: Change) -> None:
        value = change.new or change.old
        if not isinstance(value, ServiceObject):
            return
        known = self._known.get(value.meta.namespace)
        if known is None:
            return
        name = value.meta.name
        alive = isinstance(change.new, ServiceObject) and not change.new.meta.deleting
        seen = sibling(value, self._open) if alive else None
        if known.get(name) == seen:
            return
        if seen is None:
            del known[name]
        else:
            known[name] = seen
        self._made.pop(value.meta.namespace, None)
        if not known:
            del self._known[value.meta.namespace]

    def _load(self, namespace: str) -> dict[str, Sibling]:
        known = self._known.get(namespace)
        if known is None:
            known = self._known[namespace] = read_siblings(self._cache, namespace, self._open)
        return known


def read_siblings(
    cache: Cache, namespace: str, open_namespaces: frozenset[str]
) -> dict[str, Sibling]:
    """By name, as the cache has them now."""
    alive = (one for one in cache.services(namespace) if not one.meta.deleting)
    return {one.meta.name: sibling(one, open_namespaces) for one in alive}
