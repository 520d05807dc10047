"""The verbs that the operator uses on the API server, and no others.

What is not ours is never overwritten: a forced apply names the uid that it is meant for, a delete
too, a status the resourceVersion that it was computed from. It reads no Secret and no kind that
`resources` does not list.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from anomaly_operator.api import errors, names, resources
from anomaly_operator.api.resources import Resource
from anomaly_operator.api.text import unix_seconds
from anomaly_operator.client.transport import HEADS, Request, Transport
from anomaly_operator.telemetry import logs

_FIRST_PAGE, _LARGEST_PAGE = 50, 500
"""Objects of the first page of a list, and of any."""
_PAGE_BYTES = 2 * 2**20
"""Aim of a page; objects of usual size come some hundreds at a time."""
_MOST_BYTES = 8 * 2**20
"""Of a page. One object of etcd, at most 1.5 MiB there, may be larger as JSON: a control character
has six bytes."""
_APPLY = "application/apply-patch+yaml"
_JSON = "application/json-patch+json"
_MERGE = "application/merge-patch+json"

logger = logging.getLogger(__name__)

Object = dict[str, Any]


class Kube:
    """Verbs on objects. All raise ApiError; only what is expected is named beside each.

    `left_out` is called with the kind of each object that is too large for a list.
    """

    def __init__(
        self, transport: Transport, *, left_out: Callable[[str], None] | None = None
    ) -> None:
        self._transport = transport
        self._left_out = left_out
        self._first: dict[str, int] = {}

    async def close(self) -> None:
        await self._transport.close()

    async def get(self, resource: Resource, namespace: str, name: str) -> Object | None:
        """The object, or None when there is none."""
        path = resource.path(namespace, name)
        try:
            return await self._transport.send(Request("get", resource.plural, path))
        except errors.NotFoundError:
            return None

    async def pages(
        self, resource: Resource, namespace: str = "", *, labels: str = "", fields: str = ""
    ) -> AsyncIterator[list[Object]]:
        """All objects, at most 500 and some 2 MiB at a time. An object that has more than 8 MiB is
        named in the log and left out. Raises ExpiredError when a page is no longer to be had.

        Asked without a resourceVersion, which any API server answers with nothing older than what
        etcd held by then. Items of a list carry no type; the pages give it back to them. The first
        page is no larger than the last one of the list before, and half of one that got no answer:
        a slow server is not asked for the same again and again.
        """
        path = resource.path(namespace)
        token, size = "", self._first.get(resource.plural, _FIRST_PAGE)
        while True:
            query = {"limit": str(size)}
            query |= {"labelSelector": labels} if labels else {}
            query |= {"fieldSelector": fields} if fields else {}
            query |= {"continue": token} if token else {}
            request = Request("list", resource.plural, path, query, most=_MOST_BYTES)
            try:
                page, length = await self._transport.measure(request)
            except errors.AnswerTooLargeError:
                if size > 1:
                    size //= 2
                    continue
                page, length = await self._too_large(resource, request)
            except errors.UnreachableError:
                self._first[resource.plural] = max(1, min(_FIRST_PAGE, size) // 2)
                raise
            size = _next_size(size, length)
            kind = {"apiVersion": resource.api_version, "kind": resource.kind}
            yield [{**kind, **item} for item in page.get("items") or ()]
            token = (page.get("metadata") or {}).get("continue") or ""
            if not token:
                self._first[resource.plural] = min(_FIRST_PAGE, size)
                return

    async def any(self, resource: Resource, namespace: str) -> bool:
        """Whether the namespace has an object of the kind, as etcd has it now. Raises
        NotFoundError where the API server does not serve the kind.
        """
        path = resource.path(namespace)
        page = await self._transport.send(Request("list", resource.plural, path, {"limit": "1"}))
        return bool(page["items"] or (page.get("metadata") or {}).get("continue"))

    async def _too_large(self, resource: Resource, request: Request) -> tuple[Object, int]:
        """The page of a single object without that object, for its place in the list."""
        page, length = await self._transport.measure(replace(request, accept=HEADS))
        for item in page.get("items") or ():
            found = item.get("metadata") or {}
            if self._left_out is not None:
                self._left_out(resource.kind)
            logs.event(
                logger,
                logging.WARNING,
                "object is too large and left out",
                kind=resource.kind,
                namespace=found.get("namespace", ""),
                name=found.get("name", ""),
                most_bytes=request.most,
                hint="the operator acts as if it were not there; make it smaller or delete it",
            )
        return {**page, "items": []}, length

    async def create(self, manifest: Mapping[str, Any]) -> Object:
        """POST. Raises AlreadyExistsError."""
        resource, namespace, _ = _identify(manifest)
        query = {"fieldManager": names.FIELD_MANAGER}
        path = resource.path(namespace)
        return await self._transport.send(Request("create", resource.plural, path, query, manifest))

    async def token(self, namespace: str, account: str, seconds: int) -> tuple[str, float]:
        """A token of a ServiceAccount for `seconds`, and when it ends in unix seconds."""
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": seconds},
        }
        path = resources.SERVICE_ACCOUNT.path(namespace, account, "token")
        made = await self._transport.send(
            Request("create", "serviceaccounts/token", path, body=body)
        )
        status = made.get("status") or {}
        ends = float(unix_seconds(status.get("expirationTimestamp")))
        return str(status.get("token", "")), ends

    async def update(self, manifest: Mapping[str, Any]) -> Object:
        """PUT. Raises ConflictError when the manifest's resourceVersion is not the live one."""
        resource, namespace, name = _identify(manifest)
        query = {"fieldManager": names.FIELD_MANAGER}
        path = resource.path(namespace, name)
        return await self._transport.send(Request("update", resource.plural, path, query, manifest))

    async def merge(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        patch: Mapping[str, Any],
        *,
        manager: str = names.FIELD_MANAGER,
    ) -> Object:
        """Merge patch of a few fields. An object that others write too needs its resourceVersion in
        the patch, which then raises ConflictError when it has moved on.
        """
        query = {"fieldManager": manager}
        path = resource.path(namespace, name)
        return await self._transport.send(
            Request("patch", resource.plural, path, query, patch, _MERGE)
        )

    async def apply(self, manifest: Mapping[str, Any], *, uid: str = "") -> Object:
        """Server-side apply. With `uid` to that very object, forced; a ConflictError when it is
        another one by now. Without, to make it: a ConflictError where somebody else's fields
        stand in the way.
        """
        resource, namespace, name = _identify(manifest)
        query = {"fieldManager": names.FIELD_MANAGER}
        body = dict(manifest)
        if uid:
            query["force"] = "true"
            body["metadata"] = {**manifest["metadata"], "uid": uid}
        path = resource.path(namespace, name)
        return await self._transport.send(
            Request("apply", resource.plural, path, query, body, _APPLY)
        )

    async def apply_status(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        *,
        uid: str,
        resource_version: str,
        status: Mapping[str, Any],
        manager: str = names.STATUS_FIELD_MANAGER,
    ) -> Object:
        """Server-side apply of a manager's part of the status, computed from `resource_version`;
        an empty one where the part depends on nothing else in the object.

        Raises ConflictError when the object has moved on or is another one of that name,
        NotFoundError when it is gone.
        """
        metadata = {"namespace": namespace, "name": name}
        metadata |= {"uid": uid} if uid else {}
        metadata |= {"resourceVersion": resource_version} if resource_version else {}
        body = {
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "metadata": metadata,
            "status": dict(status),
        }
        query = {"fieldManager": manager, "force": "true"}
        path = resource.path(namespace, name, "status")
        return await self._transport.send(
            Request("apply", resource.plural, path, query, body, _APPLY)
        )

    async def patch_status(
        self, resource: Resource, namespace: str, name: str, operations: Sequence[Mapping[str, Any]]
    ) -> Object:
        """JSON patch of the status. Raises ConflictError where it names an older version."""
        query = {"fieldManager": names.STATUS_FIELD_MANAGER}
        path = resource.path(namespace, name, "status")
        return await self._transport.send(
            Request("patch", resource.plural, path, query, operations, _JSON)
        )

    async def delete(
        self, resource: Resource, namespace: str, name: str, *, uid: str, resource_version: str = ""
    ) -> None:
        """Delete the object of that uid, and of that version where one is given; what it owns in
        the background.

        Raises NotFoundError, or ConflictError for another uid or version.
        """
        met = {"uid": uid} | ({"resourceVersion": resource_version} if resource_version else {})
        body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": met,
            "propagationPolicy": "Background",
        }
        path = resource.path(namespace, name)
        await self._transport.send(Request("delete", resource.plural, path, {}, body))


def _next_size(size: int, length: int) -> int:
    """Objects of the page after one of `size` that had `length` bytes."""
    if length > _PAGE_BYTES:
        return max(1, size // 2)
    return min(_LARGEST_PAGE, size * 2) if length < _PAGE_BYTES // 2 else size


def _identify(manifest: Mapping[str, Any]) -> tuple[Resource, str, str]:
    metadata = manifest["metadata"]
    resource = resources.of(manifest["apiVersion"], manifest["kind"])
    return resource, metadata["namespace"], metadata["name"]
