"""Ends a server of a test whole, so that no connection outlives its event loop.

A connection whose peer no longer reads (a frozen process, a failed handshake) does not end by
itself: it would be found, and blamed, in whatever test runs when it is collected.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from aiohttp import web

_TURNS = 20
"""Turns of the loop: enough for an aborted connection, and for a handshake that its peer broke off,
to end.
"""


async def accept_no_more(listening: Iterable[Any]) -> None:
    """Leave the sockets open and accept nothing from them any more. asyncio drops, unclosed, what
    it accepted from a server that is closed in the same turn.
    """
    for sock in listening:
        asyncio.get_running_loop().remove_reader(sock.fileno())
    for _ in range(_TURNS):
        await asyncio.sleep(0)


async def end(runner: web.AppRunner) -> None:
    """Stop serving and drop each connection that is still there."""
    server = runner.server
    assert server is not None
    sites: list[Any] = list(runner.sites)
    await accept_no_more(sock for site in sites for sock in site._server.sockets)
    transports = [connection.transport for connection in server.connections]
    await runner.cleanup()
    for transport in transports:
        if transport is not None:
            transport.abort()
    for _ in range(_TURNS):
        await asyncio.sleep(0)
