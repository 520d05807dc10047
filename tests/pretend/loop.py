"""The operator's own loop, with its queue and workers, on a pretended cluster."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from operator import itemgetter
from typing import Any

from anomaly_operator.api.errors import ConflictError, ForbiddenError, NotFoundError
from anomaly_operator.api.names import STATUS_FIELD_MANAGER
from anomaly_operator.api.reasons import Reason
from anomaly_operator.api.resources import RULE, Resource
from anomaly_operator.controller.execute import Executor
from anomaly_operator.controller.loop import Controller, Reconcilers
from anomaly_operator.controller.workqueue import WorkQueue
from anomaly_operator.reconcile import namespace, service, slo_policy
from anomaly_operator.telemetry.metrics import Metrics
from anomaly_operator.world.plan import (
    Apply,
    ApplyStatus,
    Create,
    EventSpec,
    ObjectRef,
    Write,
    object_of,
)
from tests.pretend.api_server import Conflict, Json
from tests.pretend.cluster import Cluster

_UNLISTED = {
    Reason.KIND_NOT_SERVED: NotFoundError(404, "404 NotFound: no such resource", "list /rules"),
    Reason.FORBIDDEN: ForbiddenError(403, "403 Forbidden: cannot list", "list /rules"),
}


class PretendKube:
    """The API client of a pretended cluster. `before` is asked first and may raise."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.written: list[tuple[str, str]] = []
        self.listed: Counter[str] = Counter()
        self.before: Callable[[Write], None] = lambda _action: None

    @property
    def counts(self) -> Counter[tuple[str, str]]:
        return Counter(self.written)

    async def get(self, resource: Resource, namespace: str, name: str) -> Json | None:
        await asyncio.sleep(0)
        return copy.deepcopy(self.cluster.objects.get((resource.kind, namespace, name)))

    async def pages(self, resource: Resource, *_: Any, **__: Any) -> AsyncIterator[list[Json]]:
        self.listed[resource.kind] += 1
        if resource is RULE and self.cluster.unlisted is not None:
            raise _UNLISTED[self.cluster.unlisted]
        yield copy.deepcopy(self.cluster.of_kind(resource.kind))

    async def any(self, resource: Resource, namespace: str) -> bool:
        await asyncio.sleep(0)
        self.listed[resource.kind] += 1
        if self.cluster.unlisted is not None:
            raise _UNLISTED[self.cluster.unlisted]
        return any(key[:2] == (resource.kind, namespace) for key in self.cluster.objects)

    async def merge(
        self, resource: Resource, namespace: str, name: str, patch: Mapping[str, Any]
    ) -> Json:
        """Of metadata alone, as taking owners away needs no more."""
        await asyncio.sleep(0)
        self.written.append((resource.kind, name))
        version = patch["metadata"]["resourceVersion"]
        assert version
        raw = self._at(resource, namespace, name, version)
        changed = {**raw["metadata"], **patch["metadata"]}
        raw["metadata"] = {key: value for key, value in changed.items() if value is not None}
        return copy.deepcopy(self.cluster._store(raw))

    async def delete(
        self, resource: Resource, namespace: str, name: str, *, uid: str, resource_version: str = ""
    ) -> None:
        await asyncio.sleep(0)
        self.written.append((resource.kind, name))
        known = self.cluster.objects.get((resource.kind, namespace, name))
        if known is None:
            raise NotFoundError(404, "404 NotFound", f"delete {name}")
        if known["metadata"]["uid"] != uid:
            raise ConflictError(409, "another uid", f"delete {name}")
        if resource_version not in ("", known["metadata"]["resourceVersion"]):
            raise ConflictError(409, "another version", f"delete {name}")
        self.cluster.remove(resource.kind, name, namespace)

    async def apply(self, manifest: Json, uid: str = "") -> Json:
        return await self._write(Apply(manifest, uid), manifest["metadata"])

    async def create(self, manifest: Json) -> Json:
        return await self._write(Create(manifest), manifest["metadata"])

    async def apply_status(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        *,
        uid: str,
        resource_version: str,
        status: Mapping[str, Any],
        manager: str = STATUS_FIELD_MANAGER,
    ) -> Json:
        if manager != STATUS_FIELD_MANAGER:
            known = self.cluster.get(resource.kind, name, namespace).get("status", {})
            status = {**known, **status}
        target = ObjectRef(resource.api_version, resource.kind, namespace, name, uid)
        action = ApplyStatus(target, resource_version, status)
        return await self._write(action, {"namespace": namespace, "name": name})

    def _at(self, resource: Resource, namespace: str, name: str, version: str) -> Json:
        raw = copy.deepcopy(self.cluster.get(resource.kind, name, namespace))
        if version not in ("", raw["metadata"]["resourceVersion"]):
            raise ConflictError(409, "another version", f"{resource.kind} {name}")
        return raw

    async def _write(self, action: Write, metadata: Mapping[str, Any]) -> Json:
        await asyncio.sleep(0)
        self.before(action)
        kind, name = object_of(action)
        self.written.append((kind, name))
        try:
            self.cluster.act(action)
        except Conflict as error:
            raise ConflictError(409, "another version", f"{kind} {error}") from error
        await asyncio.sleep(0)
        return copy.deepcopy(self.cluster.get(kind, name, metadata["namespace"]))


class Loop:
    """A controller that has started; `calm` runs its workers until nothing is left to do."""

    def __init__(self, cluster: Cluster, workers: int = 8) -> None:
        self.kube = PretendKube(cluster)
        self.events: list[EventSpec] = []
        self.metrics = Metrics("test")
        self.queue: WorkQueue[tuple[str, str, str]] = WorkQueue(time.monotonic, group=itemgetter(1))
        self.controller = Controller(
            settings=cluster.settings,
            cache=cluster.cache,
            queue=self.queue,
            recorder=self,  # type: ignore[arg-type]
            metrics=self.metrics,
            reconcilers=Reconcilers(service.reconcile, slo_policy.reconcile, namespace.reconcile),
            wall=lambda: float(cluster.now),
        )
        self._executor = Executor(
            self.kube,  # type: ignore[arg-type]
            cluster.listen(self.controller.changed),
        )
        self._workers = workers
        self.controller.start()

    def post(self, event: EventSpec) -> None:
        """As the recorder does."""
        self.events.append(event)

    async def calm(self, seconds: float = 0.05) -> None:
        """Work until the queue has been empty and everybody idle for `seconds`."""
        async with self._working():
            since = time.monotonic()
            while time.monotonic() - since < seconds:
                await asyncio.sleep(0.005)
                if self.queue.depth() or not self.controller._idle.is_set():
                    since = time.monotonic()

    async def until(self, done: Callable[[], bool], seconds: float = 30.0) -> None:
        """Work until `done`, through every back-off. Raises TimeoutError if it never is."""
        async with self._working(), asyncio.timeout(seconds):
            while not done():
                await asyncio.sleep(0.005)

    @contextlib.asynccontextmanager
    async def _working(self) -> AsyncIterator[None]:
        workers = [
            asyncio.create_task(self.controller.work(self._executor)) for _ in range(self._workers)
        ]
        try:
            yield
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
