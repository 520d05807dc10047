"""The one part of the kubelet's own API that the sandbox has: `kubectl logs`."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from anomaly_sandbox.node import logs

_FOLLOW_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class LogServer:
    """Serves logs to the API server over TLS, on the sandbox's own address."""

    state: Path
    certificate: Path
    key: Path

    async def start(self, host: str, port: int) -> web.AppRunner:
        app = web.Application()
        app.router.add_get("/containerLogs/{namespace}/{pod}/{container}", self._serve)
        app.router.add_route("*", "/{rest:.*}", _unsupported)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificate, self.key)
        await web.TCPSite(runner, host, port, ssl_context=context).start()
        return runner

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        info, query = request.match_info, request.query
        files = logs.attempts(self.state, info["namespace"], info["pod"], info["container"])
        if query.get("previous") == "true":
            files = files[:-1]
        if not files:
            raise web.HTTPBadRequest(text=f"container {info['container']} has no log yet")
        content = await asyncio.to_thread(files[-1].read_bytes)
        offset = len(content)
        if "tailLines" in query:
            lines = content.splitlines(keepends=True)
            count = int(query["tailLines"])
            content = b"".join(lines[-count:] if count else [])
        if "limitBytes" in query:
            content = content[: int(query["limitBytes"])]
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await response.prepare(request)
        await response.write(content)
        while query.get("follow") == "true" and files[-1].exists():
            await asyncio.sleep(_FOLLOW_SECONDS)
            with files[-1].open("rb") as file:
                file.seek(offset)
                more = file.read(1 << 20)
            offset += len(more)
            await response.write(more)
        await response.write_eof()
        return response


async def _unsupported(request: web.Request) -> web.StreamResponse:
    raise web.HTTPNotImplemented(text=f"the sandbox's node does not serve {request.path}")
