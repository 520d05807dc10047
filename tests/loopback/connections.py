"""Connections of the running event loop."""

from __future__ import annotations

import asyncio
from typing import Any


async def all_closed(seconds: float = 60.0) -> None:
    """Wait until none is open. TLS waits for the other side's farewell, and a loop that ends before
    leaves the socket to the garbage collector, whose complaint fails the test that then runs.
    """
    loop: Any = asyncio.get_running_loop()
    async with asyncio.timeout(seconds):
        while len(loop._selector.get_map()) > 1:  # one is the loop's own
            await asyncio.sleep(0.01)
