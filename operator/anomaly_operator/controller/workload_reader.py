"""Reads what a workload went through, in a handful of requests that can fail nothing.

An incident is opened whether or not its changes are known: whatever the API server does not give
is noted in the answer, and the next anomalous window asks again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from anomaly_operator.api import resources
from anomaly_operator.api.errors import ApiError, ForbiddenError, NotFoundError, UnreachableError
from anomaly_operator.api.reasons import Reason
from anomaly_operator.api.resources import Resource
from anomaly_operator.client.kube import Kube, Object
from anomaly_operator.observe import workload as values
from anomaly_operator.spec.workload import WorkloadKind
from anomaly_operator.world.plan import ReadWorkload
from anomaly_operator.world.workload import NodeTrouble, Unread, Workload

MAX_OBJECTS = 500
"""Of each list: one page. A workload with more pods is told of by these."""
MAX_NODES = 10


T = TypeVar("T")


async def read_workload(kube: Kube, lookup: ReadWorkload) -> Workload:
    """The answer. Raises nothing of the API."""
    return await _Reader(kube, lookup.namespace).read(lookup)


@dataclass(slots=True)
class _Reader:
    kube: Kube
    namespace: str
    unread: list[Unread] = field(default_factory=list)
    silent: bool = False
    """A server that did not answer is not asked for the rest: an incident waits for this."""

    async def read(self, lookup: ReadWorkload) -> Workload:
        found = await self._found(lookup)
        if found is None:
            return Workload(unread=tuple(self.unread))
        uid, selector = str(found["metadata"].get("uid", "")), values.selector_text(found)
        kind = WorkloadKind(found["kind"])
        revisions = await self._list(_revisions_of(kind), labels=selector)
        pods = await self._list(resources.POD, labels=selector) if selector else []
        events = await self._list(resources.EVENT, fields=f"regarding.uid={uid}")
        nodes = await self._nodes(pods) if lookup.nodes else ()
        return Workload(
            kind=kind.value,
            name=lookup.name,
            revisions=_present(values.revision(raw, uid) for raw in revisions),
            ends=tuple(end for raw in pods for end in values.container_ends(raw)),
            scalings=_present(map(values.scaling, events)),
            nodes=tuple(nodes),
            unread=tuple(self.unread),
        )

    async def _found(self, lookup: ReadWorkload) -> Object | None:
        for kind in lookup.kinds:
            resource = resources.of(kind.api_version, kind.value)
            raw = await self._get(resource, self.namespace, lookup.name)
            if raw is not None:
                # The server names the kind of an object that is read by its name.
                return {**raw, "kind": kind.value}
        return None

    async def _nodes(self, pods: list[Object]) -> Iterable[NodeTrouble]:
        names = sorted({name for raw in pods if (name := values.node_name(raw))})
        found: list[NodeTrouble] = []
        for name in names[:MAX_NODES]:
            raw = await self._get(resources.NODE, "", name)
            found += values.node_trouble(raw) if raw else ()
        return found

    async def _get(self, resource: Resource, namespace: str, name: str) -> Object | None:
        if self.silent:
            return None
        try:
            return await self.kube.get(resource, namespace, name)
        except ApiError as error:
            self._note(resource, error)
            return None

    async def _list(
        self, resource: Resource, *, labels: str = "", fields: str = ""
    ) -> list[Object]:
        if self.silent:
            return []
        try:
            async for page in self.kube.pages(
                resource, self.namespace, labels=labels, fields=fields
            ):
                return page[:MAX_OBJECTS]
        except ApiError as error:
            self._note(resource, error)
        return []

    def _note(self, resource: Resource, error: ApiError) -> None:
        match error:
            case ForbiddenError():
                reason, said = Reason.FORBIDDEN, ""
            case NotFoundError():
                reason, said = Reason.KIND_NOT_SERVED, ""
            case _:
                reason, said = Reason.SERVER_ERROR, error.reason
        self.silent = self.silent or isinstance(error, UnreachableError)
        one = Unread(resource.plural, reason, said)
        if one not in self.unread:
            self.unread.append(one)


def _revisions_of(kind: WorkloadKind) -> Resource:
    by_replica_sets = {WorkloadKind.DEPLOYMENT, WorkloadKind.ROLLOUT}
    return resources.REPLICA_SET if kind in by_replica_sets else resources.CONTROLLER_REVISION


def _present(found: Iterable[T | None]) -> tuple[T, ...]:
    return tuple(one for one in found if one is not None)
