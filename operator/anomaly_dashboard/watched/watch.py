"""Fills the store: lists each kind, then watches it from there, for as long as the process runs.

It reads the three kinds and nothing else, and writes nothing. A watch that says nothing for longer
than the API server's bookmarks are apart is taken for dead and opened anew where it ended; what
the API server no longer remembers is listed again.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from anomaly_cli.cluster_reading import part, text
from anomaly_dashboard.watched.contact import Lost, Stream
from anomaly_dashboard.watched.rows import Place
from anomaly_dashboard.watched.store import Store
from anomaly_operator.api.errors import ExpiredError, OperatorError, UnreachableError
from anomaly_operator.api.resources import CUSTOM, Resource
from anomaly_operator.client.login import Login
from anomaly_operator.client.throttle import TokenBucket
from anomaly_operator.client.transport import Request, Transport

_PAGE = 500
SILENCE_SECONDS = 70.0
"""The API server sends a bookmark about each minute."""
_SERVER_SECONDS = 300
"""After that the API server ends a watch; the spread keeps watches from ending together."""
_FIRST_PAUSE, _MAX_PAUSE = 0.5, 30.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds: `silence` ends a watch, `pause` is the first one after a failure."""

    silence: float = SILENCE_SECONDS
    pause: float = _FIRST_PAUSE


async def watch(
    store: Store, login: Login, namespaces: Sequence[str] = (), pace: Pace | None = None
) -> None:
    """Keep `store` as the API server is, until cancelled. An empty `namespaces` means all."""
    places = tuple(dict.fromkeys(namespaces)) or ("",)
    streams = [(resource, place) for resource in CUSTOM for place in places]
    transport = Transport(login, TokenBucket(20, 50), timeout=30, connections=2 * len(streams) + 2)
    store.expect(streams)
    try:
        async with asyncio.TaskGroup() as group:
            for resource, place in streams:
                one = _Stream(store, transport, resource, place, pace or Pace())
                group.create_task(one.keep(), name=f"watch {resource.plural} {place}".strip())
    finally:
        await transport.close()


@dataclass(slots=True)
class _Stream:
    """One kind of one namespace; `version` is the one to go on from, empty before a list."""

    store: Store
    transport: Transport
    resource: Resource
    namespace: str
    pace: Pace
    version: str = ""
    failures: int = 0
    clock: Callable[[], float] = field(default=time.time)

    async def keep(self) -> None:
        """Until cancelled."""
        while True:
            try:
                if not self.version:
                    self.version = await self._list()
                await self._watch()
            except ExpiredError:
                self.version = ""
                self.failures += 1
            except OperatorError as error:
                self.failures += 1
                said = str(error)
                self.store.lost(self._stream, Lost(int(self.clock()), said))
                logger.warning("the watch of %s broke off: %s", self.resource.plural, said)
            pause = min(self.pace.pause * 2 ** min(self.failures, 16), _MAX_PAUSE)
            await asyncio.sleep(pause * random.uniform(0.2, 1.0))  # noqa: S311 - no secret

    @property
    def _stream(self) -> Stream:
        return self.resource, self.namespace

    def _heard(self) -> None:
        self.failures = 0
        self.store.heard(self._stream)

    async def _list(self) -> str:
        """Take everything in, page by page; the version to watch from."""
        path = self.resource.path(self.namespace)
        listed, token, version = set[Place](), "", ""
        while True:
            query = {"limit": str(_PAGE)} | ({"continue": token} if token else {})
            page = await self.transport.send(Request("list", self.resource.plural, path, query))
            for raw in page.get("items") or ():
                listed.add(_place(raw))
                self.store.put(self.resource, raw)
            metadata = part(page, "metadata")
            version = version or text(metadata, "resourceVersion")
            token = text(metadata, "continue")
            if not token:
                break
            await asyncio.sleep(0)
        self.store.keep_only(self.resource, self.namespace, listed)
        self.store.heard(self._stream)
        return version

    async def _watch(self) -> None:
        """Until the server ends it. Raises ExpiredError where a list is needed."""
        query = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": self.version,
            "timeoutSeconds": str(_SERVER_SECONDS + random.randrange(60)),  # noqa: S311
        }
        path = self.resource.path(self.namespace)
        request = Request("watch", self.resource.plural, path, query)
        async with aclosing(self.transport.lines(request, self.pace.silence)) as lines:
            async for line in lines:
                if line:
                    self._take(line, request)
                else:
                    self._heard()

    def _take(self, line: bytes, request: Request) -> None:
        event = _event(line, request)
        raw, kind = part(event, "object"), text(event, "type")
        if kind == "ERROR":
            code = raw.get("code")
            refused = ExpiredError if code == 410 else UnreachableError
            raise refused(code if isinstance(code, int) else 0, text(raw, "message"), str(request))
        self.version = text(part(raw, "metadata"), "resourceVersion") or self.version
        if kind in {"ADDED", "MODIFIED"}:
            self.store.put(self.resource, raw)
        elif kind == "DELETED":
            self.store.drop(self.resource, _place(raw))


def _event(line: bytes, request: Request) -> dict[str, Any]:
    try:
        event = json.loads(line)
    except ValueError as error:
        raise UnreachableError(0, "a line of the watch is not JSON", str(request)) from error
    if not isinstance(event, dict):
        raise UnreachableError(0, "a line of the watch is no object", str(request))
    return event


def _place(raw: Any) -> Place:
    metadata = part(raw, "metadata")
    return text(metadata, "namespace"), text(metadata, "name")
