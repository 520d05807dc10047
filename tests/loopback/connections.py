"""Connections of the running event loop, which must not outlive it: the garbage collector would
find them, and its complaint would fail the test that then runs.
"""

from __future__ import annotations

import asyncio
from typing import Any


def still_open() -> list[asyncio.Transport]:
    """Each socket's transport that is not closed to the last, also one that neither reads nor
    writes now.
    """
    loop: Any = asyncio.get_running_loop()
    return [one for one in list(loop._transports.values()) if one._sock is not None]


async def all_closed(seconds: float = 60.0) -> None:
    """Wait until none is open. TLS waits for the other side's farewell."""
    async with asyncio.timeout(seconds):
        while still_open():
            await asyncio.sleep(0.01)


async def drop_all(seconds: float = 10.0) -> None:
    """End each of them at once, whatever its peer does: nothing that is under way is waited for."""
    async with asyncio.timeout(seconds):
        while left := still_open():
            for transport in left:
                transport.abort()
            await asyncio.sleep(0)
