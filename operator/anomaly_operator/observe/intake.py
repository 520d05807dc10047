"""The way of news into the cache, the same for watches, lists and the answers to our own writes.

An object that the cache knows already is not even parsed. Nothing is kept of a child that belongs
to no service known, and the children of one namespace get no more room than its services need. One
listener hears of what changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from anomaly_operator.api import resources
from anomaly_operator.observe.bare import is_bare, is_unread
from anomaly_operator.observe.cache import Cache, Change, Watched
from anomaly_operator.observe.read import (
    anomaly_object,
    bare_child,
    child_object,
    metadata,
    policy_object,
    service_object,
)
from anomaly_operator.world.objects import Meta, PolicyObject, ServiceObject

_KINDS = frozenset(resource.kind for resource in resources.WATCHED)
_CHILDREN = frozenset(resource.kind for resource in resources.CHILDREN)


class Intake:
    """`read` may run in any thread; `put` and `remove` only in that of the listener. `crowded` is
    called for each child that finds no room.
    """

    def __init__(
        self,
        cache: Cache,
        listener: Callable[[Change], None],
        crowded: Callable[[Meta], None] = lambda _meta: None,
    ) -> None:
        self._cache = cache
        self._listener = listener
        self._crowded = crowded

    def read(self, raw: Mapping[str, Any]) -> Watched | None:
        """The value of a raw object; None when it is old news, of a kind not kept or nobody's."""
        if raw.get("kind") not in _KINDS:
            return None
        meta = metadata(raw)
        known = self._cache.get(meta.key)
        ours = raw["kind"] not in _CHILDREN or self._cache.claims(meta)
        if self._cache.knows(meta) and not (ours and is_unread(known)):
            return None
        if ours:
            return _parse(raw, known)
        return bare_child(meta) if known is not None else None

    def put(self, value: Watched, *, written: bool = False) -> bool:
        """Whether it tells anything new. `written`: it is the answer to a write of ours."""
        kept = self._cache.fit(value, written=written)
        if kept is None:
            if not is_bare(value):
                self._crowded(value.meta)
            return False
        change = self._cache.put(kept)
        if change is not None:
            self._listener(change)
        return change is not None

    def remove(self, meta: Meta) -> None:
        change = self._cache.remove(meta)
        if change is not None:
            self._listener(change)

    def gave(self, uid: str) -> None:
        """A closed Anomaly object of the service of `uid` made room for another."""
        self._cache.holdings.gave(uid)

    def take(self, raw: Mapping[str, Any]) -> Watched | None:
        """`read` and `put` the answer to a write of ours; returns what is kept of the object."""
        value = self.read(raw)
        if value is not None:
            self.put(value, written=True)
        return self._cache.get(metadata(raw).key)

    def rewind(self, raw: Mapping[str, Any]) -> None:
        """Take in a version that is older than the known one. Nothing of that one is made use of:
        its generation may have been given anew, to another spec.
        """
        meta = metadata(raw)
        ours = raw["kind"] not in _CHILDREN or self._cache.claims(meta)
        value = self._cache.fit(_parse(raw, None)) if ours else None
        self._listener(self._cache.rewind(value or bare_child(meta)))

    def tell(self, change: Change) -> None:
        """Pass on a change that the cache has made by itself, as a sweep does."""
        self._listener(change)


def _parse(raw: Mapping[str, Any], known: Watched | None) -> Watched:
    if raw["kind"] == resources.SERVICE.kind:
        return service_object(raw, known if isinstance(known, ServiceObject) else None)
    if raw["kind"] == resources.POLICY.kind:
        return policy_object(raw, known if isinstance(known, PolicyObject) else None)
    if raw["kind"] == resources.ANOMALY.kind:
        return anomaly_object(raw)
    return child_object(raw)
