"""Lists come by bytes: large objects one at a time, small ones by hundreds."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from anomaly_operator.api import errors, resources
from anomaly_operator.client.kube import Kube
from anomaly_operator.client.login import Connection
from anomaly_operator.client.throttle import TokenBucket
from anomaly_operator.client.transport import Request, Transport
from anomaly_operator.telemetry.metrics import Metrics
from loopback.closing import end


class Lists:
    """An API server with objects of given bytes, by number."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.limits: list[int] = []
        self.broken = 0
        self.address = ""

    async def connect(self) -> Connection:
        return Connection(self.address)

    async def handle(self, request: web.Request) -> web.Response:
        limit, start = int(request.query["limit"]), int(request.query.get("continue", "0"))
        self.limits.append(limit)
        if self.broken:
            self.broken -= 1
            return web.Response(body=b"{")
        heads = "PartialObjectMetadataList" in request.headers["Accept"]
        items = [
            {"metadata": {"namespace": "a", "name": f"n{number}"}}
            | ({} if heads else {"data": {"x": "x" * self.sizes[number]}})
            for number in range(start, min(start + limit, len(self.sizes)))
        ]
        left = start + limit < len(self.sizes)
        metadata = {"continue": str(start + limit)} if left else {}
        return web.Response(body=json.dumps({"items": items, "metadata": metadata}).encode())


@pytest.fixture
async def lists() -> AsyncIterator[Lists]:
    found = Lists()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", found.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield found
    await end(runner)


@pytest.fixture
async def kube(lists: Lists) -> AsyncIterator[Kube]:
    found = Kube(Transport(lists, TokenBucket(1000, 1000)))
    yield found
    await found.close()


async def listed(kube: Kube) -> list[list[str]]:
    pages = kube.pages(resources.CONFIG_MAP)
    return [[item["metadata"]["name"] for item in page] async for page in pages]


async def test_small_objects_come_by_hundreds(lists: Lists, kube: Kube) -> None:
    lists.sizes = [100] * 1200
    pages = await listed(kube)
    assert [name for page in pages for name in page] == [f"n{number}" for number in range(1200)]
    assert lists.limits == [50, 100, 200, 400, 500]


async def test_large_objects_come_a_few_at_a_time(lists: Lists, kube: Kube) -> None:
    lists.sizes = [1_000_000] * 40
    pages = await listed(kube)
    assert [name for page in pages for name in page] == [f"n{number}" for number in range(40)]
    assert max(map(len, pages)) <= 8
    assert lists.limits[:5] == [50, 25, 12, 6, 3]


async def test_the_next_list_begins_as_small_as_the_last_one_ended(
    lists: Lists, kube: Kube
) -> None:
    lists.sizes = [1_000_000] * 20
    await listed(kube)
    lists.limits.clear()
    await listed(kube)
    assert max(lists.limits) <= 8
    lists.sizes = [100] * 200
    await listed(kube)
    lists.limits.clear()
    await listed(kube)
    assert lists.limits[0] == 50, "once it may, it is as usual again"


async def test_a_list_without_an_answer_is_asked_for_by_half_as_many(
    lists: Lists, kube: Kube
) -> None:
    lists.sizes = [100] * 60
    lists.broken = 3
    for _ in range(3):
        with pytest.raises(errors.UnreachableError):
            await listed(kube)
    pages = await listed(kube)
    assert [name for page in pages for name in page] == [f"n{number}" for number in range(60)]
    assert lists.limits == [50, 25, 12, 6, 12, 24, 48]


async def test_an_object_above_the_bound_is_left_out_and_named(
    lists: Lists, kube: Kube, caplog: pytest.LogCaptureFixture
) -> None:
    lists.sizes = [10, 9 * 2**20, 10]
    metrics = Metrics("test")
    counting = Kube(kube._transport, left_out=metrics.leave_out)
    with caplog.at_level(logging.WARNING):
        pages = await listed(counting)
    assert [name for page in pages for name in page] == ["n0", "n2"]
    (record,) = caplog.records
    assert "too large" in record.getMessage()
    said = record.fields  # type: ignore[attr-defined]
    assert (said["kind"], said["namespace"], said["name"]) == ("ConfigMap", "a", "n1")
    assert "delete it" in said["hint"]
    assert 'objects_left_out_total{kind="ConfigMap"} 1.0' in metrics.exposition().decode()


async def test_an_answer_is_read_no_further_than_its_request_allows(lists: Lists) -> None:
    lists.sizes = [100_000]
    transport = Transport(lists, TokenBucket(1000, 1000))
    request = Request("list", "configmaps", "/a", {"limit": "1"}, most=1000)
    with pytest.raises(errors.AnswerTooLargeError):
        await transport.send(request)
    await transport.close()
