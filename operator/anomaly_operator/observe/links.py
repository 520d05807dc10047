"""Who names whom, turned round: the callers of a service, and the symptoms of an incident.

Both reach over namespaces, and both are asked about services that may not be there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator
from typing import TypeVar

from anomaly_operator.world.objects import AnomalyObject, Child, PolicyObject, ServiceObject
from anomaly_operator.world.peers import target_of

_Key = tuple[str, str, str]
Bucket = TypeVar("Bucket", bound=Hashable)
_Index = defaultdict[tuple[str, str], set[_Key]]


class Links:
    """Kept up by the cache: `remove` undoes what `add` did for the same value."""

    def __init__(self) -> None:
        self._callers: _Index = defaultdict(set)
        self._symptoms: _Index = defaultdict(set)

    def callers(self, namespace: str, name: str) -> list[_Key]:
        """The services that name this one in `spec.dependsOn`, whether the admin allows it or
        not."""
        return sorted(self._callers.get((namespace, name), ()))

    def symptoms(self, namespace: str, anomaly: str) -> list[_Key]:
        """The Anomaly objects whose root is this one."""
        return sorted(self._symptoms.get((namespace, anomaly), ()))

    def add(self, value: ServiceObject | PolicyObject | AnomalyObject | Child) -> None:
        for index, target in self._targets(value):
            index[target].add(value.meta.key)

    def remove(self, value: ServiceObject | PolicyObject | AnomalyObject | Child) -> None:
        for index, target in self._targets(value):
            discard(index, target, value.meta.key)

    def _targets(
        self, value: ServiceObject | PolicyObject | AnomalyObject | Child
    ) -> Iterator[tuple[_Index, tuple[str, str]]]:
        if isinstance(value, ServiceObject) and value.spec is not None:
            for one in value.spec.depends_on:
                yield self._callers, target_of(one, value.meta.namespace)
        elif isinstance(value, AnomalyObject) and value.root is not None:
            yield self._symptoms, (value.root.service.namespace, value.root.anomaly)


def discard(index: defaultdict[Bucket, set[_Key]], bucket: Bucket, key: _Key) -> None:
    """Take `key` out, and the bucket with its last one."""
    index[bucket].discard(key)
    if not index[bucket]:
        del index[bucket]
