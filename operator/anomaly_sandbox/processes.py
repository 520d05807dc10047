"""Starts, names and ends local processes, so that only our own are ever touched.

A process id alone names nobody: ids are used again. So a process is (pid, start time), and
every process of a sandbox carries the sandbox's id in its environment, which children inherit;
that is how stragglers of a killed sandbox are found.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

SANDBOX_ID = "ANOMALY_SANDBOX_ID"
"""Environment variable that marks every process of a sandbox."""

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_LIBC = ctypes.CDLL(None, use_errno=True)
_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Identity:
    """One process for certain: its id and its start time in clock ticks since boot."""

    pid: int
    start_ticks: int

    def alive(self) -> bool:
        return start_ticks(self.pid) == self.start_ticks


def start_ticks(pid: int) -> int | None:
    """Field 22 of /proc/PID/stat, or None when there is no such process or only its zombie."""
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    # The program's name stands in parentheses and may hold spaces and parentheses itself.
    fields = text[text.rindex(")") + 2 :].split()
    return None if fields[0] in "ZX" else int(fields[19])


def identity(pid: int) -> Identity | None:
    ticks = start_ticks(pid)
    return None if ticks is None else Identity(pid, ticks)


def marked(sandbox_id: str) -> Iterator[Identity]:
    """Every live process of this user whose environment names the sandbox, ourselves aside."""
    needle = f"{SANDBOX_ID}={sandbox_id}".encode()
    for folder in _PROC.iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        try:
            environment = (folder / "environ").read_bytes()
        except OSError:
            continue
        if needle in environment.split(b"\0") and (found := identity(int(folder.name))):
            yield found


def kill_marked(sandbox_id: str, deadline: float = 10.0) -> int:
    """Kills what `marked` finds until nothing is left; returns how many. Deadline in seconds."""
    killed: set[Identity] = set()
    end = time.monotonic() + deadline
    while time.monotonic() < end:
        left = list(marked(sandbox_id))
        if not left:
            break
        for process in left:
            send(process, signal.SIGKILL)
            killed.add(process)
        time.sleep(0.02)
    return len(killed)


def send(process: Identity, number: int) -> bool:
    """Sends the signal if the process is still the same one."""
    if not process.alive():
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, number)
        return True
    return False


def send_group(leader: int, number: int) -> None:
    """Signals a whole session that we started; the caller knows that its leader is not reaped."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)


def die_with_parent() -> Callable[[], None]:
    """A `preexec_fn`: the kernel kills the child when its parent dies, however that happens."""
    parent = os.getpid()

    def child() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # the parent died before the line above
            os._exit(1)

    return child


def adopt_orphans() -> None:
    """Grandchildren whose parent died become our children, so that we can reap them."""
    _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
