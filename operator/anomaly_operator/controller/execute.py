"""Carries plans out: lookups are answered, actions done one after the other, the first failure
ends the plan.

What is written is put into the cache at once, so that the next reconcile sees its own work and
not the world before it. What a plan calls done although it fails (a Job that is there already, an
object that is gone already) is done.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Any

from anomaly_operator.api import names, resources
from anomaly_operator.api.errors import (
    AlreadyExistsError,
    ApiError,
    ConflictError,
    ForbiddenError,
    NameConflictError,
    NotFoundError,
    RefusedError,
)
from anomaly_operator.api.reasons import Reason
from anomaly_operator.client.kube import Kube
from anomaly_operator.controller.padded import Padded
from anomaly_operator.controller.status_cleaner import StatusCleaner
from anomaly_operator.controller.suspender import Suspender
from anomaly_operator.controller.turns import Turns
from anomaly_operator.controller.workload_reader import read_workload
from anomaly_operator.observe import read
from anomaly_operator.observe.bare import is_unread
from anomaly_operator.observe.intake import Intake
from anomaly_operator.observe.pods import pod_state
from anomaly_operator.status.packing import stored_form
from anomaly_operator.world.objects import Child, Meta
from anomaly_operator.world.plan import (
    AnyService,
    Apply,
    ApplyStatus,
    Create,
    Delete,
    Disown,
    EventSpec,
    GetObject,
    ListObjects,
    ListPods,
    Lookup,
    ReadTrainer,
    ReadWorkload,
    Suspend,
    Write,
    object_of,
)
from anomaly_operator.world.trainer import UnknownTrainer
from anomaly_operator.world.view import Answer, Listed, Unlisted

SERVICE = resources.SERVICE.kind
_Written = dict[tuple[str, str, str], Meta]


class Executor:
    """Stateless but for its ends, the API and the cache, for what an apply is known not to change,
    and for writes to what is shared, which take turns. `suspender`: None where nothing is to be
    suspended. `post` takes Events of what is done beside the plans."""

    def __init__(
        self,
        kube: Kube,
        intake: Intake,
        suspender: Suspender | None = None,
        *,
        post: Callable[[EventSpec], None] = lambda _event: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._kube = kube
        self._intake = intake
        self._suspender = suspender
        self._cleaner = StatusCleaner(kube, post, monotonic)
        self._padded = Padded()
        self._turns = Turns()

    async def answer(self, lookup: Lookup) -> Answer:
        """Ask the API server what the cache cannot know. Raises ApiError."""
        match lookup:
            case GetObject(api_version, kind, namespace, name):
                return await self._got(resources.of(api_version, kind), namespace, name)
            case ListPods(namespace, labels):
                selector = ",".join(f"{key}={value}" for key, value in labels)
                pages = self._kube.pages(resources.POD, namespace, labels=selector)
                return tuple([pod_state(raw) async for page in pages for raw in page])
            case ListObjects():
                return await self._listed(lookup)
            case AnyService(namespace):
                return await self._any_service(namespace)
            case ReadWorkload():
                return await read_workload(self._kube, lookup)
            case ReadTrainer():
                if self._suspender is None:
                    return UnknownTrainer("trainingRuns.suspend is off")
                return await self._suspender.read(lookup)

    async def _got(
        self, resource: resources.Resource, namespace: str, name: str
    ) -> Child | Unlisted | None:
        try:
            raw = await self._kube.get(resource, namespace, name)
        except ForbiddenError:
            if resource not in resources.SERVING:
                raise
            return Unlisted(Reason.FORBIDDEN)
        return None if raw is None else read.child_object(raw)

    async def _listed(self, lookup: ListObjects) -> Listed | Unlisted:
        resource = resources.of(lookup.api_version, lookup.kind)
        selector = ",".join(f"{key}={value}" for key, value in lookup.labels)
        pages = self._kube.pages(resource, lookup.namespace, labels=selector)
        try:
            return Listed(tuple([read.child_object(raw) async for page in pages for raw in page]))
        except NotFoundError:
            return Unlisted(Reason.KIND_NOT_SERVED)
        except ForbiddenError:
            return Unlisted(Reason.FORBIDDEN)

    async def _any_service(self, namespace: str) -> bool | Unlisted:
        try:
            return await self._kube.any(resources.SERVICE, namespace)
        except NotFoundError:
            return Unlisted(Reason.KIND_NOT_SERVED)
        except ForbiddenError:
            return Unlisted(Reason.FORBIDDEN)

    def put_off(self, actions: tuple[Write, ...]) -> float | None:
        """Seconds until the first status of `actions` that was put off may be cleaned; None where
        none was."""
        waits = (
            self._cleaner.remaining(action.target.uid)
            for action in actions
            if isinstance(action, ApplyStatus) and action.only_leftovers
        )
        return min((wait for wait in waits if wait), default=None)

    async def run(self, actions: tuple[Write, ...]) -> int:
        """All actions in order; how many there were. Raises the first failure, a RefusedError where
        the server refuses an object.
        """
        written: _Written = {}
        for action in actions:
            try:
                async with self._turns.of(action) as due:
                    if due:
                        await self._do(action, written)
            except ApiError as error:
                if not error.of_object:
                    raise
                raise RefusedError(*object_of(action), error) from error
        return len(actions)

    async def _do(self, action: Write, written: _Written) -> None:
        match action:
            case Apply():
                await self._apply(action, written)
            case Create():
                await self._create(action)
            case Delete():
                await self._delete(action)
            case Disown():
                await self._disown(action)
            case ApplyStatus():
                await self._apply_status(action, written)
            case Suspend():
                assert self._suspender is not None  # nothing is decided without its answer
                await self._suspender.suspend(action)

    async def _apply(self, action: Apply, written: _Written) -> None:
        known = self._padded.unchanged(action)
        if known is not None:
            written[known.key] = known
            return
        raw = await self._kube.apply(action.manifest, uid=action.uid)
        meta = read.metadata(raw)
        written[meta.key] = meta
        kept = self._intake.take(raw)
        self._padded.note(action, raw, unread=is_unread(kept))

    async def _create(self, action: Create) -> None:
        try:
            raw: Mapping[str, Any] = await self._kube.create(action.manifest)
        except AlreadyExistsError:
            raw = await self._existing(action.manifest)
        self._intake.take(raw)

    async def _existing(self, manifest: Mapping[str, Any]) -> Mapping[str, Any]:
        """The object that a `Create` found in its place; it must be the one that we once made."""
        metadata = manifest["metadata"]
        resource = resources.of(manifest["apiVersion"], manifest["kind"])
        raw = await self._kube.get(resource, metadata["namespace"], metadata["name"])
        if raw is None:
            request = f"create {resource.path(metadata['namespace'], metadata['name'])}"
            raise ConflictError(409, "it was there and is gone", request)
        wanted = (metadata.get("labels") or {}).get(names.LABEL_SERVICE_UID)
        if read.metadata(raw).labels.get(names.LABEL_SERVICE_UID) != wanted:
            raise NameConflictError(
                f"{resource.kind} {metadata['namespace']}/{metadata['name']} exists and does not "
                "belong to the operator; rename or delete it"
            )
        return raw

    async def _delete(self, action: Delete) -> None:
        target = action.target
        resource = resources.of(target.api_version, target.kind)
        # Not found, or of another uid by now: the object that was meant is no more.
        gone = (NotFoundError,) if action.resource_version else (NotFoundError, ConflictError)
        with contextlib.suppress(*gone):
            await self._kube.delete(
                resource,
                target.namespace,
                target.name,
                uid=target.uid,
                resource_version=action.resource_version,
            )
        if action.owner:
            self._intake.gave(action.owner)
        self._intake.remove(
            Meta(target.api_version, target.kind, target.namespace, target.name, target.uid, "")
        )

    async def _disown(self, action: Disown) -> None:
        target = action.target
        resource = resources.of(target.api_version, target.kind)
        raw = await self._kube.get(resource, target.namespace, target.name)
        if raw is None or read.metadata(raw).uid != target.uid:
            return  # the watch tells what stands there now
        of_services = read.service_owners(raw)
        if any(of_services):
            owners = raw["metadata"]["ownerReferences"]
            kept = [one for one, ours in zip(owners, of_services, strict=True) if not ours]
            version = raw["metadata"]["resourceVersion"]
            # A merge patch, as an apply takes out only what the same manager has put in: a restored
            # backup has put them in under a name of its own.
            patch = {"metadata": {"resourceVersion": version, "ownerReferences": kept or None}}
            raw = await self._kube.merge(resource, target.namespace, target.name, patch)
        self._intake.take(raw)

    async def _apply_status(self, action: ApplyStatus, written: _Written) -> None:
        target = action.target
        uid, version = target.uid, action.resource_version
        if not version:
            made = written[target.kind, target.namespace, target.name]
            uid, version = made.uid, made.resource_version
        resource = resources.of(target.api_version, target.kind)
        status = stored_form(action.status) if target.kind == SERVICE else action.status
        if action.only_leftovers and self._cleaner.remaining(uid):
            await self._cleaner.put_off(resource, target, status)
            return
        raw: Mapping[str, Any] = await self._kube.apply_status(
            resource,
            target.namespace,
            target.name,
            uid=uid,
            resource_version=version,
            status=status,
        )
        raw = await self._cleaner.clean(resource, raw, status)
        meta = read.metadata(raw)
        written[meta.key] = meta
        self._intake.take(raw)
