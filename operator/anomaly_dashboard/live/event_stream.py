"""The answer that a browser keeps open: server-sent events, until somebody ends it.

It ends with the rights of the caller, which are looked at again and again, when the browser goes
away, and when a browser takes nothing any more.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from anomaly_dashboard.live.fan_out import FanOut, Stream


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds: between two signs of life, between two looks at the rights of the caller, and for a
    browser to take what it is sent."""

    heartbeat: float = 20.0
    recheck: float = 30.0
    send: float = 30.0


@dataclass(slots=True)
class Telling:
    """The text of one stream. `mark`: the id of what was told so far; `allowed`: whether the
    caller may still see what the stream was opened for."""

    stream: Stream
    mark: Callable[[], str]
    allowed: Callable[[], Awaitable[bool]]
    pace: Pace

    async def events(self) -> AsyncGenerator[str]:
        """Each is one event or one comment."""
        yield f"retry: 3000\n{self._event('hello', [])}"
        check_at = time.monotonic() + self.pace.recheck
        while True:
            patience = min(self.pace.heartbeat, check_at - time.monotonic())
            with suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self.stream.wake.wait()
            if self.stream.closed:
                return
            if time.monotonic() >= check_at:
                if not await self.allowed():
                    return
                check_at = time.monotonic() + self.pace.recheck
            names = self.stream.take()
            yield self._event("changed", names) if names else ":\n\n"

    def _event(self, kind: str, names: list[str]) -> str:
        return f"id: {self.mark()}\nevent: {kind}\ndata: {json.dumps(names)}\n\n"


class EventStream(Response):
    """Closes its stream of `fan_out` however it ends."""

    media_type = "text/event-stream"

    def __init__(self, telling: Telling, fan_out: FanOut) -> None:
        # Without the second header nginx would hold events back.
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._telling = telling
        self._fan_out = fan_out

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        tasks = {asyncio.create_task(self._send(send)), asyncio.create_task(_left(receive))}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._fan_out.close(self._telling.stream)
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        for error in ended:
            # A browser that went away or took nothing is no defect; all else is.
            if isinstance(error, Exception) and not isinstance(error, OSError):
                raise error

    async def _send(self, send: Send) -> None:
        headers = self.raw_headers
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        async with aclosing(self._telling.events()) as events:
            async for event in events:
                part = {"type": "http.response.body", "body": event.encode(), "more_body": True}
                async with asyncio.timeout(self._telling.pace.send):
                    await send(part)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
