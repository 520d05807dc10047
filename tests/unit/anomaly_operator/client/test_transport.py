"""The transport against servers that misbehave, on loopback."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web

from anomaly_operator.api import errors
from anomaly_operator.client.login import Connection
from anomaly_operator.client.throttle import TokenBucket
from anomaly_operator.client.transport import Request, Transport

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
GET = Request("get", "configmaps", "/api/v1/namespaces/a/configmaps/b")


class Server:
    """An API server that answers as it is told and counts."""

    def __init__(self) -> None:
        self.answer: Answer | None = None
        self.requests = 0
        self.address = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests += 1
        assert self.answer is not None
        return await self.answer(request)

    async def connect(self) -> Connection:
        return Connection(self.address, authorization="Bearer token")


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    found = Server()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", found.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield found
    await runner.cleanup()


@pytest.fixture
async def transport(server: Server) -> AsyncIterator[Transport]:
    found = Transport(server, TokenBucket(1000, 1000))
    yield found
    await found.close()


@pytest.fixture
async def impatient(server: Server) -> AsyncIterator[Transport]:
    found = Transport(server, TokenBucket(1000, 1000), timeout=0.5)
    yield found
    await found.close()


def status(code: int, reason: str = "", **headers: str) -> Answer:
    async def answer(_: web.Request) -> web.StreamResponse:
        body = {"kind": "Status", "reason": reason, "message": "no"}
        return web.json_response(body, status=code, headers=headers)

    return answer


@pytest.mark.parametrize(
    ("code", "reason", "kind", "retry"),
    [
        (400, "BadRequest", errors.InvalidError, errors.Retry.BACK_OFF),
        (401, "Unauthorized", errors.UnauthorizedError, errors.Retry.BACK_OFF),
        (403, "Forbidden", errors.ForbiddenError, errors.Retry.BACK_OFF),
        (404, "NotFound", errors.NotFoundError, errors.Retry.SOON),
        (409, "Conflict", errors.ConflictError, errors.Retry.SOON),
        (409, "AlreadyExists", errors.AlreadyExistsError, errors.Retry.SOON),
        (410, "Expired", errors.ExpiredError, errors.Retry.SOON),
        (422, "Invalid", errors.InvalidError, errors.Retry.BACK_OFF),
        (429, "TooManyRequests", errors.ThrottledError, errors.Retry.BACK_OFF),
        (500, "InternalError", errors.ServerError, errors.Retry.BACK_OFF),
        (503, "ServiceUnavailable", errors.ServerError, errors.Retry.BACK_OFF),
        (418, "", errors.ApiError, errors.Retry.BACK_OFF),
    ],
)
async def test_each_refusal_has_its_error_and_decision(
    server: Server,
    transport: Transport,
    code: int,
    reason: str,
    kind: type[errors.ApiError],
    retry: errors.Retry,
) -> None:
    server.answer = status(code, reason)
    with pytest.raises(errors.ApiError) as refused:
        await transport.send(GET)
    assert type(refused.value) is kind
    assert refused.value.retry is retry
    assert "get /api/v1/namespaces/a/configmaps/b" in str(refused.value)
    assert server.requests == 1


async def test_a_pause_that_the_server_asks_for_is_kept(
    server: Server, transport: Transport
) -> None:
    server.answer = status(429, "TooManyRequests", **{"Retry-After": "1"})
    # From before the pause begins: however slow we are, it is never seen as shorter.
    started = time.monotonic()
    with pytest.raises(errors.ThrottledError) as refused:
        await transport.send(GET)
    assert refused.value.retry_after == 1.0
    server.answer = status(404)
    with pytest.raises(errors.NotFoundError):
        await transport.send(GET)
    assert time.monotonic() - started >= 0.9


HANGS = 120.0
"""Seconds; far beyond the timeout, so that a slow machine is not taken for one without it."""


async def hang(request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(HANGS)
    return web.Response()


async def hang_after_the_headers(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "100"})
    await response.prepare(request)
    await asyncio.sleep(HANGS)
    return response


async def break_off(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.close()
    return web.Response()


async def nonsense(request: web.Request) -> web.StreamResponse:
    return web.Response(text="<html>proxy</html>")


async def a_list(request: web.Request) -> web.StreamResponse:
    return web.json_response([1, 2])


@pytest.mark.parametrize("answer", [hang, hang_after_the_headers, break_off, nonsense, a_list])
async def test_no_answer_or_nonsense_is_unreachable_within_the_timeout(
    server: Server, impatient: Transport, answer: Answer
) -> None:
    server.answer = answer
    started = time.monotonic()
    with pytest.raises(errors.UnreachableError) as failed:
        await impatient.send(GET)
    assert time.monotonic() - started < HANGS / 4
    assert failed.value.retry is errors.Retry.BACK_OFF


async def test_a_refused_connection_is_unreachable(server: Server) -> None:
    server.address = "http://127.0.0.1:1"
    transport = Transport(server, TokenBucket(10, 10), timeout=1.0)
    with pytest.raises(errors.UnreachableError):
        await transport.send(GET)
    await transport.close()


def test_a_message_that_is_no_status_object_is_kept() -> None:
    error = errors.from_response(502, b"bad gateway", "", "get /x")
    assert isinstance(error, errors.ServerError)
    assert "bad gateway" in str(error)


def test_tokens_come_at_the_rate_after_the_burst() -> None:
    bucket = TokenBucket(qps=2, burst=3)
    assert [bucket.reserve(100.0) for _ in range(5)] == [0, 0, 0, 0.5, 1.0]
    assert bucket.reserve(101.0) == 0.5


def test_a_paused_bucket_gives_nothing_until_then() -> None:
    bucket = TokenBucket(qps=10, burst=10)
    bucket.pause(50.0, 3.0)
    assert bucket.reserve(51.0) == 2.0
    assert bucket.reserve(54.0) == 0.0
