"""The demo as a command: refused input starts nothing, and an interrupt leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from anomaly_sandbox.control import read_identity
from anomaly_sandbox.demo.run import main
from anomaly_sandbox.processes import marked


@pytest.mark.parametrize(
    ("rows", "arguments", "words"),
    [
        (
            50,
            [],
            "has 50 rows, 12 of them live; training needs at least 100 rows before the live ones",
        ),
        (300, ["--speed", "900"], "speed 900 makes windows of 0.333 s out of 300 s"),
        (300, ["--live-rows", "300"], "300 of them live"),
        (0, [], "a header and at least two rows"),
    ],
)
def test_a_recording_that_cannot_be_played_is_refused_before_anything_starts(
    rows: int,
    arguments: list[str],
    words: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "recording.csv"
    file.write_text("time,latency\n" + "".join(f"{i * 300},1\n" for i in range(rows)))
    state = tmp_path / "sandbox"
    assert main(["--replay", str(file), "--state-dir", str(state), *arguments]) == 1
    assert words in capsys.readouterr().err
    assert not state.exists()


@pytest.mark.controlplane
def test_an_interrupted_demo_ends_every_process_that_it_started(tmp_path: Path) -> None:
    state = tmp_path / "sandbox"
    # Who runs in the background of a script has been told to ignore Ctrl-C, and its children with
    # it; a handler of our own becomes the default one in the child.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    demo = subprocess.Popen(
        [sys.executable, "-m", "anomaly_sandbox", "demo", "--state-dir", str(state)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    signal.signal(signal.SIGINT, before)
    assert demo.stdout is not None
    said = []
    for line in demo.stdout:
        said.append(line)
        if "helm install" in line:
            break
    found = read_identity(state)
    assert found is not None, said
    assert list(marked(found.sandbox_id)), said
    demo.send_signal(signal.SIGINT)
    rest, _ = demo.communicate(timeout=180)
    assert demo.returncode == 130, "".join(said) + rest
    deadline = time.monotonic() + 60
    while (left := list(marked(found.sandbox_id))) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left == []
    assert not state.exists()
