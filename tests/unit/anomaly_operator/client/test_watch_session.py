"""Lists of the watches come without items, whatever the server sends; watches as they are."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from anomaly_operator.client.login import Connection
from anomaly_operator.client.watch_session import watch_session
from loopback.closing import end

ITEM = {"metadata": {"name": "a", "annotations": {"note": "x"}}}
LISTED = "/api/v1/configmaps"


class Server:
    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self.status = 200

    async def handle(self, request: web.Request) -> web.Response:
        headers = request.headers
        self.asked.append(
            (request.path_qs, headers["Accept"], headers.get("Authorization", "none"))
        )
        metadata = {"resourceVersion": "7", "continue": "more", "remainingItemCount": 9}
        document = {"kind": "ConfigMapList", "metadata": metadata, "items": [ITEM]}
        return web.json_response(document, status=self.status)


@pytest.fixture
async def server() -> AsyncIterator[tuple[Server, Connection]]:
    found = Server()
    app = web.Application()
    app.router.add_get("/{path:.*}", found.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield found, Connection(address, authorization="Bearer t")
    await end(runner)


async def test_a_list_has_its_version_and_nothing_else(server: tuple[Server, Connection]) -> None:
    found, connection = server
    listed: list[str] = []
    async with (
        watch_session(connection, listed.append) as session,
        session.get(f"{connection.server}{LISTED}?limit=1&labelSelector=a%3Db") as response,
    ):
        document = await response.json()
    assert document["items"] == []
    assert document["metadata"] == {"resourceVersion": "7"}
    assert listed == [LISTED]
    ((path, accept, authorization),) = found.asked
    assert path == f"{LISTED}?limit=1&labelSelector=a%3Db"
    assert "PartialObjectMetadataList" in accept
    assert authorization == "Bearer t"


async def test_a_list_that_is_refused_is_none(server: tuple[Server, Connection]) -> None:
    found, connection = server
    found.status = 403
    listed: list[str] = []
    async with (
        watch_session(connection, listed.append) as session,
        session.get(f"{connection.server}{LISTED}?limit=1") as response,
    ):
        assert response.status == 403
    assert listed == []


async def test_a_watch_passes_unchanged(server: tuple[Server, Connection]) -> None:
    found, connection = server
    listed: list[str] = []
    async with (
        watch_session(connection, listed.append) as session,
        session.get(f"{connection.server}{LISTED}?watch=true&resourceVersion=7") as response,
    ):
        assert json.loads(await response.content.readline())["items"] == [ITEM]
    assert listed == []
    assert found.asked[0][1] == "*/*"
