"""The operator as a process of this machine beside a cluster, to watch it live, freeze and die.

For tests, benchmarks and work on the operator itself; in a cluster the chart's Deployment runs it.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from anomaly_sandbox.waiting import SandboxError, wait_for

_SAMPLE = re.compile(r"^(?P<series>[a-zA-Z_:][^ ]*) (?P<value>[^ ]+)$")


class LocalOperator:
    """One operator process. `start` it, then `wait_until_leading` or `wait_until_standing_by`."""

    def __init__(self, folder: Path, kubeconfig: Path, settings: str = "", *arguments: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._log = folder / "operator.log"
        self._settings = folder / "settings.yaml"
        self._settings.write_text(settings)
        self._kubeconfig = kubeconfig
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None
        self._from = 0

    def __enter__(self) -> LocalOperator:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self.thaw()
            self.stop()

    def start(self) -> LocalOperator:
        """Begin a process; one that ran before must have ended."""
        self._from = self._log.stat().st_size if self._log.exists() else 0
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "anomaly_operator"),
                    *("--config", str(self._settings), "--kubeconfig", str(self._kubeconfig)),
                    *("--metrics-bind", "127.0.0.1:0", "--health-bind", "127.0.0.1:0"),
                    *self._arguments,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        return self

    @property
    def process(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise SandboxError("the operator was not started")
        return self._process

    def stop(self, seconds: float = 60.0) -> int:
        """SIGTERM and wait; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait(seconds)

    def kill(self) -> None:
        """SIGKILL: it gets no chance to clean up."""
        self.process.kill()
        self.process.wait()

    def freeze(self) -> None:
        """SIGSTOP: it keeps its connections and knows of nothing."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def wait(self, seconds: float) -> int:
        """The exit code. Raises SandboxError when it runs on."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired as error:
            raise SandboxError(f"the operator did not exit within {seconds:g} s") from error

    def alive(self) -> bool:
        return self.process.poll() is None

    def lines(self) -> list[dict[str, Any]]:
        """The log lines of the present process, without one that is being written."""
        with self._log.open("rb") as log:
            log.seek(self._from)
            text = log.read().decode(errors="replace")
        whole = text[: text.rfind("\n") + 1]
        lines = [line for line in whole.splitlines() if line.startswith("{")]
        return [json.loads(line) for line in lines]

    def messages(self) -> list[str]:
        return [line["message"] for line in self.lines()]

    def wait_until_leading(self, seconds: float = 90.0) -> LocalOperator:
        """It leads and its caches are full."""
        wait_for(
            lambda: self.readiness() == "leading", seconds, f"the operator leads ({self._log})"
        )
        return self

    def wait_until_standing_by(self, seconds: float = 90.0) -> LocalOperator:
        what = f"the operator stands by ({self._log})"
        wait_for(lambda: self.readiness() == "standing by", seconds, what)
        return self

    def readiness(self) -> str:
        """What /readyz says; empty while it does not answer."""
        if not self.alive():
            raise SandboxError(
                f"the operator exited with code {self.process.returncode}; see {self._log}"
            )
        try:
            return self._get("health", "/readyz")
        except OSError:
            return ""

    def metrics(self) -> dict[str, float]:
        """Samples by series, as in `anomaly_operator_leader` or `name{label="value"}`."""
        matches = map(_SAMPLE.match, self._get("metrics", "/metrics").splitlines())
        return {match["series"]: float(match["value"]) for match in matches if match}

    def cpu_seconds(self) -> float:
        """User and system time so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_mebibytes(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        match = re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)
        return int(match[1]) / 1024 if match else 0.0

    def peak_mebibytes(self) -> float:
        """What it had resident at most so far."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        match = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
        return int(match[1]) / 1024 if match else 0.0

    def _get(self, server: str, path: str) -> str:
        address = next((line[server] for line in self.lines() if server in line), None)
        if address is None:
            return ""
        try:
            with urllib.request.urlopen(f"http://{address}{path}", timeout=20) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return str(error.read().decode())
