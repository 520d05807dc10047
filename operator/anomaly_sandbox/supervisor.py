"""The parent of every process of one sandbox: control plane, node agent, containers.

It knows nothing of Kubernetes. It starts what it is told, remembers how it ended, restarts
what is marked for that, and takes everything with it when it goes: by `down`, by the end of
its owner, or killed (the kernel then kills its children). Because it and not the node agent
is the parent, a killed agent loses neither a running container nor an exit code.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from anomaly_sandbox import addresses, control, control_server
from anomaly_sandbox.locks import try_lock
from anomaly_sandbox.processes import (
    SANDBOX_ID,
    Identity,
    adopt_orphans,
    die_with_parent,
    identity,
    kill_marked,
    send,
    send_group,
)

ALREADY_RUNNING = 3
"""Exit code: another supervisor holds the state folder."""
_MAX_BACKOFF = 5.0


@dataclass(slots=True)
class _Entry:
    spec: control.ProcessSpec
    pid: int = 0
    start_ticks: int = 0
    started_at: float = 0.0
    finished_at: float = 0.0
    exit_code: int | None = None
    reason: str = ""
    cpu_seconds: float = 0.0
    restarts: int = 0
    stopping: bool = False
    child: subprocess.Popen[bytes] | None = None
    timer: asyncio.TimerHandle | None = None

    def record(self) -> control.ProcessRecord:
        return control.ProcessRecord(
            name=self.spec.name,
            pid=self.pid,
            start_ticks=self.start_ticks,
            started_at=self.started_at,
            finished_at=self.finished_at,
            exit_code=self.exit_code,
            reason=self.reason,
            cpu_seconds=self.cpu_seconds,
            restarts=self.restarts,
            labels=self.spec.labels,
        )


@dataclass(slots=True)
class Supervisor:
    """Lives in one thread on purpose: the death signal belongs to the thread that forked."""

    sandbox_id: str
    loop: asyncio.AbstractEventLoop
    entries: dict[str, _Entry] = field(default_factory=dict)
    watchers: set[asyncio.Queue[control.ProcessRecord]] = field(default_factory=set)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def start(self, spec: control.ProcessSpec) -> control.ProcessRecord:
        """Starts the process unless one of that name is known already: asking twice is safe."""
        entry = self.entries.get(spec.name)
        if entry is None:
            entry = _Entry(spec)
            self._spawn(entry)
            self.entries[spec.name] = entry
        return entry.record()

    def signal(self, name: str, number: int, reason: str) -> control.ProcessRecord:
        """Signals a running process; `reason` is kept in its record.

        Only SIGKILL goes to its whole session: as in a container, the first process is told
        and what it leaves behind is killed.
        """
        entry = self._entry(name)
        if entry.exit_code is None:
            entry.reason = reason or entry.reason
            if number == signal.SIGKILL:
                send_group(entry.pid, number)
            else:
                send(Identity(entry.pid, entry.start_ticks), number)
        return entry.record()

    async def stop(self, name: str, grace: float) -> control.ProcessRecord:
        """Ends a process for good: SIGTERM, after `grace` seconds SIGKILL. Forgets it."""
        entry = self._entry(name)
        entry.stopping = True
        if entry.timer is not None:
            entry.timer.cancel()
        queue = self.watch()
        try:
            send_group(entry.pid, signal.SIGTERM)
            kill = self.loop.call_later(grace, send_group, entry.pid, signal.SIGKILL)
            while entry.child is not None:
                await queue.get()
            kill.cancel()
        finally:
            self.watchers.discard(queue)
        del self.entries[name]
        return entry.record()

    def remove(self, name: str) -> None:
        """Forgets an ended process."""
        if name in self.entries and self.entries[name].child is None:
            del self.entries[name]

    def watch(self) -> asyncio.Queue[control.ProcessRecord]:
        queue: asyncio.Queue[control.ProcessRecord] = asyncio.Queue()
        self.watchers.add(queue)
        return queue

    def unwatch(self, queue: asyncio.Queue[control.ProcessRecord]) -> None:
        self.watchers.discard(queue)

    def records(self) -> list[control.ProcessRecord]:
        return [entry.record() for entry in self.entries.values()]

    def reap(self) -> None:
        """Called on SIGCHLD: collects every ended child, also the adopted ones."""
        while True:
            try:
                found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if found is None:
                return
            pid = found.si_pid
            entry = next((e for e in self.entries.values() if e.pid == pid and e.child), None)
            if entry is not None:
                # What a container leaves behind ends with its first process, as in a pid
                # namespace; done before the id is reaped and can be used again.
                send_group(pid, signal.SIGKILL)
            _, status, usage = os.wait4(pid, 0)
            if entry is not None:
                self._ended(entry, status, usage.ru_utime + usage.ru_stime)

    def end(self) -> None:
        """Kills everything, at once: the state folder goes with it."""
        for entry in self.entries.values():
            entry.stopping = True
            if entry.child is not None:
                send_group(entry.pid, signal.SIGKILL)
        kill_marked(self.sandbox_id)
        self.reap()
        self.ended.set()

    def _entry(self, name: str) -> _Entry:
        try:
            return self.entries[name]
        except KeyError:
            raise control.ControlError(f"no process called {name!r}") from None

    def _spawn(self, entry: _Entry) -> None:
        spec = entry.spec
        with Path(spec.log).open("ab") as log:
            try:
                child = subprocess.Popen(
                    spec.argv,
                    env={**spec.env, SANDBOX_ID: self.sandbox_id},
                    cwd=spec.cwd,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    preexec_fn=die_with_parent(),  # noqa: PLW1509 - one thread only
                )
            except (OSError, subprocess.SubprocessError) as error:
                raise control.ControlError(f"{spec.argv[0]}: {error}") from error
        entry.child, entry.pid, entry.exit_code = child, child.pid, None
        known = identity(child.pid)
        entry.start_ticks = known.start_ticks if known else 0
        entry.started_at, entry.finished_at = time.time(), 0.0

    def _ended(self, entry: _Entry, status: int, cpu_seconds: float) -> None:
        code = os.waitstatus_to_exitcode(status)
        assert entry.child is not None
        entry.child.returncode = code  # reaped here, so subprocess must not wait for it
        entry.child = None
        entry.exit_code = code if code >= 0 else 128 - code
        entry.finished_at, entry.cpu_seconds = time.time(), cpu_seconds
        for queue in self.watchers:
            queue.put_nowait(entry.record())
        if entry.spec.restart and not entry.stopping:
            lived = entry.finished_at - entry.started_at
            entry.restarts += 1
            delay = 0.1 if lived > _MAX_BACKOFF else min(_MAX_BACKOFF, 0.2 * 2**entry.restarts)
            entry.timer = self.loop.call_later(delay, self._respawn, entry)

    def _respawn(self, entry: _Entry) -> None:
        if entry.stopping:
            return
        try:
            self._spawn(entry)
        except control.ControlError as error:
            print(f"{entry.spec.name}: {error}", file=sys.stderr, flush=True)
            entry.timer = self.loop.call_later(_MAX_BACKOFF, self._respawn, entry)


async def _run(state: Path, claim: addresses.Claim, tied_to: int | None) -> None:
    loop = asyncio.get_running_loop()
    sandbox_id = os.environ[SANDBOX_ID]
    supervisor = Supervisor(sandbox_id, loop)
    loop.add_signal_handler(signal.SIGCHLD, supervisor.reap)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, supervisor.end)
    if tied_to is not None:
        # Our owner holds the other end of this pipe: end of file means that it is gone.
        loop.add_reader(tied_to, supervisor.end)
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = loop.create_task(control_server.serve(supervisor, reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    with control.listening_socket(state) as listener:
        server = await asyncio.start_unix_server(connected, sock=listener, limit=16 << 20)
        mine = identity(os.getpid())
        assert mine is not None
        control.write_identity(state, sandbox_id, mine, claim.prefix)
        await supervisor.ended.wait()
        server.close()
        for task in list(tasks):
            task.cancel()


def _clear(state: Path) -> None:
    """Ends what a killed sandbox of this folder left behind, and empties the folder."""
    previous = control.read_identity(state)
    if previous is not None:
        kill_marked(previous.sandbox_id)
    for path in state.iterdir():
        if path.name in control.KEPT_FILES:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="anomaly_sandbox.supervisor")
    parser.add_argument("--state-dir", type=Path, required=True)
    parser.add_argument("--tied-to", type=int)
    options = parser.parse_args(argv)
    state: Path = options.state_dir
    lock = try_lock(state / control.LOCK_FILE)
    if lock is None:
        return ALREADY_RUNNING
    adopt_orphans()
    _clear(state)
    claim = addresses.claim()
    with contextlib.closing(claim):
        asyncio.run(_run(state, claim, options.tied_to))
    return 0


if __name__ == "__main__":
    sys.exit(main())
