"""What all pods of the node share: the API server, the supervisor, addresses, events."""

from __future__ import annotations

import contextlib
import itertools
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from anomaly_sandbox.addresses import pod_address
from anomaly_sandbox.control import AsyncControl
from anomaly_sandbox.node.api import ApiError, NodeApi
from anomaly_sandbox.node.names import NODE_NAME
from anomaly_sandbox.node.runs import Runs
from anomaly_sandbox.node.status import timestamp

Json = dict[str, Any]
_log = logging.getLogger("anomaly_sandbox.node")


@dataclass(slots=True)
class Node:
    """The node. `server` is the API server's host and port as pods see them;
    `restart_pause` the first pause before a restart in seconds."""

    api: NodeApi
    control: AsyncControl
    http: aiohttp.ClientSession
    state: Path
    prefix: str
    host_ip: str
    server: tuple[str, str]
    restart_pause: float
    runs: Runs = field(default_factory=Runs)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)
    _told: set[tuple[str, str, str]] = field(default_factory=set)

    def address_for(self, uid: str, known: str) -> str:
        """The pod's address: the one it has (`known`, or from its runs), else a new one."""
        found = known or self.runs.addresses.get(uid)
        taken = set(self.runs.addresses.values())
        while not found:
            candidate = pod_address(self.prefix, next(self._numbers))
            found = candidate if candidate not in taken else ""
        self.runs.addresses[uid] = found
        return found

    async def event(
        self, pod: Json, reason: str, message: str, *, now: float, warning: bool = True
    ) -> None:
        """Records an Event on the pod, once for the same words; losing one is no harm."""
        meta = pod["metadata"]
        key = (meta["uid"], reason, message)
        if key in self._told:
            return
        self._told.add(key)
        if not warning:
            _log.info("%s/%s: %s: %s", meta["namespace"], meta["name"], reason, message)
        else:
            _log.warning("%s/%s: %s: %s", meta["namespace"], meta["name"], reason, message)
        body = {
            "metadata": {"generateName": f"{meta['name']}.", "namespace": meta["namespace"]},
            "involvedObject": {
                "apiVersion": "v1",
                "kind": "Pod",
                "name": meta["name"],
                "namespace": meta["namespace"],
                "uid": meta["uid"],
            },
            "reason": reason,
            "message": message[:1024],
            "type": "Warning" if warning else "Normal",
            "source": {"component": "sandbox-node-agent", "host": NODE_NAME},
            "firstTimestamp": timestamp(now),
            "lastTimestamp": timestamp(now),
            "count": 1,
        }
        with contextlib.suppress(ApiError):
            await self.api.create(f"/api/v1/namespaces/{meta['namespace']}/events", body)

    def forget_events(self, uid: str) -> None:
        self._told = {key for key in self._told if key[0] != uid}
