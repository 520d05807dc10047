"""A real Alertmanager on loopback, that sends to nobody: a test reads its own API."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import urllib.request
from pathlib import Path
from typing import Any, Self

from anomaly_sandbox.resolve import Resolver
from anomaly_sandbox.waiting import wait_for

CONFIG = """
route: {receiver: nobody, group_wait: 1s, group_interval: 1s}
receivers: [{name: nobody}]
"""


class Alertmanager:
    """Use as a context manager."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        program = Resolver().resolve(["alertmanager"])["alertmanager"]
        config = self._folder / "alertmanager.yml"
        config.write_text(CONFIG)
        with (self._folder / "alertmanager.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    str(program),
                    f"--config.file={config}",
                    f"--storage.path={self._folder / 'data'}",
                    f"--web.listen-address=127.0.0.1:{self.port}",
                    "--cluster.listen-address=",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        wait_for(self._ready, 60, "Alertmanager is ready")
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def _ready(self) -> bool:
        with contextlib.suppress(OSError):
            return self._get("/-/ready") is not None
        return False

    def alerts(self) -> list[dict[str, Any]]:
        """The active alerts, as `GET /api/v2/alerts` has them."""
        found: list[dict[str, Any]] = json.loads(self._get("/api/v2/alerts"))
        return found

    def _get(self, path: str) -> str:
        with urllib.request.urlopen(f"{self.url}{path}", timeout=20) as answer:
            return str(answer.read().decode())
