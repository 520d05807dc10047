"""Stands before every request: what no page has to think of.

It refuses other methods than GET, HEAD and POST, foreign hosts (a name server that points somebody
else's name at this machine), posts that another site sent, bodies over 1 MiB, and more requests
than an address may send. It takes headers off that only the proxy may set. When the process ends,
streams are told that their browser has left.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from anomaly_dashboard.identity import proxy
from anomaly_dashboard.identity.addresses import address, loopback, split_host
from anomaly_dashboard.identity.limits import Limit
from anomaly_dashboard.identity.refused import RefusedError, too_many
from anomaly_dashboard.settings import DashboardSettings

LARGEST_BODY = 1024 * 1024
_METHODS = frozenset({"GET", "HEAD", "POST"})
_PROBES = frozenset({"/healthz", "/readyz"})
_OWN_SITES = frozenset({"", "same-origin", "none"})
"""Values of Sec-Fetch-Site: not sent, from a page of ours, typed by the person."""


@dataclass(slots=True)
class Rules:
    """`requests`: of one address, behind which there may be many people; wide enough for fifty open
    browsers. `ending` is set when the process ends."""

    settings: DashboardSettings = field(default_factory=DashboardSettings)
    requests: Limit = field(default_factory=lambda: Limit(300.0, 3000))
    ending: asyncio.Event = field(default_factory=asyncio.Event)


class Gate:
    """Plain ASGI, because it stands before streams too."""

    def __init__(self, app: ASGIApp, rules: Rules) -> None:
        self._app = app
        self._rules = rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            self._check(scope)
        except RefusedError as error:
            headers = {"Retry-After": str(error.wait)} if error.wait else {}
            headers |= {"Allow": "GET, HEAD, POST"} if error.status == 405 else {}
            await PlainTextResponse(error.message, error.status, headers)(scope, receive, send)
            return
        proxy.strip(scope, self._rules.settings.proxy)
        head = scope["method"] == "HEAD"
        exchange = _Exchange(receive, send, self._rules.ending, head=head)
        asked = {**scope, "method": "GET"} if head else scope
        await self._app(asked, exchange.receive, exchange.send)

    def _check(self, scope: Scope) -> None:
        settings, headers = self._rules.settings, Headers(scope=scope)
        if scope["method"] not in _METHODS:
            raise RefusedError(405, "Not allowed", f"{scope['method']} is not allowed here.")
        if scope["path"] in _PROBES:
            return
        connection = HTTPConnection(scope)
        if not self._rules.requests.take(address(connection, settings.networks)):
            raise too_many(self._rules.requests.wait)
        name, _ = split_host(headers.get("host", ""))
        if not self._known(name):
            raise RefusedError(421, "Not here", f"This is not the dashboard of {name}.")
        length = headers.get("content-length", "")
        if length and (not length.isdigit() or int(length) > LARGEST_BODY):
            raise _too_large()
        if scope["method"] == "POST":
            self._own(headers)

    def _known(self, name: str) -> bool:
        settings = self._rules.settings
        if loopback(name):
            return True
        return not settings.local and settings.public_host in {"", name}

    def _own(self, headers: Headers) -> None:
        """Whether a post comes from a page of ours. Browsers say so; the form's token stands behind
        it for those that do not."""
        site = headers.get("sec-fetch-site", "")
        origin = headers.get("origin", "").lower()
        host = headers.get("host", "").lower()
        own = {f"http://{host}", f"https://{host}", self._rules.settings.public_origin}
        if site not in _OWN_SITES or (origin and origin not in own):
            raise RefusedError(403, "Not allowed", "Another site sent this form.")


class _Exchange:
    """One request and its answer. The answer to HEAD is that to GET without its body."""

    def __init__(self, receive: Receive, send: Send, ending: asyncio.Event, *, head: bool) -> None:
        self._receive = receive
        self._send = send
        self._ending = ending
        self._head = head
        self._size = 0
        self._whole = False
        self._answered = asyncio.Event()

    async def receive(self) -> Message:
        """Counts the body; after it, waits for the end of whatever ends first."""
        if self._whole:
            return await self._left()
        message = await self._receive()
        self._size += len(message.get("body", b""))
        self._whole = not message.get("more_body", False)
        if self._size > LARGEST_BODY:
            raise _too_large()
        return message

    async def send(self, message: Message) -> None:
        if not self._head:
            await self._send(message)
        elif message["type"] == "http.response.start":
            await self._send(message)
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})
            self._answered.set()

    async def _left(self) -> Message:
        left = asyncio.ensure_future(self._receive())
        others = [asyncio.ensure_future(one.wait()) for one in (self._ending, self._answered)]
        try:
            await asyncio.wait({left, *others}, return_when=asyncio.FIRST_COMPLETED)
            return left.result() if left.done() else {"type": "http.disconnect"}
        finally:
            for task in (left, *others):
                task.cancel()


def _too_large() -> RefusedError:
    return RefusedError(413, "Too large", "The request is larger than 1 MiB.")
