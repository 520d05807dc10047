"""The stage of a demo: a control plane with the installed chart and, for the shop and recordings,
Prometheus with its feed.

It sets things up and tears them down; the steps are in `story.py` of each demo.
"""

from __future__ import annotations

import builtins
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import yaml

from anomaly_sandbox.cluster import Sandbox
from anomaly_sandbox.control import Control, ProcessSpec
from anomaly_sandbox.demo.faults import Fault, read_faults, write_faults
from anomaly_sandbox.demo.feed import FAULTS_FILE, Phase, read_progress
from anomaly_sandbox.demo.inbox import Letter, read_address, read_letters
from anomaly_sandbox.demo.sight import (
    IncidentSight,
    ServiceSight,
    incident_sight,
    service_sight,
)
from anomaly_sandbox.waiting import SandboxError

T = TypeVar("T")

REPOSITORY = Path(__file__).resolve().parents[3]
CHART = REPOSITORY / "helm" / "anomaly-operator"
EXAMPLES = REPOSITORY / "operator" / "examples"
SYSTEM_NAMESPACE = "anomaly-system"
RELEASE = "anomaly-operator"
FEED = "demo-feed"
FEED_LOG = "feed.log"
INBOX = "demo-inbox"
INBOX_SECONDS = 30.0
HISTORY_SECONDS = 120.0


class DemoError(RuntimeError):
    """The demonstration did not go as it should; the message says what was missed."""


def narrator(began: float) -> Callable[[str], None]:
    """A function that prints a line with the seconds since `began` (time.monotonic)."""

    def say(line: str) -> None:
        print(f"[{time.monotonic() - began:5.0f}s] {line}", flush=True)

    return say


