"""A model that a test can see through, behind a real server on a free port."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import numpy as np
import uvicorn

from detector_runtime.contract.serving import Served
from detector_runtime.serving.app import Service, build_app
from detector_runtime.serving.authentication import Authenticator
from detector_runtime.serving.current import CurrentModel
from detector_runtime.serving.judgement import Judgement
from detector_runtime.serving.options import Auth, Bounds
from detector_runtime.serving.server import DrainingServer

FIRST, SECOND = "20261126-020000-abcdef", "20261126-030000-abcdef"
NAMES = ("rate", "latency")
GOOD = {"features": {"rate": 1.0, "latency": 2.0}}


@dataclass
class Largest:
    """Its one member finds an observation anomalous whose largest value is above 3; a second
    member abstains. `gate`: set, or a judgement waits for it; `entered`: one has begun."""

    version: str = FIRST
    features: tuple[str, ...] = NAMES
    needs_history: bool = False
    gate: threading.Event = field(default_factory=threading.Event)
    entered: threading.Event = field(default_factory=threading.Event)
    seen: list[tuple[Any, ...]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.gate.set()

    def info(self) -> dict[str, Any]:
        return {"features": list(self.features), "members": ["largest", "silent"]}

    def judge(self, values: Any, times: Any) -> Judgement:
        self.seen.append((values.tolist(), times.tolist()))
        self.entered.set()
        assert self.gate.wait(30)
        top = values.max(axis=1)
        word = np.vstack([top > 3, np.zeros(len(top), dtype=bool)])
        present = np.vstack([np.ones(len(top), dtype=bool), np.zeros(len(top), dtype=bool)])
        surprise = np.vstack([np.clip(top, 0, 10), np.full(len(top), np.nan)])
        return Judgement(top > 3, surprise[0], ("largest", "silent"), present, word, surprise)

    def judge_after(self, history: Any, values: Any, time: int) -> Judgement:
        self.seen.append((history.tolist(), values.tolist(), time))
        return self.judge(values[None], np.array([time]))


def name_revision(path: Path, revision: str = FIRST) -> None:
    """As the kubelet does: another file in place of the old one."""
    aside = path.with_suffix(".aside")
    document = {"revision": revision, "digest": "sha256:0", "since": "2026-11-26T02:00:00Z"}
    aside.write_text(json.dumps(document))
    aside.rename(path)


@dataclass
class Running:
    """A server at `port`; `current` and `service` as it uses them."""

    port: int
    current: CurrentModel
    service: Service
    server: DrainingServer
    thread: threading.Thread

    def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], Any]:
        """Status, headers and the answer; `body` is sent as JSON unless it is bytes."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            raw = body if isinstance(body, bytes) else json.dumps(body).encode()
            connection.request(method, path, None if body is None else raw, headers or {})
            reply = connection.getresponse()
            found = reply.read()
            kind = reply.headers.get_content_type()
            answer = json.loads(found) if kind == "application/json" else found.decode()
            return reply.status, dict(reply.headers.items()), answer
        finally:
            connection.close()


@contextmanager
def serving(
    path: Path,
    scorer: Any,
    *,
    bounds: Bounds | None = None,
    auth: Auth = Auth.NONE,
    authenticator: Authenticator | None = None,
    loaded: bool = True,
) -> Iterator[Running]:
    """A server that has `scorer` (a Scorer, or what loads one) behind the file `path`."""

    def load(served: Served) -> Any:
        return scorer(served) if callable(scorer) else scorer

    current = CurrentModel(path, load)
    if loaded:
        name_revision(path)
        asyncio.run(current.look(0.0))
        assert current.model is not None, current.error
    app = build_app(current, bounds or Bounds(), "1.2.3", auth=auth, authenticator=authenticator)
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="on")
    server = DrainingServer(config, app.state.service, 0.0)
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    try:
        port = listening.getsockname()[1]
        yield Running(port, current, app.state.service, server, thread)
    finally:
        server.should_exit = True
        thread.join(30)
        listening.close()
