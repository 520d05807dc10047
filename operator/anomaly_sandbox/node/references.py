"""Reads what a pod refers to from the API server; tokens are kept for most of their life."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from anomaly_sandbox.node.api import NodeApi
from anomaly_sandbox.node.lookup import MissingReference

Json = dict[str, Any]
_TOKEN_SHARE = 0.8
"""A token is asked for anew after this share of its life, as the kubelet does."""


@dataclass(slots=True)
class PodReferences:
    """`lookup.Lookup` for one pod."""

    api: NodeApi
    pod: Json
    _tokens: dict[tuple[str, int], tuple[str, float]] = field(default_factory=dict)

    @property
    def _namespace(self) -> str:
        return f"/api/v1/namespaces/{self.pod['metadata']['namespace']}"

    async def config_map(self, name: str) -> Json | None:
        return await self.api.get(f"{self._namespace}/configmaps/{name}")

    async def secret(self, name: str) -> Json | None:
        return await self.api.get(f"{self._namespace}/secrets/{name}")

    async def token(self, audience: str, seconds: int) -> str:
        kept = self._tokens.get((audience, seconds))
        if kept is not None and time.time() < kept[1]:
            return kept[0]
        meta = self.pod["metadata"]
        account = self.pod["spec"].get("serviceAccountName") or "default"
        request = {
            "spec": {
                "audiences": [audience] if audience else [],
                "expirationSeconds": seconds,
                # Bound to the pod: the token is refused once the pod is gone.
                "boundObjectRef": {
                    "apiVersion": "v1",
                    "kind": "Pod",
                    "name": meta["name"],
                    "uid": meta["uid"],
                },
            }
        }
        path = f"{self._namespace}/serviceaccounts/{account}/token"
        token = str((await self.api.request("POST", path, request))["status"]["token"])
        self._tokens[audience, seconds] = (token, time.time() + seconds * _TOKEN_SHARE)
        return token

    async def claim_path(self, name: str) -> str:
        claim = await self.api.get(f"{self._namespace}/persistentvolumeclaims/{name}")
        if claim is None:
            raise MissingReference(f'persistentvolumeclaim "{name}" not found')
        volume_name = claim["spec"].get("volumeName")
        if claim.get("status", {}).get("phase") != "Bound" or not volume_name:
            raise MissingReference(f'persistentvolumeclaim "{name}" is not bound')
        volume = await self.api.get(f"/api/v1/persistentvolumes/{volume_name}")
        path = ((volume or {}).get("spec", {}).get("hostPath") or {}).get("path")
        if not path:
            raise MissingReference(f"persistentvolume {volume_name} was not made by the sandbox")
        return str(path)
