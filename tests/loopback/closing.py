"""Ends a server of a test whole, so that no connection outlives its event loop.

A connection whose peer no longer reads (a frozen process, a failed handshake) does not end by
itself: it would be found, and blamed, in whatever test runs when it is collected.
"""

from __future__ import annotations

import asyncio

from aiohttp import web

_TURNS = 20
"""Turns of the loop: enough for an aborted connection, and for a handshake that its peer broke off,
to end.
"""


async def end(runner: web.AppRunner) -> None:
    """Stop serving and drop each connection that is still there."""
    server = runner.server
    assert server is not None
    for site in list(runner.sites):
        await site.stop()
    # What was accepted a moment ago becomes a connection in the next turns.
    for _ in range(_TURNS):
        await asyncio.sleep(0)
    transports = [connection.transport for connection in server.connections]
    await runner.cleanup()
    for transport in transports:
        if transport is not None:
            transport.abort()
    for _ in range(_TURNS):
        await asyncio.sleep(0)
