"""Connections to the API server, one line for each person, under that person's own credentials.

A line is kept while it is used and for a minute after, so that the checks of a page do not each
begin with a handshake. Nothing is ever asked under another person's line.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from anomaly_dashboard.identity.caller import Caller
from anomaly_operator.client.login import Connection, Login, token_expiry
from anomaly_operator.client.throttle import TokenBucket
from anomaly_operator.client.transport import Transport

_KEPT_SECONDS = 60.0
_AT_ONCE = 8
"""Requests of one person that are under way at the same time."""


@dataclass(frozen=True, slots=True)
class TokenLogin:
    """The server of `own`, under `token` and nothing else of that login."""

    own: Login
    token: str = field(repr=False)

    async def connect(self) -> Connection:
        """Raises LoginFailedError."""
        own = await self.own.connect()
        return replace(
            own,
            cert_file=None,
            key_file=None,
            authorization=f"Bearer {self.token}",
            expires=token_expiry(self.token),
        )


@dataclass(slots=True)
class _Line:
    transport: Transport
    turns: asyncio.Semaphore
    users: int = 0
    left: float = 0.0


class Lines:
    """`own`: the dashboard's login, whose server all lines lead to."""

    def __init__(self, own: Login, clock: Callable[[], float] = time.monotonic) -> None:
        self.own = own
        self._clock = clock
        self._lines: dict[str, _Line] = {}

    @asynccontextmanager
    async def of(self, caller: Caller) -> AsyncIterator[Transport]:
        """What speaks as the caller. Raises ValueError for somebody without credentials."""
        if caller.login is None:
            raise ValueError(f"{caller.name} has no credentials of their own")
        async with self.under(caller.key, caller.login) as transport:
            yield transport

    @asynccontextmanager
    async def under(self, key: str, login: Login) -> AsyncIterator[Transport]:
        """What speaks under a login; `key` is equal for equal logins alone."""
        await self._sweep()
        line = self._lines.get(key)
        if line is None:
            transport = Transport(login, TokenBucket(1000, 1000), timeout=10.0)
            line = self._lines[key] = _Line(transport, asyncio.Semaphore(_AT_ONCE))
        line.users += 1
        try:
            async with line.turns:
                yield line.transport
        finally:
            line.users -= 1
            line.left = self._clock()

    async def close(self) -> None:
        lines, self._lines = self._lines, {}
        for line in lines.values():
            await line.transport.close()

    async def _sweep(self) -> None:
        before = self._clock() - _KEPT_SECONDS
        old = [key for key, one in self._lines.items() if not one.users and one.left < before]
        for line in [self._lines.pop(key) for key in old]:
            await line.transport.close()
