"""One dashboard from its start to its end: watches, serves, leaves.

At the end no new request is taken, streams are told to go, and what is under way has five seconds.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Coroutine, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from aiohttp import web
from starlette.types import ASGIApp

from anomaly_dashboard.app import Parts, build_app
from anomaly_dashboard.explore.desk import open_desk
from anomaly_dashboard.identity.access import Access
from anomaly_dashboard.identity.door import Door
from anomaly_dashboard.identity.gate import Rules
from anomaly_dashboard.identity.measures import Measured, Measures
from anomaly_dashboard.identity.one_time_code import OneTimeCode
from anomaly_dashboard.identity.register import Register
from anomaly_dashboard.identity.sign_in import SignIn
from anomaly_dashboard.settings import DashboardSettings
from anomaly_dashboard.watched.store import Store
from anomaly_dashboard.watched.watch import watch
from anomaly_dashboard.web.site import Site
from anomaly_operator.client.login import Login
from anomaly_operator.settings.values import Settings
from anomaly_operator.telemetry import logs
from anomaly_operator.telemetry.health import Servers

FINISH_SECONDS = 5
"""For requests under way when the process is told to end."""
_MOST_CONNECTIONS = 5_000

logger = logging.getLogger(__name__)


async def run(settings: DashboardSettings, login: Login, operator: Settings) -> int:
    """Run until SIGTERM or SIGINT (0), or until a part of it fails (1). `operator`: the operator's
    settings, which say what it watches."""
    store, register, rules = Store(), Register.over(settings, login), Rules(settings)
    code = OneTimeCode() if settings.local else None
    measures = Measures(store, lambda: len(register.sessions))
    desk = open_desk(settings.operator_settings, settings.explore_workers, os.environ)
    parts = Parts(
        site=Site(settings.path_prefix),
        entrance=Door(register, store, Access(register.lines)),
        rules=rules,
        ready=lambda: store.synced,
        lines=register.lines,
        sign_in=SignIn(register, code),
        desk=desk,
    )
    work = (watch(store, login, operator.watch_namespaces), parts.live.fan_out.run(store))
    servers = Servers()
    try:
        with _listening(settings) as listener:
            if settings.metrics_port:
                where = f"{settings.host}:{settings.metrics_port}"
                await servers.serve(where, [_metrics(measures)])
            server = _Server(_config(Measured(build_app(parts), measures)), parts)
            _say(settings, listener.getsockname()[1], code)
            return await _until_ended(server, listener, work)
    except OSError as error:
        logs.event(logger, logging.ERROR, "ending", reason=str(error))
        return 1
    finally:
        for one in work:
            one.close()
        await servers.close()
        await desk.close()
        await register.lines.close()
        if settings.code_file is not None:
            settings.code_file.unlink(missing_ok=True)


async def _until_ended(
    server: _Server, listener: socket.socket, work: Iterable[Coroutine[Any, Any, None]]
) -> int:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.end)
    tasks = [asyncio.create_task(one) for one in work]
    served = asyncio.create_task(server.serve([listener]))
    try:
        await asyncio.wait({served, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        failed = [task for task in tasks if task.done()]
        for task in failed:
            logs.event(logger, logging.ERROR, "ending", reason=repr(task.exception()))
        server.end()
        await served
        logs.event(logger, logging.INFO, "ended")
        return 1 if failed else 0
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Server(uvicorn.Server):
    """Leaves the signals to us, and tells streams first that it ends."""

    def __init__(self, config: uvicorn.Config, parts: Parts) -> None:
        super().__init__(config)
        self._parts = parts

    def end(self) -> None:
        """Take nothing new; what is under way may finish."""
        self._parts.rules.ending.set()
        self._parts.live.fan_out.end()
        self.should_exit = True

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        # An address may hold a code; whose X-Forwarded-For counts is decided in `identity`.
        access_log=False,
        proxy_headers=False,
        log_config=None,
        log_level=logging.WARNING,
        lifespan="off",
        ws="none",
        server_header=False,
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=FINISH_SECONDS,
    )


def _listening(settings: DashboardSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    return socket.create_server((settings.host, settings.port), family=family, backlog=512)


def _say(settings: DashboardSettings, port: int, code: OneTimeCode | None) -> None:
    """Print the address; in local mode with the code, which is in no log."""
    logs.event(logger, logging.INFO, "serving", host=settings.host, port=port)
    if code is None:
        return
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    address = f"http://{host}:{port}{settings.path_prefix}/sign-in?code={code.text}"
    print(f"Dashboard: {address}", flush=True)
    if settings.code_file is not None:
        made = os.open(settings.code_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(made, "w", encoding="utf-8") as file:
            file.write(f"{code.text}\n")


def _metrics(measures: Measures) -> web.RouteDef:
    async def exposition(_: web.Request) -> web.Response:
        kind = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        return web.Response(body=measures.exposition(), headers=kind)

    return web.get("/metrics", exposition)
