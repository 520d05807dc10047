"""The dashboard as a process, as people meet it: over HTTP, with cookies and forms."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import httpx

from anomaly_sandbox.waiting import wait_for

_ADDRESS = re.compile(r"http://\S+")
_CSRF = re.compile(r'name="csrf" value="([^"]+)"')


class Dashboard:
    """Use as a context manager; `words` are the arguments of the process beside its port."""

    def __init__(self, folder: Path, *words: str, environment: Mapping[str, str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._out, self._err = folder / "stdout", folder / "stderr"
        self._words = words
        self._environment = {**os.environ, **environment}
        self._process: subprocess.Popen[bytes] | None = None
        self.base = ""

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "anomaly_dashboard", "--port", "0", *self._words]
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self._process = subprocess.Popen(command, stdout=out, stderr=err, env=self._environment)
        port = wait_for(self._port, 60, f"the dashboard says its port; {self._err}")
        self.base = f"http://127.0.0.1:{port}"
        wait_for(self._ready, 60, f"the dashboard has listed everything; {self._err}")
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
        if self._process is not None:
            self._process.wait(30)

    def end(self) -> int:
        """Tell it to end, and wait for that; its exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(30)

    @property
    def printed(self) -> str:
        """The address with the code, which is printed in local mode."""
        found = _ADDRESS.search(self._out.read_text())
        assert found
        return found[0]

    @property
    def log(self) -> str:
        return self._err.read_text()

    def _port(self) -> str:
        assert self._process is not None
        assert self._process.poll() is None, self.log
        found = re.search(r'"serving".*"port": (\d+)', self.log)
        return found[1] if found else ""

    def _ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log
        try:
            return httpx.get(f"{self.base}/readyz").status_code == 200
        except httpx.HTTPError:
            return False


class Browser(httpx.Client):
    """Follows redirects, keeps cookies and brings back the token of the last page's forms."""

    def __init__(self, dashboard: Dashboard) -> None:
        super().__init__(
            base_url=dashboard.base,
            follow_redirects=True,
            headers={"Accept": "text/html"},
            timeout=30,
        )

    def sign_in(self, token: str) -> httpx.Response:
        """By the form, as a person does."""
        return self.submit("/sign-in", "/sign-in", token=token)

    def submit(self, page: str, target: str, **fields: str) -> httpx.Response:
        """Load `page`, then post a form of it to `target`."""
        found = _CSRF.search(self.get(page).text)
        assert found, page
        return self.post(target, data={"csrf": found[1], **fields})
