"""The dashboard in this process, over a store that a test fills: no API server, one clock that
stands still, and so the same picture each time.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import uvicorn

from anomaly_dashboard.explore.desk import Desk
from anomaly_dashboard.watched.rows import Place
from anomaly_dashboard.watched.sight import EVERYTHING, Scopes
from anomaly_dashboard.watched.store import Store
from anomaly_operator.api.resources import ANOMALY, POLICY, SERVICE, Resource
from anomaly_operator.client.login import Login
from loopback.closing import accept_no_more
from loopback.connections import drop_all
from unit.anomaly_dashboard.signed_in import OpenDoor, application

KINDS = {one.kind: one for one in (SERVICE, ANOMALY, POLICY)}


@dataclass
class Dashboard:
    """`url` without a slash at its end. Its store belongs to the thread of its event loop."""

    url: str
    store: Store
    _loop: asyncio.AbstractEventLoop

    def put(self, raw: Mapping[str, Any]) -> None:
        """An object changes; returns when the dashboard knows."""
        self._do(lambda: self.store.put(KINDS[raw["kind"]], raw))

    def drop(self, resource: Resource, place: Place) -> None:
        """An object is deleted; returns when the dashboard knows."""
        self._do(lambda: self.store.drop(resource, place))

    def wait_for(self, event: asyncio.Event) -> None:
        """Returns when `event` of the dashboard's loop is set."""
        asyncio.run_coroutine_threadsafe(event.wait(), self._loop).result(30)

    def _do(self, act: Callable[[], None]) -> None:
        async def turn() -> None:
            act()

        asyncio.run_coroutine_threadsafe(turn(), self._loop).result(30)


@contextmanager
def dashboard(
    objects: Iterable[Mapping[str, Any]],
    scopes: Scopes = EVERYTHING,
    *,
    allowed: bool = True,
    desk: Desk | None = None,
    login: Login | None = None,
) -> Iterator[Dashboard]:
    """It serves `objects` to everybody who asks; `allowed`: who asks may write too; `desk`: what
    series and trials work with, closed at the end; `login`: that of who asks, without one they can
    only read."""
    store = Store()
    for raw in objects:
        store.put(KINDS[raw["kind"]], raw)
    streams = [(kind, "") for kind in KINDS.values()]
    store.expect(streams)
    for stream in streams:
        store.heard(stream)
    door = OpenDoor(store, scopes, allowed=allowed)
    door.person = replace(door.person, login=login)
    app = application(door, desk=desk)
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="on")
    config.timeout_graceful_shutdown = 1
    server = uvicorn.Server(config)
    loops: list[asyncio.AbstractEventLoop] = []
    started = threading.Event()

    async def serve() -> None:
        loops.append(asyncio.get_running_loop())
        telling = asyncio.create_task(app.state.parts.live.fan_out.run(store))
        started.set()
        await server.serve([listening])
        telling.cancel()
        await app.state.parts.lines.close()
        if desk is not None:
            await desk.close()
        await drop_all()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert started.wait(30)
        yield Dashboard(f"http://127.0.0.1:{listening.getsockname()[1]}", store, loops[0])
    finally:
        ended = asyncio.run_coroutine_threadsafe(accept_no_more([listening]), loops[0])
        ended.result(30)
        server.should_exit = True
        thread.join(30)
        listening.close()
