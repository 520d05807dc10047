"""Probes and metrics over HTTP, on addresses that the settings name (in a pod: the pod's IP).

Alive means that both event loops run. Ready means that the caches are filled, or that this replica
is a standby. An unreachable API server affects neither: a restart would not bring it back.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web

from anomaly_operator.telemetry.metrics import Metrics

MAX_LAG_SECONDS = 5.0
_TICK_SECONDS = 0.5


@dataclass(slots=True)
class Health:
    """State that the probes report. `silence`: seconds since the watch's event loop last ran."""

    max_silence: float
    silence: Callable[[], float] | None = None
    leading: bool = False
    synced: bool = False
    lag: float = 0.0
    _beat: float = field(default_factory=time.monotonic)

    async def tick(self) -> None:
        """Measure how late this loop is, until cancelled."""
        while True:
            self._beat = time.monotonic()
            await asyncio.sleep(_TICK_SECONDS)
            self.lag = max(0.0, time.monotonic() - self._beat - _TICK_SECONDS)

    def problems(self) -> list[str]:
        """Why this process should be restarted; empty when it should not."""
        found = []
        overdue = time.monotonic() - self._beat - _TICK_SECONDS
        if max(self.lag, overdue) > MAX_LAG_SECONDS:
            found.append(f"the event loop is {max(self.lag, overdue):.1f} s late")
        silence = self.silence() if self.silence is not None else 0.0
        if silence > self.max_silence:
            found.append(f"the watch loop has not run for {silence:.0f} s")
        return found

    def readiness(self) -> tuple[bool, str]:
        if not self.leading:
            return True, "standing by"
        return (True, "leading") if self.synced else (False, "caches are not filled yet")


class Servers:
    """The HTTP servers of one process; `close` ends them."""

    def __init__(self) -> None:
        self._runners: list[web.AppRunner] = []

    async def serve(self, address: str, routes: list[web.RouteDef]) -> str:
        """Serve `routes` on HOST:PORT (port 0 = any); the address in use. Raises OSError."""
        host, port = split_address(address)
        app = web.Application()
        app.add_routes(routes)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        await web.TCPSite(runner, host or None, port).start()
        self._runners.append(runner)
        return f"{host}:{runner.addresses[0][1]}"

    async def close(self) -> None:
        for runner in self._runners:
            await runner.cleanup()


def health_routes(health: Health) -> list[web.RouteDef]:
    async def livez(_: web.Request) -> web.Response:
        problems = health.problems()
        return web.Response(status=503 if problems else 200, text="\n".join(problems) or "ok")

    async def readyz(_: web.Request) -> web.Response:
        ready, text = health.readiness()
        return web.Response(status=200 if ready else 503, text=text)

    return [web.get("/livez", livez), web.get("/readyz", readyz)]


def metrics_routes(metrics: Metrics) -> list[web.RouteDef]:
    async def exposition(_: web.Request) -> web.Response:
        return web.Response(
            body=metrics.exposition(),
            headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"},
        )

    return [web.get("/metrics", exposition)]


def split_address(address: str) -> tuple[str, int]:
    """`127.0.0.1:8080`, `[::1]:8080`, `:8080` (all addresses). Raises ValueError."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"{address!r} is not a HOST:PORT address")
    return host.strip("[]"), int(port)
