"""A second process that appends while the log is read, and one that is killed in a line."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from detector_runtime.contract.training_run import LogFile
from pretend.followed_log import Follower, whole

ROWS = 3000
APPENDS = f"""
import json, os, sys
log = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
data = b"".join(json.dumps({{"step": n, "loss": 1.5}}).encode() + b"\\n" for n in range({ROWS}))
for at in range(0, len(data), 37):
    os.write(log, data[at:at + 37])
"""
DIES = """
import os, sys
log = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
os.write(log, b'{"step": 1, "loss": 1.5}\\n{"step": 2, "lo')
print("ready", flush=True)
sys.stdin.read()
"""


def trainer(program: str, log: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, str(log)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_a_log_that_is_read_while_it_is_written(tmp_path: Path) -> None:
    follower = Follower(tmp_path, LogFile("log.jsonl"))
    with trainer(APPENDS, tmp_path / "log.jsonl") as writer:
        while writer.poll() is None:
            follower.read()
    follower.read()
    assert follower.steps == list(range(ROWS))
    assert follower.bad == []


def test_a_trainer_that_is_killed_in_a_line_and_starts_again(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    follower = Follower(tmp_path, LogFile("log.jsonl"))
    with trainer(DIES, log) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        follower.read()
        writer.send_signal(signal.SIGKILL)
    follower.read()
    assert follower.steps == [1]
    with log.open("a") as file:
        file.write('{"step": 1, "loss": 1.5, "resume": true}\n{"step": 2, "loss": 1.4}\n')
    follower.read()
    assert follower.steps == [1, 1, 2]
    assert [one.where for one in follower.bad] == ["line 2"]
    once = whole(tmp_path, LogFile("log.jsonl"))
    assert (follower.rows, follower.bad) == (once.rows, once.bad)
