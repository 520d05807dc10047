"""The process: uvicorn around the application, and an end without a lost request.

On SIGTERM `/ready` answers 503 at once while everything is still answered, so that the Service can
take the pod out; then no new connection is taken, and what is in progress is finished.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from importlib.metadata import version
from types import FrameType

import uvicorn

from detector_runtime.log import log
from detector_runtime.serving.app import Service, build_app
from detector_runtime.serving.authentication import authenticator
from detector_runtime.serving.current import CurrentModel
from detector_runtime.serving.options import ServeOptions
from detector_runtime.serving.row_scorer import loaded

FINISH_SECONDS = 20
"""For requests in progress once no new one is taken."""
KEEP_ALIVE_SECONDS = 75


class DrainingServer(uvicorn.Server):
    """Ends `seconds` after the first SIGTERM or SIGINT, at once after the second. Says where it
    listens, which port 0 leaves open."""

    def __init__(self, config: uvicorn.Config, service: Service, seconds: float) -> None:
        super().__init__(config)
        self._service = service
        self._seconds = seconds

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listening in (one for server in self.servers for one in server.sockets):
            host, port = listening.getsockname()[:2]
            log("info", "listening", host=host, port=port)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        if self._service.draining:
            self.should_exit = True
            return
        self._service.draining = True
        log("info", "draining", signal=signal.Signals(sig).name, seconds=self._seconds)
        asyncio.get_running_loop().call_later(self._seconds, self._stop)

    def _stop(self) -> None:
        self.should_exit = True


def serve(options: ServeOptions) -> int:
    """Answer until a signal; the exit code. ConfigInvalidError where it cannot begin."""
    current = CurrentModel(
        options.served, lambda served: loaded(options.models, options.uid, served)
    )
    app = build_app(
        current,
        options.bounds,
        version("anomaly-operator"),
        auth=options.auth,
        authenticator=authenticator(options),
    )
    config = uvicorn.Config(
        app,
        host=options.host,
        port=options.port,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=FINISH_SECONDS,
    )
    server = DrainingServer(config, app.state.service, options.drain_seconds)
    server.run()
    return 0 if server.started else 1
