"""How much is kept of the children in one namespace.

Whoever edits a namespace decides how many of its objects carry the uid of a service and how full
they are, and so would decide what the operator holds in memory. Nothing is forgotten here: what is
kept already only loses what is not needed to go on with it, and what the operator has written
itself always finds room.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from anomaly_operator.api import names
from anomaly_operator.observe.bare import LEAN, is_bare
from anomaly_operator.observe.read import MAX_OWNERS
from anomaly_operator.world.objects import Child

FIRST = 4 * 2**20
"""Bytes for each namespace that has children, however few services."""
EACH = 64 * 2**10
"""Bytes for each service there. Its CronJob, three ConfigMaps and ten Jobs take 41 KB."""
OURS = 16 * 2**10
"""Bytes of a child that nobody has filled, at most; a CronJob as rendered takes 8 KiB."""
_OBJECT = 1_000
"""Bytes that an object takes beside its text, measured with 100,000 of them."""
_TEXT = 50
"""Bytes that a text takes beside its characters."""
_NEEDED = frozenset(
    {
        names.LABEL_MANAGED_BY,
        names.LABEL_COMPONENT,
        names.LABEL_SERVICE,
        names.LABEL_SERVICE_UID,
        names.LABEL_WATCHED,
        names.LABEL_MODELS,
        names.LABEL_ANOMALY,
    }
)


class Room:
    """Bytes by namespace. `change` is told of every value that the cache exchanges."""

    def __init__(self) -> None:
        self._held: Counter[str] = Counter()

    def held(self, namespace: str) -> int:
        return self._held[namespace]

    def change(self, old: object, new: object) -> None:
        for value, sign in ((old, -1), (new, 1)):
            if isinstance(value, Child):
                self._held[value.meta.namespace] += sign * size(value)
                if not self._held[value.meta.namespace]:
                    del self._held[value.meta.namespace]

    def fit(self, value: Child, old: object, services: int, *, written: bool) -> Child | None:
        """What to keep of `value` in the place of `old`; None: nothing. `services`: those of its
        namespace; `written`: it is the answer to a write of ours.
        """
        wanted, before = size(value), size(old) if isinstance(old, Child) else 0
        held = self._held[value.meta.namespace] - before + wanted
        if wanted <= before or held <= FIRST + EACH * services:
            return value
        if written and wanted <= OURS:
            return value
        known = isinstance(old, Child) and not is_bare(old)
        return lean(value) if known or written else None


def size(child: Child) -> int:
    """Bytes, roughly."""
    texts = (*child.meta.labels, *child.meta.labels.values(), *child.meta.owners)
    return _OBJECT + len(child.body) + sum(len(text) + _TEXT for text in texts)


def lean(child: Child) -> Child:
    """Whose it is, its version and its state. It never passes for as rendered."""
    labels = {key: text for key, text in child.meta.labels.items() if key in _NEEDED}
    meta = replace(child.meta, labels=labels, owners=child.meta.owners[:MAX_OWNERS])
    return replace(child, meta=meta, body=child.body and LEAN)
