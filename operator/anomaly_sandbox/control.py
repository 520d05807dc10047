"""How one talks to the supervisor of a sandbox: its socket, its requests, its files.

The socket lies in the state folder (mode 0700). A Unix socket's path may have 107 bytes only,
so it is reached through a descriptor of the folder, however deep that lies.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from anomaly_sandbox.processes import Identity

LOCK_FILE = "lock"
IDENTITY_FILE = "supervisor.json"
SUPERVISOR_LOG = "supervisor.log"
KEPT_FILES = frozenset({LOCK_FILE, SUPERVISOR_LOG})
_SOCKET = "control.sock"
_TIMEOUT = 30.0


class ControlError(RuntimeError):
    """The supervisor refused a request or is not there; the message says which."""


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """A process to start. `env` is the whole environment; `log` gets stdout and stderr."""

    name: str
    argv: list[str]
    env: dict[str, str]
    cwd: str
    log: str
    restart: bool = False
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProcessRecord:
    """What the supervisor knows of a process. Times are Unix seconds; 0 means not yet.

    `exit_code` is None while it runs, 128 + n when signal n ended it. `reason` is what the
    last signal was sent with.
    """

    name: str
    pid: int
    start_ticks: int
    started_at: float
    finished_at: float
    exit_code: int | None
    reason: str
    cpu_seconds: float
    restarts: int
    labels: dict[str, str]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class SupervisorIdentity:
    """What the state folder says of its supervisor; `prefix` is its loopback network."""

    sandbox_id: str
    process: Identity
    prefix: str


def write_identity(state: Path, sandbox_id: str, process: Identity, prefix: str) -> None:
    content = {"id": sandbox_id, "process": asdict(process), "prefix": prefix}
    write_file(state / IDENTITY_FILE, json.dumps(content))


def read_identity(state: Path) -> SupervisorIdentity | None:
    try:
        content = json.loads((state / IDENTITY_FILE).read_text())
        return SupervisorIdentity(content["id"], Identity(**content["process"]), content["prefix"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_file(path: Path, text: str, mode: int = 0o600) -> None:
    """Writes the file aside and renames it: a reader sees the old text or the new."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "w") as out:
        out.write(text)
    aside.replace(path)


@contextlib.contextmanager
def _short_path(state: Path) -> Iterator[str]:
    descriptor = os.open(state, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{_SOCKET}"
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def listening_socket(state: Path) -> Iterator[socket.socket]:
    with _short_path(state) as path, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(64)
        yield listener


class Control:
    """A blocking connection to the supervisor; one request at a time."""

    def __init__(self, state: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(_TIMEOUT)
        try:
            with _short_path(state) as path:
                self._socket.connect(path)
        except OSError as error:
            self._socket.close()
            raise ControlError(f"no sandbox runs in {state} ({error})") from error
        self._file = self._socket.makefile("rwb")

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def __enter__(self) -> Control:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self, spec: ProcessSpec) -> ProcessRecord:
        return ProcessRecord(**self._ask({"op": "start", "spec": asdict(spec)}))

    def stop(self, name: str, grace: float = 5.0) -> ProcessRecord:
        return ProcessRecord(**self._ask({"op": "stop", "name": name, "grace": grace}))

    def signal(self, name: str, number: int, reason: str = "") -> ProcessRecord:
        request = {"op": "signal", "name": name, "number": int(number), "reason": reason}
        return ProcessRecord(**self._ask(request))

    def list(self) -> list[ProcessRecord]:
        return [ProcessRecord(**item) for item in self._ask({"op": "list"})]

    def _ask(self, request: dict[str, Any]) -> Any:
        try:
            self._file.write(json.dumps(request).encode() + b"\n")
            self._file.flush()
            line = self._file.readline()
        except OSError as error:
            raise ControlError(f"the sandbox's supervisor does not answer: {error}") from error
        return _result(line)


class AsyncControl:
    """The same for the node agent: awaits, and can watch for ends of processes."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._lock = asyncio.Lock()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def start(self, spec: ProcessSpec) -> ProcessRecord:
        return ProcessRecord(**await self._ask({"op": "start", "spec": asdict(spec)}))

    async def signal(self, name: str, number: int, reason: str = "") -> ProcessRecord:
        request = {"op": "signal", "name": name, "number": int(number), "reason": reason}
        return ProcessRecord(**await self._ask(request))

    async def remove(self, name: str) -> None:
        await self._ask({"op": "remove", "name": name})

    async def list(self) -> list[ProcessRecord]:
        return [ProcessRecord(**item) for item in await self._ask({"op": "list"})]

    async def watch(self) -> AsyncIterator[ProcessRecord | None]:
        """Ends of processes as they happen; the first item is None: the watch stands."""
        reader, writer = await self._connect()
        try:
            writer.write(b'{"op": "watch"}\n')
            await writer.drain()
            while line := await reader.readline():
                content = json.loads(line)
                yield ProcessRecord(**content) if content else None
        finally:
            writer.close()

    async def _ask(self, request: dict[str, Any]) -> Any:
        async with self._lock:
            if self._streams is None:
                self._streams = await self._connect()
            reader, writer = self._streams
            try:
                writer.write(json.dumps(request).encode() + b"\n")
                await writer.drain()
                line = await asyncio.wait_for(reader.readline(), _TIMEOUT)
            except BaseException as error:
                # An answer that comes later must not be taken for the next one's.
                writer.close()
                self._streams = None
                if isinstance(error, OSError):
                    raise ControlError(f"the supervisor does not answer: {error}") from error
                raise
            return _result(line)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        with _short_path(self._state) as path:
            return await asyncio.open_unix_connection(path, limit=16 << 20)


def _result(line: bytes) -> Any:
    if not line:
        raise ControlError("the sandbox's supervisor has gone")
    answer = json.loads(line)
    if "error" in answer:
        raise ControlError(answer["error"])
    return answer["ok"]
