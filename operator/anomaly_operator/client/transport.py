"""Carries one request to the API server: credentials, rate, fence, timeout, typed errors.

It speaks aiohttp itself: the generated client of the `kubernetes` package would cost every operator
20 MiB and half a second of start for nothing that is used here. It knows no kinds, asks no proxy,
follows no redirect, and retries only after a new login; every other retry is the work queue's
decision.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import aiohttp

from anomaly_operator.api import errors, names
from anomaly_operator.client.login import Connection, Login
from anomaly_operator.client.throttle import TokenBucket

Observer = Callable[[str, str, str, float], None]
"""Called after each request: verb, resource, status code (`0` = no answer), seconds it took."""

_METHODS = {
    "create": "POST",
    "update": "PUT",
    "patch": "PATCH",
    "apply": "PATCH",
    "delete": "DELETE",
}
"""The verbs that write; all others are GET."""

_TOKEN_SECONDS = 60.0
"""Credentials are read again after that, as client-go does; the kubelet renews a token long
before it expires."""

_CONNECTIONS = 32
"""Open at most; more than the workers of the default settings use at once."""

_MAX_LINE = 8 * 2**20
"""Bytes of one line of a stream; etcd keeps no object larger than about 1.5 MiB."""

HEADS = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
"""Of a list, to be asked for the metadata of its objects alone."""
MAX_ANSWER = 16 * 2**20
"""Bytes of one answer. Decoded, a JSON text of many small parts takes some fifteen times that."""


@dataclass(frozen=True, slots=True)
class Request:
    """`verb` and `resource` (plural) name the request in metrics and messages. `most`: bytes of the
    answer that are read at most.
    """

    verb: str
    resource: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None
    content_type: str = "application/json"
    accept: str = "application/json"
    most: int = MAX_ANSWER

    @property
    def writes(self) -> bool:
        return self.verb in _METHODS

    def __str__(self) -> str:
        return f"{self.verb} {self.path}"


class Transport:
    """`fence` is called right before each write and raises when writing is not allowed (any more).

    `timeout` in seconds is that of a whole request, from connecting to the last byte.
    `connections`: open at most; each stream keeps one.
    """

    def __init__(
        self,
        login: Login,
        bucket: TokenBucket,
        *,
        timeout: float = 15.0,
        fence: Callable[[], None] | None = None,
        observe: Observer | None = None,
        connections: int = _CONNECTIONS,
    ) -> None:
        self._login = login
        self._connections = connections
        self._bucket = bucket
        self._timeout = aiohttp.ClientTimeout(total=timeout, sock_connect=min(5.0, timeout))
        self._fence = fence
        self._observe = observe
        self._lock = asyncio.Lock()
        self._session: aiohttp.ClientSession | None = None
        self._connection: Connection | None = None
        self._connected_at = float("-inf")

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None
            # Its TLS connections end in later turns of the loop, which may be the last ones.
            await asyncio.sleep(0.05)

    async def send(self, request: Request) -> dict[str, Any]:
        """The answer's object. Raises an ApiError, or what the fence raises."""
        return (await self.measure(request))[0]

    async def measure(self, request: Request) -> tuple[dict[str, Any], int]:
        """The answer's object and its bytes. Raises as `send` does; AnswerTooLargeError where it
        has more than `request.most`."""
        await self._bucket.wait()
        session, connection = await self._connect()
        try:
            return await self._send(session, connection, request)
        except errors.UnauthorizedError:
            # The token may have been renewed since it was read last.
            session, renewed = await self._connect_again()
            if renewed == connection:
                raise
            return await self._send(session, renewed, request)
        except errors.ThrottledError as error:
            self._bucket.pause(time.monotonic(), error.retry_after or 1.0)
            raise

    async def lines(self, request: Request, silence: float) -> AsyncGenerator[bytes]:
        """The lines of an answer that does not end by itself, such as a watch; an empty one first,
        once the server has begun to answer. Raises UnreachableError after `silence` seconds
        without a byte, an ApiError where the server refuses; ends when the server ends it.
        """
        await self._bucket.wait()
        session, connection = await self._connect()
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=5.0, sock_read=silence)
        try:
            async with session.get(
                _url(connection, request),
                headers=_headers(connection, request),
                timeout=timeout,
                allow_redirects=False,
                server_hostname=connection.tls_server_name or None,
            ) as response:
                if response.status >= 300:
                    if response.status == 401:
                        self._connected_at = float("-inf")
                    retry_after = response.headers.get("Retry-After", "")
                    said = await response.content.read(2**16)
                    raise errors.from_response(response.status, said, retry_after, str(request))
                yield b""
                rest = b""
                async for chunk in response.content.iter_any():
                    *whole, rest = (rest + chunk).split(b"\n")
                    for line in whole:
                        yield line
                    if len(rest) > _MAX_LINE:
                        raise errors.UnreachableError(0, "a line is too long", str(request))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            reason = str(error) or type(error).__name__
            raise errors.UnreachableError(0, reason, str(request)) from error

    async def _send(
        self, session: aiohttp.ClientSession, connection: Connection, request: Request
    ) -> tuple[dict[str, Any], int]:
        data = None if request.body is None else json.dumps(request.body).encode()
        if request.writes and self._fence is not None:
            self._fence()
        method = _METHODS.get(request.verb, "GET")
        started, code = time.monotonic(), "0"
        try:
            async with session.request(
                method,
                _url(connection, request),
                headers=_headers(connection, request),
                data=data,
                timeout=self._timeout,
                allow_redirects=False,
                server_hostname=connection.tls_server_name or None,
            ) as response:
                code = str(response.status)
                answer = await _read(response, request)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            reason = str(error) or type(error).__name__
            raise errors.UnreachableError(0, reason, str(request)) from error
        finally:
            if self._observe is not None:
                self._observe(request.verb, request.resource, code, time.monotonic() - started)
        if response.status >= 300:
            retry_after = response.headers.get("Retry-After", "")
            raise errors.from_response(response.status, answer, retry_after, str(request))
        return _document(answer, request), len(answer)

    async def _connect(self) -> tuple[aiohttp.ClientSession, Connection]:
        if time.monotonic() - self._connected_at >= _TOKEN_SECONDS:
            return await self._connect_again()
        assert self._session is not None
        assert self._connection is not None
        return self._session, self._connection

    async def _connect_again(self) -> tuple[aiohttp.ClientSession, Connection]:
        async with self._lock:
            connection = await self._login.connect()
            before = self._connection
            if before is not None and not connection.same_endpoint(before):
                await self.close()
            if self._session is None:
                self._session = _session(connection, self._connections)
            self._connection = connection
            self._connected_at = time.monotonic()
            return self._session, connection


