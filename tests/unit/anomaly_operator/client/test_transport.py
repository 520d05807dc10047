"""The transport against servers that misbehave, on loopback."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import web

from anomaly_operator.api import errors
from anomaly_operator.client import transport as transport_module
from anomaly_operator.client.login import Connection
from anomaly_operator.client.throttle import TokenBucket
from anomaly_operator.client.transport import Request, Transport
from loopback.closing import end
from loopback.server import make_certificate

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
    await end(runner)


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


async def echo(request: web.Request) -> web.StreamResponse:
    body = await request.text()
    return web.json_response(
        {"headers": dict(request.headers), "query": dict(request.query), "body": body}
    )


async def test_a_request_arrives_as_it_was_given(server: Server, transport: Transport) -> None:
    server.answer = echo
    query = {"labelSelector": "a/b=c,d!=e f", "force": "true"}
    apply = Request("apply", "x", "/x", query, {"a": "ä"}, "application/apply-patch+yaml")
    found = await transport.send(apply)
    assert found["query"] == query
    assert found["body"] == '{"a": "\\u00e4"}'
    headers = found["headers"]
    assert headers["Content-Type"] == "application/apply-patch+yaml"
    assert headers["Authorization"] == "Bearer token"
    assert headers["User-Agent"] == "anomaly-operator"


WATCH = Request("watch", "configmaps", "/api/v1/configmaps", {"watch": "1"})


async def test_lines_come_one_by_one_however_they_are_cut(
    server: Server, transport: Transport
) -> None:
    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for chunk in (b'{"a"', b": 1}\n{", b"}\n", b"half"):
            await response.write(chunk)
            await asyncio.sleep(0)
        return response

    server.answer = stream
    assert [line async for line in transport.lines(WATCH, 30.0)] == [b"", b'{"a": 1}', b"{}"]


async def test_a_stream_that_is_refused_or_falls_silent_is_an_error(
    server: Server, transport: Transport
) -> None:
    server.answer = status(410, "Expired")
    with pytest.raises(errors.ExpiredError):
        await anext(transport.lines(WATCH, 30.0))
    server.answer = hang_after_the_headers
    lines = transport.lines(WATCH, 0.05)
    assert await anext(lines) == b""
    with pytest.raises(errors.UnreachableError):
        await anext(lines)


async def test_a_line_that_does_not_end_is_not_kept(
    server: Server, transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(64):
            await response.write(b"x" * 1024)
        return response

    monkeypatch.setattr(transport_module, "_MAX_LINE", 4096)
    server.answer = endless
    with pytest.raises(errors.UnreachableError, match="too long"):
        assert [line async for line in transport.lines(WATCH, 30.0)]


async def test_no_cookie_is_kept(server: Server, transport: Transport) -> None:
    async def with_cookie(request: web.Request) -> web.StreamResponse:
        response = await echo(request)
        response.set_cookie("session", "1")
        return response

    server.answer = with_cookie
    await transport.send(GET)
    assert "Cookie" not in (await transport.send(GET))["headers"]


async def test_a_redirect_is_not_followed(server: Server, transport: Transport) -> None:
    server.answer = status(302, Location=f"{server.address}/elsewhere")
    with pytest.raises(errors.ApiError, match="302"):
        await transport.send(GET)
    assert server.requests == 1


async def test_no_proxy_is_asked(
    server: Server, transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")
    server.answer = echo
    assert (await transport.send(GET))["body"] == ""


@dataclass
class FixedLogin:
    """Credentials that stay as they are."""

    connection: Connection

    async def connect(self) -> Connection:
        return self.connection


@dataclass(frozen=True)
class TLSServer:
    """An HTTPS server that wants the client's certificate, which is its own."""

    port: int
    certificate: str
    key: str

    async def ask(self, connection: Connection) -> dict[str, object]:
        transport = Transport(FixedLogin(connection), TokenBucket(10, 10), timeout=10.0)
        try:
            return await transport.send(GET)
        finally:
            await transport.close()

    def connection(self, host: str, **fields: str | bool) -> Connection:
        made = {"ca_file": self.certificate, "cert_file": self.certificate, "key_file": self.key}
        return Connection(f"https://{host}:{self.port}", **{**made, **fields})  # type: ignore[arg-type]


@pytest.fixture
async def tls_server(tmp_path: Path) -> AsyncIterator[TLSServer]:
    certificate, key = map(str, make_certificate(tmp_path))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=certificate)
    context.load_cert_chain(certificate, key)
    context.verify_mode = ssl.CERT_REQUIRED
    app = web.Application()

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.json_response({"ok": True})

    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    yield TLSServer(runner.addresses[0][1], certificate, key)
    await end(runner)


async def test_the_named_ca_and_client_certificate_are_used(tls_server: TLSServer) -> None:
    assert await tls_server.ask(tls_server.connection("127.0.0.1")) == {"ok": True}
    without = Connection(f"https://127.0.0.1:{tls_server.port}", ca_file=tls_server.certificate)
    with pytest.raises(errors.UnreachableError):
        await tls_server.ask(without)


async def test_a_server_of_another_name_is_refused_unless_the_login_says_so(
    tls_server: TLSServer,
) -> None:
    connection = tls_server.connection
    with pytest.raises(errors.UnreachableError, match="certificate"):
        await tls_server.ask(connection("localhost"))
    assert await tls_server.ask(connection("localhost", tls_server_name="metrics.test"))
    assert await tls_server.ask(connection("localhost", verify=False))
    with pytest.raises(errors.UnreachableError, match="certificate"):
        await tls_server.ask(connection("127.0.0.1", tls_server_name="other.test"))


async def test_a_certificate_that_cannot_be_read_is_named(tls_server: TLSServer) -> None:
    for field in ("ca_file", "cert_file"):
        broken = tls_server.connection("127.0.0.1", **{field: "/absent/file.crt"})
        with pytest.raises(errors.LoginFailedError, match=r"/absent/file\.crt"):
            await tls_server.ask(broken)


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
