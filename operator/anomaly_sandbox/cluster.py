"""One sandbox: bring it up, ask it things, take it down.

    with Sandbox.up(prometheus=True) as sandbox:
        sandbox.apply(manifest)

`up` always begins with an empty cluster; it refuses when one of that state folder runs.
"""

from __future__ import annotations

import builtins
import json
import os
import time
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from anomaly_sandbox import controlplane, credentials, folders, kubeconfig, startup
from anomaly_sandbox.audit import AuditLog
from anomaly_sandbox.client import ClusterClient
from anomaly_sandbox.control import Control, ProcessRecord, read_identity, write_file
from anomaly_sandbox.controlplane import Layout
from anomaly_sandbox.node import images
from anomaly_sandbox.node.lifecycle import BACKOFF_SECONDS
from anomaly_sandbox.node.logs import read_logs
from anomaly_sandbox.node.names import NODE_NAME, STORAGE_CLASS
from anomaly_sandbox.resolve import Resolver, Say, say_on_stderr
from anomaly_sandbox.rest import Api
from anomaly_sandbox.versions import CONTROL_PLANE
from anomaly_sandbox.waiting import SandboxError, wait_for

__all__ = ["Sandbox", "SandboxError", "wait_for"]

_STATE_FILE = "sandbox.json"


@dataclass(frozen=True, slots=True)
class _State:
    """What `sandbox.json` holds: enough to talk to a running sandbox."""

    layout: Layout
    admin_token: str
    prometheus: bool

    def save(self) -> None:
        content = asdict(self)
        content["layout"]["state"] = str(self.layout.state)
        write_file(self.layout.state / _STATE_FILE, json.dumps(content, indent=1))

    @classmethod
    def load(cls, state: Path) -> _State:
        content = json.loads((state / _STATE_FILE).read_text())
        content["layout"]["state"] = Path(content["layout"]["state"])
        return cls(**{**content, "layout": Layout(**content["layout"])})


