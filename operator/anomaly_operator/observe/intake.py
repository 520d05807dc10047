"""The way of news into the cache, the same for watches, lists and the answers to our own writes.

An object that the cache knows already is not even parsed, and of a child that belongs to no service
known only the identity is kept; one listener hears of what changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from anomaly_operator.api import resources
from anomaly_operator.observe.cache import Cache, Change, Watched, is_bare
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
    """`read` may run in any thread; `put` and `remove` only in that of the listener."""

    def __init__(self, cache: Cache, listener: Callable[[Change], None]) -> None:
        self._cache = cache
        self._listener = listener

    def read(self, raw: Mapping[str, Any]) -> Watched | None:
        """The value of a raw object; None when it is old news or of a kind not kept."""
        if raw.get("kind") not in _KINDS:
            return None
        meta = metadata(raw)
        known = self._cache.get(meta.key)
        ours = raw["kind"] not in _CHILDREN or self._cache.claims(meta)
        if self._cache.knows(meta) and not (ours and is_bare(known)):
            return None
        return _parse(raw, known) if ours else bare_child(meta)

    def put(self, value: Watched) -> None:
        change = self._cache.put(value)
        if change is not None:
            self._listener(change)

    def remove(self, meta: Meta) -> None:
        change = self._cache.remove(meta)
        if change is not None:
            self._listener(change)

    def take(self, raw: Mapping[str, Any]) -> None:
        """`read` and `put`, for objects that come as the answer to a request."""
        value = self.read(raw)
        if value is not None:
            self.put(value)

    def rewind(self, raw: Mapping[str, Any]) -> None:
        """Take in a version that is older than the known one. Nothing of that one is made use of:
        its generation may have been given anew, to another spec.
        """
        meta = metadata(raw)
        ours = raw["kind"] not in _CHILDREN or self._cache.claims(meta)
        self._listener(self._cache.rewind(_parse(raw, None) if ours else bare_child(meta)))

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
