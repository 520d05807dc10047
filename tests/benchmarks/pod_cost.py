"""What a pod costs, as a process of its own: CPU time and the peak of its memory."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PEAK = """
import atexit
def peak():
    with open("/proc/self/status") as status:
        line = next(line for line in status if line.startswith("VmHWM"))
    with open(%r, "w") as out:
        out.write(line.split()[1])
atexit.register(peak)
"""
OURS = "import runpy; runpy.run_module('detector_runtime', run_name='__main__', alter_sys=True)"


@dataclass(frozen=True)
class Cost:
    cpu: float
    mebibytes: float


def cost(code: str, arguments: list[str], folder: Path, environment: dict[str, str]) -> Cost:
    """CPU of the process and of what it waited for; the peak is its own, not the test's.

    A run that warns or fails is not the run to be measured.
    """
    peak, log = folder / "peak", folder / "log"
    command = [sys.executable, "-c", PEAK % str(peak) + code, *arguments]
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            command, env={**os.environ, **environment}, cwd=folder, stderr=stderr
        )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, log.read_text()
    assert '"level": "warning"' not in log.read_text(), log.read_text()
    return Cost(usage.ru_utime + usage.ru_stime, int(peak.read_text()) / 1024)
