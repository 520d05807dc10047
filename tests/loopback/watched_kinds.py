"""Lists and watches of the three kinds as the API server serves them, on loopback and on cue."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from anomaly_operator.api.resources import CUSTOM, Resource
from anomaly_operator.client.login import Connection
from loopback.closing import end

Raw = dict[str, Any]
_KINDS = {resource.plural: resource for resource in CUSTOM}


class WatchedKinds:
    """Objects by kind with one history. `asked` keeps plural and query of each request; `down`: it
    answers 503 and ends what runs; `forget`: older versions are answered with 410. It is the Login
    of its own address."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[tuple[str, str], Raw]] = {one.plural: {} for one in CUSTOM}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.down = False
        self.address = ""
        self._version = 100
        self._history: list[tuple[int, str, Raw]] = []
        self._forgotten = 0
        self._news = asyncio.Condition()
        self._broken = 0
        self._runner: web.AppRunner | None = None

    async def start(self) -> WatchedKinds:
        app = web.Application()
        app.router.add_get("/apis/{group}/{version}/{plural}", self._answer)
        app.router.add_get("/apis/{group}/{version}/namespaces/{namespace}/{plural}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.address = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def stop(self) -> None:
        self._broken += 1
        await self._wake()
        assert self._runner is not None
        await end(self._runner)

    async def connect(self) -> Connection:
        return Connection(self.address, authorization="Bearer token")

    def preload(self, resource: Resource, raw: Mapping[str, Any]) -> Raw:
        """Put an object in; who watches already is not told."""
        self._version += 1
        metadata = {**raw["metadata"], "resourceVersion": str(self._version)}
        kept = {**raw, "metadata": metadata}
        self.objects[resource.plural][metadata["namespace"], metadata["name"]] = kept
        return kept

    async def put(self, resource: Resource, raw: Mapping[str, Any]) -> None:
        """Make or change an object."""
        place = raw["metadata"]["namespace"], raw["metadata"]["name"]
        kind = "MODIFIED" if place in self.objects[resource.plural] else "ADDED"
        await self._tell(resource, kind, self.preload(resource, raw))

    async def delete(self, resource: Resource, namespace: str, name: str) -> None:
        self._version += 1
        gone = self.objects[resource.plural].pop((namespace, name))
        metadata = {**gone["metadata"], "resourceVersion": str(self._version)}
        await self._tell(resource, "DELETED", {**gone, "metadata": metadata})

    async def bookmark(self, resource: Resource) -> None:
        self._version += 1
        metadata = {"resourceVersion": str(self._version)}
        await self._tell(resource, "BOOKMARK", {"kind": resource.kind, "metadata": metadata})

    async def break_off(self, *, forget: bool = False) -> None:
        """End every watch; with `forget` none can go on where it ended."""
        if forget:
            self._version += 1
            self._forgotten = self._version
        self._broken += 1
        await self._wake()

    async def _tell(self, resource: Resource, kind: str, raw: Raw) -> None:
        self._history.append((self._version, resource.plural, {"type": kind, "object": raw}))
        await self._wake()

    async def _wake(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        plural = request.match_info["plural"]
        query = dict(request.query)
        self.asked.append((plural, query))
        if self.down:
            return web.json_response({"kind": "Status", "message": "down"}, status=503)
        namespace = request.match_info.get("namespace", "")
        if "watch" in query:
            return await self._watch(request, plural, namespace, int(query["resourceVersion"]))
        found = [
            raw for place, raw in sorted(self.objects[plural].items())
            if namespace in {"", place[0]}
        ]  # fmt: skip
        begin, size = int(query.get("continue", "0")), int(query["limit"])
        rest = str(begin + size) if begin + size < len(found) else ""
        metadata = {"resourceVersion": str(self._version), "continue": rest}
        body = {"metadata": metadata, "items": found[begin : begin + size]}
        return web.json_response(body)

    async def _watch(
        self, request: web.Request, plural: str, namespace: str, after: int
    ) -> web.StreamResponse:
        if after < self._forgotten:
            return web.json_response({"kind": "Status", "message": "too old"}, status=410)
        response = web.StreamResponse()
        await response.prepare(request)
        life, at = self._broken, 0
        while life == self._broken and not self.down:
            news, at = self._history[at:], len(self._history)
            for version, kind, event in news:
                metadata = event["object"]["metadata"]
                mine = namespace in {"", metadata.get("namespace", namespace)}
                if version > after and kind == plural and mine:
                    await response.write(json.dumps(event).encode() + b"\n")
            async with self._news:
                if life == self._broken and len(self._history) == at:
                    await self._news.wait()
        return response
