"""The first and the last step of a sandbox: its supervisor, its folder, its end."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

from anomaly_sandbox import controlplane, credentials, kubeconfig, supervisor
from anomaly_sandbox.addresses import control_plane_address, free_port
from anomaly_sandbox.control import (
    SUPERVISOR_LOG,
    Control,
    SupervisorIdentity,
    read_identity,
    write_file,
)
from anomaly_sandbox.controlplane import Layout
from anomaly_sandbox.credentials import Tokens
from anomaly_sandbox.node.names import AGENT_CONFIG
from anomaly_sandbox.processes import SANDBOX_ID, kill_marked, send
from anomaly_sandbox.rest import Api
from anomaly_sandbox.typed_command import typed
from anomaly_sandbox.waiting import SandboxError, wait_for

START_SECONDS = 240.0


def start_supervisor(state: Path, *, tied: bool) -> tuple[SupervisorIdentity, int | None]:
    """Starts the supervisor of a state folder; with `tied` also returns our end of its pipe.

    SandboxError when another one holds the folder.
    """
    before = read_identity(state)
    read_end, write_end = os.pipe() if tied else (None, None)
    command = [sys.executable, "-m", "anomaly_sandbox.supervisor", "--state-dir", str(state)]
    if read_end is not None:
        command += ["--tied-to", str(read_end)]
    with (state / SUPERVISOR_LOG).open("ab") as log:
        process = subprocess.Popen(
            command,
            env={**os.environ, SANDBOX_ID: uuid.uuid4().hex},
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=() if read_end is None else (read_end,),
        )
    if read_end is not None:
        os.close(read_end)
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        code = process.poll()
        if code == supervisor.ALREADY_RUNNING:
            ending = typed("anomaly_sandbox", "down", "--state-dir", state)
            raise SandboxError(f"a sandbox is already running in {state}; stop it with: {ending}")
        if code is not None:
            raise SandboxError(
                f"the supervisor exited with code {code}; see {state / SUPERVISOR_LOG}"
            )
        found = read_identity(state)
        if found is not None and found != before:
            # Nobody waits for it: it outlives us unless it is tied to us.
            process.returncode = 0
            return found, write_end
        time.sleep(0.01)
    process.kill()
    raise SandboxError(f"the supervisor did not start; see {state / SUPERVISOR_LOG}")


def prepare(state: Path, found: SupervisorIdentity) -> Layout:
    """Fills the empty state folder with what the control plane reads at its start."""
    address = control_plane_address(found.prefix)
    ports = [free_port(address) for _ in range(4)]
    if len(set(ports)) < len(ports):
        return prepare(state, found)
    layout = Layout(state, address, *ports)
    (state / "logs").mkdir()
    layout.certificates.mkdir(mode=0o700)
    credentials.write_signing_key(layout.signing_key)
    write_file(layout.audit_policy, json.dumps(controlplane.AUDIT_POLICY))
    return layout


def start_control_plane(
    layout: Layout, programs: dict[str, Path], tokens: Tokens, restart_pause: float
) -> None:
    """Starts etcd, the API server and, once that serves, all that needs it."""
    kubeconfig.write(
        layout.controller_kubeconfig,
        server=layout.server,
        ca_file=layout.ca_file,
        token=tokens.controller_manager,
    )
    with Control(layout.state) as control:
        control.start(controlplane.etcd(programs["etcd"], layout))
        control.start(controlplane.api_server(programs["kube-apiserver"], layout))
        what = f"the API server (see {layout.log(controlplane.API_SERVER)})"
        wait_for(lambda: written(layout.ca_file), START_SECONDS, what, 0.02)
        api = Api(layout.server, tokens.admin, layout.ca_file)
        wait_for_api(api, what)
        api.close()
        write_file(
            layout.state / AGENT_CONFIG,
            json.dumps(
                {
                    "server": layout.server,
                    "token": tokens.node_agent,
                    "ca_file": str(layout.ca_file),
                    "tls_key": str(layout.tls_key),
                    "restart_pause": restart_pause,
                    "prefix": layout.address.removesuffix(".0.1"),
                }
            ),
        )
        control.start(controlplane.node_agent(layout, os.environ))
        # It reads the CA, which the API server has made by now.
        manager = programs["kube-controller-manager"]
        control.start(controlplane.controller_manager(manager, layout))


def written(certificates: Path) -> bool:
    """Whether a PEM file is there and whole: its maker creates it first and fills it then."""
    try:
        return certificates.read_text().rstrip().endswith("-----END CERTIFICATE-----")
    except FileNotFoundError:
        return False


def wait_for_api(api: Api, what: str = "the API server") -> None:
    """Waits until the API server is ready and has the namespace `default`."""

    def serving() -> bool:
        return bool(api.request("GET", "/readyz")) and bool(api.get("namespaces", "default"))

    wait_for(serving, START_SECONDS, what, 0.05)


def end(found: SupervisorIdentity) -> bool:
    """Asks the supervisor to end everything; kills what is left of it after that."""
    ended = send(found.process, signal.SIGTERM)
    end = time.monotonic() + 10.0
    while found.process.alive() and time.monotonic() < end:
        time.sleep(0.01)
    return kill_marked(found.sandbox_id) > 0 or ended


def down(state: Path, *, keep: bool = False) -> bool:
    """Ends the sandbox of a state folder, also a killed or half-started one.

    Returns whether anything was still running. Removes the folder unless `keep`.
    """
    found = read_identity(state)
    ended = found is not None and end(found)
    if not keep:
        shutil.rmtree(state, ignore_errors=True)
    return ended