class Sandbox(ClusterClient):
    """A running sandbox; also a context manager that ends it."""

    def __init__(self, content: _State, lifeline: int | None = None) -> None:
        layout = content.layout
        api = Api(layout.server, content.admin_token, layout.ca_file)
        super().__init__(layout.state, layout.state / "kubeconfig", api, layout.ca_file)
        self._content = content
        self._lifeline = lifeline

    @classmethod
    def up(
        cls,
        *,
        name: str = "default",
        state_dir: Path | str | None = None,
        prometheus: bool = False,
        tied: bool = False,
        restart_pause: float = BACKOFF_SECONDS,
        say: Say = say_on_stderr,
    ) -> Sandbox:
        """Starts an empty cluster and returns when it serves and its node is ready.

        `state_dir` wins over `name`. `tied` ends the sandbox with this process, however this
        process ends. `restart_pause`: see `lifecycle.plan`. Raises SandboxError, FolderError,
        DownloadRefusedError or BuildError.
        """
        state = Path(state_dir) if state_dir is not None else folders.state_dir(name)
        wanted = (*CONTROL_PLANE, *(("prometheus",) if prometheus else ()))
        programs = Resolver(say=say).resolve(wanted)
        folders.make(state, folders.STATE, 0o700)
        state = state.resolve()
        found, lifeline = startup.start_supervisor(state, tied=tied)
        try:
            layout = startup.prepare(state, found)
            tokens = credentials.write_tokens(layout.tokens)
            startup.start_control_plane(layout, programs, tokens, restart_pause)
            sandbox = cls(_State(layout, tokens.admin, prometheus=False), lifeline)
            kubeconfig.write(
                sandbox.kubeconfig,
                server=layout.server,
                ca_file=layout.ca_file,
                token=tokens.admin,
            )
            sandbox._content.save()
            if prometheus:
                sandbox.start_prometheus()
            sandbox._wait_until_usable()
        except BaseException:
            startup.end(found)
            raise
        return sandbox

    @classmethod
    def attach(cls, *, name: str = "default", state_dir: Path | str | None = None) -> Sandbox:
        """The sandbox that runs in a state folder; SandboxError when none does."""
        state = Path(state_dir) if state_dir is not None else folders.state_dir(name)
        found = read_identity(state)
        if found is None or not found.process.alive():
            raise SandboxError(f"no sandbox is running in {state}; start one with `up`")
        try:
            return cls(_State.load(state))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SandboxError(f"the sandbox in {state} has not finished starting") from error

    def down(self, *, keep: bool = False) -> None:
        """Ends exactly this sandbox's processes and removes its folder unless `keep`."""
        self.close()
        startup.down(self.state, keep=keep)
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.down()

    @property
    def state(self) -> Path:
        """The state folder."""
        return self.folder

    @property
    def admin_token(self) -> str:
        return self._content.admin_token

    @property
    def prometheus_url(self) -> str:
        """Base address of Prometheus; SandboxError when it was not started."""
        if not self._content.prometheus:
            raise SandboxError(
                "this sandbox has no Prometheus; call start_prometheus() or up(prometheus=True)"
            )
        return self._content.layout.prometheus_url

    @property
    def prometheus_address(self) -> str | None:
        """The same, or None when it was not started."""
        return self._content.layout.prometheus_url if self._content.prometheus else None

    def logs(self, pod: str, namespace: str = "default", container: str = "") -> str:
        """What a pod's containers wrote, every attempt, also of a pod that is gone."""
        return read_logs(self.state, namespace, pod, container)

    def map_image(
        self, pattern: str, entrypoint: builtins.list[str], env: dict[str, str] | None = None
    ) -> None:
        """Makes pods with an image of that name (fnmatch, NAME:TAG) run a local command."""
        images.add(self.state, images.Image(pattern, entrypoint, env or {}))

    def audit(self) -> AuditLog:
        """The API server's log of requests; `.since_now()` for those from here on."""
        return AuditLog(self._content.layout.audit_log)

    def processes(self) -> builtins.list[ProcessRecord]:
        """Every process of the sandbox, containers included."""
        with Control(self.state) as control:
            return control.list()

    def containers(self, pod: str, namespace: str) -> builtins.list[ProcessRecord]:
        """The running containers of a pod; their `pid` is there to be killed or frozen."""
        wanted = (namespace, pod)
        return [
            record
            for record in self.processes()
            if record.exit_code is None
            and (record.labels.get("namespace"), record.labels.get("pod")) == wanted
        ]

    def process(self, name: str) -> ProcessRecord:
        """The record of one process, for example `kube-apiserver` or `node-agent`."""
        for record in self.processes():
            if record.name == name:
                return record
        raise SandboxError(f"the sandbox has no process {name!r}")

    def restart_apiserver(self, *, pause: float = 0.0) -> None:
        """Stops the API server, waits `pause` seconds, starts it again and waits for it.

        Open watches would hold a graceful stop for a minute, so it gets one second.
        """
        with Control(self.state) as control:
            control.stop(controlplane.API_SERVER, grace=1.0)
            time.sleep(pause)
            control.start(
                controlplane.api_server(self.bin(controlplane.API_SERVER), self._content.layout)
            )
        self.close()
        startup.wait_for_api(self.api)

    def start_prometheus(self) -> str:
        """Starts Prometheus if it does not run yet; returns its base address."""
        layout = self._content.layout
        write_file(layout.prometheus_config, controlplane.prometheus_config())
        with Control(self.state) as control:
            control.start(controlplane.prometheus(self.bin("prometheus"), layout))
        self._content = replace(self._content, prometheus=True)
        self._content.save()
        wait_for(lambda: _answers(layout.prometheus_url), startup.START_SECONDS, "Prometheus", 0.05)
        return layout.prometheus_url

    def stop_prometheus(self) -> None:
        """Stops Prometheus; its data stay, and `start_prometheus` serves them again."""
        with Control(self.state) as control:
            control.stop(controlplane.PROMETHEUS)

    def _wait_until_usable(self) -> None:
        """Pods need a node, a default ServiceAccount and, for claims, a storage class."""

        def usable() -> bool:
            node = self.get("nodes", NODE_NAME)
            account = self.get("serviceaccounts", "default", "default")
            return bool(node and account and self.get("storageclasses", STORAGE_CLASS))

        wait_for(usable, startup.START_SECONDS, "the node agent", 0.05)


def _answers(base: str) -> bool:
    try:
        with urllib.request.urlopen(f"{base}/-/ready", timeout=2) as response:  # noqa: S310 - ours
            return bool(response.status == 200)
    except urllib.error.HTTPError as error:  # 503 while it starts; unclosed it leaks its socket
        error.close()
        return False