def _url(connection: Connection, request: Request) -> str:
    query = f"?{urlencode(request.query)}" if request.query else ""
    return f"{connection.server}{request.path}{query}"


def _headers(connection: Connection, request: Request) -> dict[str, str]:
    headers = {
        "Accept": request.accept,
        "Content-Type": request.content_type,
        "User-Agent": names.MANAGED_BY,
    }
    if connection.authorization:
        headers["Authorization"] = connection.authorization
    return headers


def _session(connection: Connection, connections: int) -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(limit=connections, ssl=tls_context(connection))
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())


def tls_context(connection: Connection) -> ssl.SSLContext:
    """Raises LoginFailedError where the certificates cannot be used."""
    try:
        context = ssl.create_default_context(cafile=connection.ca_file)
        if connection.cert_file:
            context.load_cert_chain(connection.cert_file, connection.key_file)
    except OSError as error:
        files = (connection.ca_file, connection.cert_file, connection.key_file)
        named = ", ".join(file for file in files if file)
        raise errors.LoginFailedError(f"cannot use the certificates in {named}: {error}") from error
    if not connection.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


async def _read(response: aiohttp.ClientResponse, request: Request) -> bytes:
    """The body, as long as the request allows; leaving the response early closes its connection."""
    parts, size = [], 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > request.most:
            said = f"the answer has more than {request.most} bytes"
            raise errors.AnswerTooLargeError(response.status, said, str(request))
        parts.append(part)
    return b"".join(parts)


def _document(data: bytes, request: Request) -> dict[str, Any]:
    try:
        document = json.loads(data)
    except ValueError as error:
        raise errors.UnreachableError(0, "the response is not JSON", str(request)) from error
    if not isinstance(document, dict):
        raise errors.UnreachableError(0, "the response is not a JSON object", str(request))
    return document