class Stage:
    """A sandbox with what the demo needs on it; use as a context manager.

    `keep` leaves everything running at the end, unless it ended with an error.
    """

    def __init__(self, sandbox: Sandbox, say: Callable[[str], None], *, keep: bool = False) -> None:
        self.sandbox = sandbox
        self.say = say
        self._keep = keep

    @classmethod
    def up(
        cls,
        say: Callable[[str], None],
        *,
        name: str = "demo",
        state_dir: Path | None = None,
        keep: bool = False,
        prometheus: bool = True,
    ) -> Stage:
        """Starts an empty cluster; tied to this process unless `keep`."""
        more = ", node agent and Prometheus" if prometheus else " and node agent"
        say(f"starting etcd, kube-apiserver, kube-controller-manager{more}")
        sandbox = Sandbox.up(
            name=name, state_dir=state_dir, prometheus=prometheus, tied=not keep, say=say
        )
        say(f"the control plane is ready: {sandbox.server}")
        return cls(sandbox, say, keep=keep)

    def __enter__(self) -> Stage:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        failed = error is not None and not isinstance(error, KeyboardInterrupt)
        if self._keep and error is None:
            self.sandbox.close()
            return
        self.sandbox.down(keep=failed)
        if failed:
            self.say(f"the logs are kept in {self.sandbox.state}")

    # -- the world outside of the cluster -------------------------------------------------

    def start_feed(self, *arguments: str) -> None:
        """Starts the feed as a process of the sandbox, so that it ends with it."""
        prometheus = ("--prometheus", self.sandbox.prometheus_url)
        self._start(FEED, "anomaly_sandbox.demo.feed", FEED_LOG, *prometheus, *arguments)

    def start_inbox(self) -> None:
        """Starts the receiver of messages that `install_chart` tells the operator of."""
        self._start(INBOX, "anomaly_sandbox.demo.inbox", "inbox.log")
        state = self.sandbox.state
        self.until(lambda: read_address(state), INBOX_SECONDS, "the inbox does not listen")

    def letters(self) -> builtins.list[Letter]:
        """The messages that people got."""
        return builtins.list(read_letters(self.sandbox.state))

    def _start(self, name: str, module: str, log: str, *arguments: str) -> None:
        state = self.sandbox.state
        spec = ProcessSpec(
            name=name,
            argv=[sys.executable, "-m", module, "--folder", str(state), *arguments],
            env={"PATH": os.environ.get("PATH", "/usr/bin:/bin")},
            cwd=str(state),
            log=str(state / log),
        )
        with Control(state) as control:
            control.start(spec)

    def wait_for_history(self) -> None:
        """Returns when the back-fill is done. Raises DemoError with the feed's last words."""

        def done() -> str:
            progress = read_progress(self.sandbox.state)
            if progress is not None and progress.phase is not Phase.HISTORY:
                return f"{progress.samples:,} samples"
            self.feed_must_run()
            return ""

        samples = self.until(done, HISTORY_SECONDS, "the history was not written to Prometheus")
        self.say(f"history written to Prometheus: {samples}")

    def feed_must_run(self) -> None:
        """Raises DemoError with the last line of its log when the feed has ended."""
        if self.sandbox.process(FEED).exit_code is not None:
            log = self.sandbox.state / FEED_LOG
            last = log.read_text().strip().rpartition("\n")[2] if log.exists() else "no log"
            raise DemoError(f"the feed exited: {last}")

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What is wrong with the simulated services."""
        return read_faults(self.sandbox.state / FAULTS_FILE)

    @faults.setter
    def faults(self, faults: tuple[Fault, ...]) -> None:
        write_faults(self.sandbox.state / FAULTS_FILE, faults)

    # -- the cluster ----------------------------------------------------------------------

    def install_chart(self) -> None:
        """Installs the chart as a user would; a Prometheus of the stage is its default source."""
        self.say("helm install anomaly-operator (2 replicas, --wait)")
        values = self.sandbox.state / "values.yaml"
        settings: dict[str, object] = {}
        if self.sandbox.prometheus_address:
            source = {
                "type": "Prometheus",
                "url": self.sandbox.prometheus_url,
                # Samples arrive within a second here, and Prometheus is on loopback.
                "delay": "10s",
                "allowLoopback": True,
            }
            settings["sources"] = {"default": source}
        inbox = read_address(self.sandbox.state)
        if inbox:
            receiver = {"name": "on-call", "type": "Webhook", "url": inbox}
            settings["notifications"] = {"receivers": [receiver]}
        values.write_text(yaml.safe_dump({"settings": settings}))
        done = self.sandbox.helm(
            *("upgrade", "--install", RELEASE, str(CHART), "--namespace", SYSTEM_NAMESPACE),
            *("--create-namespace", "--values", str(values), "--wait", "--timeout", "2m"),
        )
        if done.returncode != 0:
            pods = self.sandbox.kubectl("get", "pods", "-n", SYSTEM_NAMESPACE, "-o", "wide").stdout
            raise DemoError(f"helm install failed: {done.stderr.strip()}\n{pods}")
        self.say("the operator is running as a Deployment")

    def apply(self, *files: Path) -> None:
        """`kubectl apply -f` of each, in order."""
        for file in files:
            self.sandbox.kubectl("apply", "-f", str(file), check=True)

    def services(self, namespace: str) -> builtins.list[ServiceSight]:
        return [service_sight(obj) for obj in self.sandbox.list("anomalyservices", namespace)]

    def incidents(self, namespace: str) -> builtins.list[IncidentSight]:
        return [incident_sight(obj) for obj in self.sandbox.list("anomalies", namespace)]

    def show(self, *arguments: str) -> None:
        """Prints a kubectl command and what it answers."""
        print(f"\n$ kubectl {' '.join(arguments)}")
        print(self.sandbox.kubectl(*arguments, check=True).stdout.rstrip() + "\n", flush=True)

    def until(
        self, ready: Callable[[], T | None], deadline: float, failure: str, pause: float = 0.5
    ) -> T:
        """`Sandbox.wait_for` with a reason of our own. Raises DemoError."""
        try:
            return self.sandbox.wait_for(ready, deadline, failure, pause)
        except SandboxError as error:
            raise DemoError(f"{failure} (waited {deadline:.0f} s)") from error

    def until_served(
        self, namespace: str, ready: Callable[[], T | None], deadline: float, failure: str
    ) -> T:
        """`until`; when the time is up, the reason names what the services' conditions say."""
        try:
            return self.until(ready, deadline, failure)
        except DemoError as error:
            raise DemoError("\n  ".join([str(error), *self.complaints(namespace)])) from error

    def complaints(self, namespace: str) -> Sequence[str]:
        """What the services' conditions say is wrong."""
        return [
            f"{service.name}: {service.complaint}"
            for service in self.services(namespace)
            if service.complaint
        ]
