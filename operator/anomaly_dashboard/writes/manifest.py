"""Server-side apply of manifests with the caller's own login, first as a dry run.

Never forced: a field that somebody else set, such as a GitOps tool, stays theirs, and the refusal
says whose it is. What would change nothing is not written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from anomaly_cli.connection import explained
from anomaly_dashboard.writes.manifest_text import Manifest, Named, essence
from anomaly_dashboard.writes.tried import Tried
from anomaly_operator.api import errors
from anomaly_operator.api.names import DASHBOARD_FIELD_MANAGER
from anomaly_operator.api.resources import ANOMALY, Resource
from anomaly_operator.client.kube import Kube
from anomaly_operator.client.transport import Request, Transport

_APPLY = "application/apply-patch+yaml"
_CONFLICT = re.compile(r'conflicts? with "([^"]+)"')
_FIELD = re.compile(r"(?<=[\s:])(\.[\w.\[\]=\"{}:,/$-]+)")
_BY_HAND = re.compile(r"^(kubectl|before-first-apply|Mozilla)")
_SHOWN = 5

Raw = Mapping[str, Any]


class Manifests:
    """The API server as the caller, as whom `transport` speaks."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._kube = Kube(transport)

    async def dry_run(self, named: Named) -> Tried:
        """What an apply would do. Never raises an OperatorError: it is the `problem`."""
        before: Manifest | None = None
        try:
            live = await self._kube.get(named.resource, *named.place)
            before = None if live is None else essence(named.resource, live)
            if live is None and named.resource == ANOMALY:
                return Tried(named, problem=_no_incident(named))
            after = await self._send(named, dry=True)
        except errors.OperatorError as error:
            return Tried(named, before, problem=refusal(error))
        return Tried(named, before, essence(named.resource, after))

    async def apply(self, named: Named) -> Tried:
        """Apply it, unless that changes nothing. Never raises an OperatorError."""
        tried = await self.dry_run(named)
        if not tried.changes:
            return tried
        try:
            after = await self._send(named, dry=False)
        except errors.OperatorError as error:
            return Tried(named, tried.before, problem=refusal(error))
        return Tried(named, tried.before, essence(named.resource, after))

    async def managed(self, resource: Resource, namespace: str, name: str) -> list[Raw]:
        """`metadata.managedFields`: who wrote what of it when. Raises OperatorError."""
        live = await self._kube.get(resource, namespace, name)
        found = ((live or {}).get("metadata") or {}).get("managedFields")
        return [one for one in found if isinstance(one, Mapping)] if found else []

    async def _send(self, named: Named, *, dry: bool) -> Raw:
        query = {"fieldManager": DASHBOARD_FIELD_MANAGER}
        query |= {"dryRun": "All"} if dry else {}
        path = named.resource.path(*named.place)
        return await self._transport.send(
            Request("apply", named.resource.plural, path, query, named.manifest, _APPLY)
        )


def refusal(error: errors.OperatorError) -> str:
    """Why the API server refuses, and what to do about it."""
    if isinstance(error, errors.ConflictError) and (owners := _CONFLICT.findall(error.said)):
        fields = list(dict.fromkeys(_FIELD.findall(error.said)))
        named = ", ".join(one.removeprefix(".") for one in fields[:_SHOWN]) or "a field"
        more = f" and {len(fields) - _SHOWN} more" if len(fields) > _SHOWN else ""
        owner = ", ".join(dict.fromkeys(owners))
        step = (
            "copy the YAML and use `kubectl apply -f`"
            if all(_BY_HAND.match(one) for one in owners)
            else "change it in Git, or where that tool takes it from"
        )
        verb = "is" if len(fields) <= 1 else "are"
        return f"{named}{more} {verb} owned by {owner}; {step}"
    return explained(error)


def _no_incident(named: Named) -> str:
    namespace, name = named.place
    return (
        f"there is no Anomaly {name} in namespace {namespace}; the operator makes them, and only "
        "what people said of one is imported"
    )
