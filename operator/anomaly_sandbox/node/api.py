"""The node agent's client of the API server: plain requests and a list-and-watch that never ends.

Small on purpose: the agent shares two cores with everything else, and the big client library
costs a second of processor time to import.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import aiohttp

Json = dict[str, Any]
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
_WATCH_SECONDS = 300
_RETRY_SECONDS = 0.5


class ApiError(RuntimeError):
    """The API server said no; `status` is the HTTP code."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


class Unreachable(ApiError):  # noqa: N818 - reads as what it is
    """Nobody answered; try again later."""

    def __init__(self, message: str) -> None:
        super().__init__(0, message)


@dataclass(slots=True)
class NodeApi:
    """Requests as the node agent's user."""

    session: aiohttp.ClientSession
    server: str

    @classmethod
    def connect(cls, server: str, token: str, ca_file: Path) -> NodeApi:
        context = ssl.create_default_context(cafile=str(ca_file))
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=context, limit=0),
            headers={"Authorization": f"Bearer {token}", "User-Agent": "anomaly-sandbox-node"},
            timeout=aiohttp.ClientTimeout(total=30),
        )
        return cls(session, server)

    async def request(
        self, method: str, path: str, body: Json | None = None, content_type: str = ""
    ) -> Json:
        """The decoded answer; ApiError for 4xx and 5xx, Unreachable when nobody answers."""
        headers = {"Content-Type": content_type or "application/json"} if body is not None else {}
        data = None if body is None else json.dumps(body).encode()
        try:
            async with self.session.request(
                method, self.server + path, data=data, headers=headers
            ) as response:
                content = json.loads(await response.read())
                if response.status >= 400:
                    raise ApiError(response.status, content.get("message", ""))
                return cast("Json", content)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise Unreachable(f"{method} {path}: {error!r}") from error

    async def get(self, path: str) -> Json | None:
        """The object, or None when there is none."""
        try:
            return await self.request("GET", path)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    async def create(self, path: str, body: Json) -> Json | None:
        """The new object, or None when there is one of that name already."""
        try:
            return await self.request("POST", path, body)
        except ApiError as error:
            if error.status == 409:
                return None
            raise

    async def patch(self, path: str, body: Json, content_type: str = MERGE) -> Json | None:
        """The changed object, or None when it has gone."""
        try:
            return await self.request("PATCH", path, body, content_type)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    async def delete(self, path: str, body: Json) -> None:
        """Deletes; what has gone, or is another object by now (uid precondition), is fine."""
        try:
            await self.request("DELETE", path, body)
        except ApiError as error:
            if error.status not in (404, 409):
                raise

    async def follow(
        self, path: str, *, listed: Callable[[list[Json]], None], seen: Callable[[str, Json], None]
    ) -> None:
        """Calls `listed` with everything there is, then `seen` for each change, for ever."""
        while True:
            try:
                answer = await self.request("GET", path)
                listed(answer["items"])
                version = answer["metadata"]["resourceVersion"]
                while version:
                    version = await self._watch(path, version, seen)
            except ApiError:
                await asyncio.sleep(_RETRY_SECONDS)

    async def _watch(self, path: str, version: str, seen: Callable[[str, Json], None]) -> str:
        """One watch to its end; the version to go on from, empty when it has expired."""
        query = (
            f"?watch=1&allowWatchBookmarks=true&resourceVersion={version}"
            f"&timeoutSeconds={_WATCH_SECONDS}"
        )
        timeout = aiohttp.ClientTimeout(total=_WATCH_SECONDS + 30, sock_connect=5)
        try:
            async with self.session.get(self.server + path + query, timeout=timeout) as response:
                if response.status != 200:
                    return ""
                async for line in _lines(response):
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        return ""
                    version = event["object"]["metadata"]["resourceVersion"]
                    if event["type"] != "BOOKMARK":
                        seen(event["type"], event["object"])
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unreachable(f"watch {path}: {error!r}") from error
        return version


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    # Objects are larger than the line limit of aiohttp's own reader.
    rest = b""
    async for chunk in response.content.iter_any():
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line
