"""Only our own processes are named and ended; addresses and names do not collide."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from anomaly_sandbox import addresses, folders, processes
from anomaly_sandbox.audit import AuditLog
from anomaly_sandbox.credentials import write_signing_key, write_tokens
from anomaly_sandbox.locks import try_lock

# Of this run alone: tests of another checkout may run on the same machine.
MARK = f"unit-test-{os.getpid()}"


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, processes.SANDBOX_ID: MARK}
    with subprocess.Popen(
        [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"],
        env=environment,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def test_a_process_is_known_by_its_start_time_too(child: subprocess.Popen[bytes]) -> None:
    known = processes.identity(child.pid)
    assert known is not None
    assert known.alive()
    stranger = processes.Identity(child.pid, known.start_ticks + 1)
    assert not stranger.alive()
    assert not processes.send(stranger, signal.SIGKILL)
    assert child.poll() is None


def test_an_ended_process_is_not_alive_even_before_it_is_waited_for(
    child: subprocess.Popen[bytes],
) -> None:
    known = processes.identity(child.pid)
    assert known is not None
    assert processes.send(known, signal.SIGKILL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not known.alive()


def test_only_marked_processes_are_killed(child: subprocess.Popen[bytes]) -> None:
    assert [item.pid for item in processes.marked(MARK)] == [child.pid]
    assert processes.kill_marked(MARK[:-1]) == 0
    assert child.poll() is None
    assert processes.kill_marked(MARK) == 1
    assert child.wait(10) == -signal.SIGKILL


def test_claimed_networks_are_disjoint_and_free_again_after_close(tmp_path: Path) -> None:
    first = addresses.claim(tmp_path, seed=1)
    second = addresses.claim(tmp_path, seed=1)
    assert first.prefix != second.prefix
    first.close()
    again = addresses.claim(tmp_path, seed=1)
    assert again.prefix == first.prefix
    again.close()
    second.close()


def test_pod_addresses_are_distinct_and_not_the_control_planes() -> None:
    found = {addresses.pod_address("127.9", number) for number in range(5_000)}
    assert len(found) == 5_000
    assert addresses.control_plane_address("127.9") not in found
    assert all(0 < int(part) < 255 for item in found for part in item.split(".")[2:])


def test_a_lock_ends_with_its_descriptor(tmp_path: Path) -> None:
    held = try_lock(tmp_path / "lock")
    assert held is not None
    assert try_lock(tmp_path / "lock") is None
    os.close(held)
    again = try_lock(tmp_path / "lock")
    assert again is not None
    os.close(again)


@pytest.mark.parametrize("name", ["", "../x", "UPPER", "a/b", "-a", "a" * 41])
def test_a_sandbox_name_that_is_no_folder_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="lowercase"):
        folders.state_dir(name, {"HOME": "/h"})


def test_folders_follow_the_xdg_variables() -> None:
    assert folders.cache_dir({"HOME": "/h"}) == Path("/h/.cache/anomaly-operator")
    assert folders.cache_dir({"HOME": "/h", "XDG_CACHE_HOME": "/c"}) == Path("/c/anomaly-operator")
    assert folders.cache_dir({"HOME": "/h", "XDG_CACHE_HOME": "rel"}).is_relative_to("/h")
    found = folders.state_dir("x", {"HOME": "/h", "XDG_STATE_HOME": "/s"})
    assert found == Path("/s/anomaly-sandbox/x")


def test_credentials_are_new_each_time_and_private(tmp_path: Path) -> None:
    first, second = (write_tokens(tmp_path / name) for name in ("a", "b"))
    assert {first.admin, first.node_agent}.isdisjoint({second.admin, second.node_agent})
    key = write_signing_key(tmp_path / "key")
    assert key.read_text().startswith("-----BEGIN EC PRIVATE KEY-----\n")
    assert {item.stat().st_mode & 0o077 for item in tmp_path.iterdir()} == {0}


def audit_line(user: str, verb: str, resource: str, code: int = 200) -> str:
    return json.dumps(
        {
            "user": {"username": user},
            "verb": verb,
            "objectRef": {"resource": resource, "namespace": "shop"},
            "responseStatus": {"code": code},
        }
    )


def test_the_audit_log_counts_by_user_and_from_a_point_on(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    operator = "system:serviceaccount:shop:operator"
    path.write_text(f"{audit_line(operator, 'create', 'jobs')}\n{audit_line('x', 'get', 'jobs')}\n")
    log = AuditLog(path)
    assert log.count(user="shop:operator") == {"create jobs": 1}
    later = log.since_now()
    assert later.requests() == []
    with path.open("a") as file:
        file.write(f"{audit_line(operator, 'patch', 'jobs', 403)}\n{{half a line")
    assert [(item.verb, item.code) for item in later.requests(writes=True)] == [("patch", 403)]


def test_the_audit_log_from_now_on_begins_with_the_line_that_is_being_written(
    tmp_path: Path,
) -> None:
    path = tmp_path / "audit.log"
    assert AuditLog(path).since_now().offset == 0
    line = audit_line("x", "patch", "jobs")
    path.write_text(line[:20])
    assert AuditLog(path).since_now().offset == 0
    early = audit_line("x" * 200_000, "get", "jobs")
    path.write_text(f"{early}\n{line[:20]}")
    later = AuditLog(path).since_now()
    assert later.requests() == []
    with path.open("a") as file:
        file.write(f"{line[20:]}\n")
    assert [item.verb for item in later.requests()] == ["patch"]
