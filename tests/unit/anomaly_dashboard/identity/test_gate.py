"""What is refused before any page sees it."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from anomaly_dashboard.identity.gate import LARGEST_BODY, Gate, Rules
from anomaly_dashboard.identity.limits import Limit
from anomaly_dashboard.settings import DashboardSettings

CLUSTER = DashboardSettings(public_url="https://anomalies.example/ops")
HERE = "https://anomalies.example"


class Stream:
    """An application that answers at once and sends until its browser has left."""

    def __init__(self) -> None:
        self.methods: list[str] = []
        self.read = 0
        self.left = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.methods.append(scope["method"])
        more = True
        while more:
            message = await receive()
            self.read += len(message.get("body", b""))
            more = message.get("more_body", False)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        if scope["path"] == "/events":
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
            self.left = (await receive())["type"] == "http.disconnect"
        await send({"type": "http.response.body", "body": b"whole"})


def client(app: Any, base: str = HERE) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=base)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"])
async def test_other_methods_are_refused(method: str) -> None:
    async with client(Gate(Stream(), Rules(CLUSTER))) as browser:
        answer = await browser.request(method, "/")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, POST")


async def test_the_answer_to_head_is_that_to_get_without_its_body() -> None:
    app = Stream()
    async with client(Gate(app, Rules(CLUSTER))) as browser:
        answer = await browser.head("/")
        stream = await browser.head("/events")
    assert (answer.status_code, answer.content) == (200, b"")
    assert (stream.status_code, app.left) == (200, True)
    assert app.methods == ["GET", "GET"]


@pytest.mark.parametrize(
    ("settings", "base", "status"),
    [
        (CLUSTER, "https://anomalies.example", 200),
        (CLUSTER, "https://ANOMALIES.example:8443", 200),
        (CLUSTER, "http://127.0.0.1:8050", 200),
        (CLUSTER, "https://rebound.example", 421),
        (DashboardSettings(), "https://anything.example", 200),
        (DashboardSettings(kubeconfig="k"), "http://127.0.0.1:8050", 200),
        (DashboardSettings(kubeconfig="k"), "http://[::1]:8050", 200),
        (DashboardSettings(kubeconfig="k"), "http://localhost:8050", 200),
        (DashboardSettings(kubeconfig="k"), "http://rebound.example:8050", 421),
        (DashboardSettings(kubeconfig="k"), "http://localhost.rebound.example", 421),
    ],
)
async def test_it_answers_under_its_own_name_alone(
    settings: DashboardSettings, base: str, status: int
) -> None:
    async with client(Gate(Stream(), Rules(settings)), base) as browser:
        assert (await browser.get("/")).status_code == status
        assert (await browser.get("/healthz")).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": HERE}, 200),
        ({"Origin": HERE, "Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Origin": HERE}, 403),
        ({"Origin": "https://anomalies.example.evil.example"}, 403),
        ({"Host": "127.0.0.1:8050", "Origin": "http://127.0.0.1:8050"}, 200),
        ({"Host": "127.0.0.1:8050", "Origin": "http://127.0.0.1:9999"}, 403),
    ],
)
async def test_a_post_of_another_site_is_refused(headers: dict[str, str], status: int) -> None:
    async with client(Gate(Stream(), Rules(CLUSTER))) as browser:
        assert (await browser.post("/", headers=headers)).status_code == status
        assert (await browser.get("/", headers={"Origin": "https://a.example"})).status_code == 200


async def test_a_body_is_read_up_to_its_bound() -> None:
    app = Stream()

    async def pieces() -> Any:
        for _ in range(40):
            yield b"x" * 65536

    async with client(Gate(app, Rules(CLUSTER))) as browser:
        assert (await browser.post("/", content=b"x" * LARGEST_BODY)).status_code == 200
        assert (await browser.post("/", content=b"x" * (LARGEST_BODY + 1))).status_code == 413
        odd = {"Content-Length": "-1"}
        assert (await browser.post("/", headers=odd)).status_code == 413
        app.read = 0
        with pytest.raises(Exception, match="1 MiB"):
            await browser.post("/", content=pieces())
    assert app.read <= LARGEST_BODY


async def test_one_address_may_ask_so_often_and_probes_are_not_counted() -> None:
    rules = Rules(CLUSTER, Limit(1.0, 2, lambda: 0.0))
    async with client(Gate(Stream(), rules)) as browser:
        assert [(await browser.get("/")).status_code for _ in range(3)] == [200, 200, 429]
        refused = await browser.get("/")
        assert refused.headers["retry-after"] == "1"
        assert (await browser.get("/healthz")).status_code == 200


async def test_a_stream_is_told_that_the_process_ends() -> None:
    app, rules = Stream(), Rules(CLUSTER)
    async with client(Gate(app, rules)) as browser:
        answer = asyncio.create_task(browser.get("/events"))
        await asyncio.sleep(0)
        rules.ending.set()
        assert (await answer).status_code == 200
    assert app.left
