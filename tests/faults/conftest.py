"""What the faults need: operators that can be killed, and a proxy that sees each write pass."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from anomaly_sandbox import kubeconfig
from anomaly_sandbox.cluster import Sandbox
from anomaly_sandbox.local_operator import LocalOperator
from loopback.closing import end
from loopback.connections import drop_all
from loopback.trainer import quick_trainer
from watched.namespace import with_crds

NOT_STATE = ("/leases", "/events")
"""Writes to these say nothing about services; losing one loses no state."""


@pytest.fixture(scope="session")
def crds(sandbox: Sandbox) -> Sandbox:
    """A control plane that serves the custom resources."""
    return with_crds(sandbox)


@pytest.fixture(scope="session")
def trainer(crds: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image whose trainings end well at once: here it is the operator that is put to the test,
    and a real training would take most of the time.
    """
    return quick_trainer(crds, tmp_path_factory.mktemp("image"))


@pytest.fixture
def make_operator(crds: Sandbox, tmp_path: Path) -> Iterator[Callable[..., LocalOperator]]:
    """Makes operators that watch one namespace and end with the test."""
    with contextlib.ExitStack() as stack:
        made = []

        def make(
            namespace: str,
            *arguments: str,
            config: Path | None = None,
            runtime: str = "anomaly-operator/runtime:0.1.0",
            relist: str = "20s",
            pods: str = "{}",
            notifications: str = "{}",
            containment: str = "{}",
        ) -> LocalOperator:
            settings = f"""
                sources:
                  default: {{type: Prometheus, url: "http://127.0.0.1:9"}}
                  files: {{type: CSV, configMap: metrics-files, delay: 0s}}
                images: {{train: "{runtime}", score: "{runtime}"}}
                watchNamespaces: [{namespace}]
                pods: {pods}
                notifications: {notifications}
                containment: {containment}
                training: {{minPause: 0s}}
                watch: {{inactivity: 5s, serverTimeout: 10s, relist: {relist}}}
            """
            where = ("--namespace", namespace)
            folder = tmp_path / f"operator-{len(made)}"
            path = config or crds.kubeconfig
            operator = LocalOperator(folder, path, settings, *where, *arguments)
            made.append(operator)
            return stack.enter_context(operator)

        yield make


class Moment(Enum):
    BEFORE = "before"
    AFTER = "after"


class WriteProxy:
    """Plain HTTP in front of the API server. `on_write` is called before each write is passed on
    and after it was answered, before the client hears of it; True cuts the client off.
    """

    def __init__(self, cluster: Sandbox) -> None:
        self.on_write: Callable[[Moment, str], bool] = lambda _moment, _what: False
        self.writes: list[str] = []
        self.down = False
        self.unauthorized = False
        self.hidden = ""
        self._mutes = 0
        self.address = ""
        self._cluster = cluster
        self._ready = threading.Event()
        self._stop = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def __enter__(self) -> WriteProxy:
        self._thread.start()
        assert self._ready.wait(60)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(15)

    def mute(self) -> None:
        """From now on the answers that are under way say nothing more, and do not end either."""
        self._mutes += 1

    def kubeconfig(self, path: Path) -> Path:
        cluster = self._cluster
        return kubeconfig.write(
            path, server=self.address, ca_file=cluster.ca_file, token=cluster.admin_token
        )

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        context = ssl.create_default_context(cafile=str(self._cluster.ca_file))
        connector = aiohttp.TCPConnector(ssl=context, limit=0)
        async with aiohttp.ClientSession(self._cluster.server, connector=connector) as session:
            self._session = session
            app = web.Application(client_max_size=2**24)
            app.router.add_route("*", "/{path:.*}", self._pass)
            runner = web.AppRunner(app, shutdown_timeout=0.1)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
            self._ready.set()
            await self._stop.wait()
            await end(runner)
        await drop_all()

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        if self.down:
            return self._cut(request)
        if self.unauthorized:
            return web.json_response({"kind": "Status", "reason": "Unauthorized"}, status=401)
        if self.hidden and request.path.startswith(self.hidden):
            return web.json_response({"kind": "Status", "reason": "NotFound"}, status=404)
        what = f"{request.method} {request.path}"
        writes = request.method != "GET" and not any(part in request.path for part in NOT_STATE)
        if writes and await asyncio.to_thread(self.on_write, Moment.BEFORE, what):
            return self._cut(request)
        headers = {
            key: value
            for key, value in request.headers.items()
            if key.lower() not in {"host", "content-length", "transfer-encoding"}
        }
        data = await request.read() or None  # an empty body would bring a content type with it
        async with self._session.request(
            request.method, str(request.rel_url), headers=headers, data=data
        ) as answer:
            if writes:
                body = await answer.read()
                self.writes.append(f"{what} {answer.status}")
                if await asyncio.to_thread(self.on_write, Moment.AFTER, what):
                    return self._cut(request)
                return web.Response(
                    status=answer.status, body=body, content_type="application/json"
                )
            response = web.StreamResponse(status=answer.status)
            response.content_type = answer.content_type
            mutes = self._mutes
            with contextlib.suppress(aiohttp.ClientError, ConnectionError):
                await response.prepare(request)
                async for chunk in answer.content.iter_any():
                    if self.down:
                        return self._cut(request)
                    if mutes == self._mutes:
                        await response.write(chunk)
            if mutes != self._mutes:
                await self._stop.wait()
            return response

    def _cut(self, request: web.Request) -> web.Response:
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=500)


@pytest.fixture
def proxy(crds: Sandbox) -> Iterator[WriteProxy]:
    with WriteProxy(crds) as running:
        yield running
