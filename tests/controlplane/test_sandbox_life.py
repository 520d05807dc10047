"""How sandboxes begin and end: side by side, killed, tied to their owner."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from anomaly_sandbox.cluster import Sandbox, SandboxError, wait_for
from anomaly_sandbox.control import read_identity
from anomaly_sandbox.node.images import HOST_IMAGE
from anomaly_sandbox.processes import marked, start_ticks

pytestmark = pytest.mark.controlplane


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Sandbox]:
    """A sandbox of this test alone."""
    sandbox = Sandbox.up(state_dir=tmp_path / "own", tied=True)
    yield sandbox
    sandbox.down()


def lasting(sandbox: Sandbox) -> dict[str, int]:
    """The pids of the supervisor and of the control plane; containers of other tests may end."""
    found = read_identity(sandbox.state)
    assert found is not None
    assert found.process.alive()
    programs = {
        record.name: record.pid
        for record in sandbox.processes()
        if record.exit_code is None and record.labels.get("role") == "control-plane"
    }
    return {"supervisor": found.process.pid, **programs}


def run_sleeper(sandbox: Sandbox, namespace: str = "default") -> int:
    """A pod whose process starts a child in a session of its own; the child's pid."""
    script = "setsid sleep 600 & echo $!; wait"
    sandbox.apply(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "sleeper", "namespace": namespace},
            "spec": {
                "containers": [
                    {"name": "main", "image": HOST_IMAGE, "command": ["sh", "-c", script]}
                ]
            },
        }
    )

    def pid() -> str:
        return sandbox.logs("sleeper", namespace).strip()

    return int(sandbox.wait_for(pid, 90, "the sleeper"))


def test_two_sandboxes_side_by_side_end_without_each_other(
    sandbox: Sandbox, namespace: str, own: Sandbox
) -> None:
    assert own.server != sandbox.server
    own.api.create("configmaps", {"metadata": {"name": "mine"}}, "default")
    assert sandbox.get("configmaps", "mine", "default") is None
    child, other = run_sleeper(own), run_sleeper(sandbox, namespace)
    others = lasting(sandbox)
    assert "node-agent" in others
    own.down()
    assert start_ticks(child) is None
    assert start_ticks(other) is not None
    assert lasting(sandbox) == others
    assert sandbox.get("namespaces", "default") is not None
    assert not own.state.exists()


def test_a_running_sandbox_is_not_started_over(own: Sandbox) -> None:
    with pytest.raises(SandboxError, match="already running"):
        Sandbox.up(state_dir=own.state)
    assert own.get("namespaces", "default") is not None


def test_a_killed_sandbox_leaves_nothing_that_stops_the_next(own: Sandbox) -> None:
    child = run_sleeper(own)
    before = read_identity(own.state)
    assert before is not None
    own.api.create("configmaps", {"metadata": {"name": "old"}}, "default")
    os.kill(before.process.pid, signal.SIGKILL)
    wait_for(lambda: not before.process.alive(), 60, "the supervisor to die")
    with Sandbox.up(state_dir=own.state, tied=True) as again:
        assert start_ticks(child) is None
        assert not list(marked(before.sandbox_id))
        assert again.get("configmaps", "old", "default") is None


def test_a_tied_sandbox_ends_with_its_owner_however_that_ends(tmp_path: Path) -> None:
    state = tmp_path / "tied"
    code = (
        "import sys, time; from anomaly_sandbox.cluster import Sandbox\n"
        "Sandbox.up(state_dir=sys.argv[1], tied=True); print('up', flush=True); time.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(state)], stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "up\n"
        found = read_identity(state)
        assert found is not None
        owner.kill()

    def ended() -> bool:
        # A process that is just ending shows its environment no more.
        return not list(marked(found.sandbox_id)) and not found.process.alive()

    wait_for(ended, 60, "the sandbox to end")


def test_the_command_line_starts_asks_and_ends_a_sandbox(tmp_path: Path) -> None:
    home, state = tmp_path / "home", tmp_path / "cli"
    home.mkdir()
    environment = {**os.environ, "HOME": str(home)}
    # The programs are the machine's; only the home is another.
    environment.setdefault("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    environment.pop("KUBECONFIG", None)

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "anomaly_sandbox", words[0], "--state-dir", str(state)]
        return subprocess.run(
            [*command, *words[1:]],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    assert run("status").returncode == 1
    up = run("up")
    assert up.returncode == 0, up.stderr
    assert f"export KUBECONFIG={state}/kubeconfig" in up.stdout
    try:
        assert "sandbox" in run("kubectl", "get", "nodes", "-o", "name").stdout
        status = run("status").stdout
        assert "kube-apiserver" in status
        assert "node-agent" in status
        assert run("kubectl", "get", "nothing").returncode == 1
    finally:
        assert run("down").stdout == "stopped\n"
    assert "no sandbox is running" in run("kubectl", "get", "ns").stderr
    assert not (home / ".kube").exists()
    assert not state.exists()
