"""The supervisor's side of `control`: JSON lines, a request and its answer each."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Protocol

from anomaly_sandbox.control import ControlError, ProcessRecord, ProcessSpec


class Supervised(Protocol):
    """What can be asked of a supervisor."""

    def start(self, spec: ProcessSpec) -> ProcessRecord: ...

    def signal(self, name: str, number: int, reason: str) -> ProcessRecord: ...

    async def stop(self, name: str, grace: float) -> ProcessRecord: ...

    def remove(self, name: str) -> None: ...

    def records(self) -> list[ProcessRecord]: ...

    def watch(self) -> asyncio.Queue[ProcessRecord]: ...

    def unwatch(self, queue: asyncio.Queue[ProcessRecord]) -> None: ...


async def serve(
    supervisor: Supervised, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """One connection, to its end; the request `watch` turns it into a feed of ended processes."""
    try:
        while line := await reader.readline():
            request = json.loads(line)
            if request["op"] == "watch":
                await _feed(supervisor, writer)
                return
            try:
                answer = {"ok": await _answer(supervisor, request)}
            except ControlError as error:
                answer = {"error": str(error)}
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
    except (ConnectionError, asyncio.CancelledError):
        pass
    finally:
        writer.close()


async def _answer(supervisor: Supervised, request: dict[str, Any]) -> Any:
    match request["op"]:
        case "start":
            return supervisor.start(ProcessSpec(**request["spec"])).as_json()
        case "signal":
            found = supervisor.signal(request["name"], request["number"], request["reason"])
            return found.as_json()
        case "stop":
            return (await supervisor.stop(request["name"], request["grace"])).as_json()
        case "remove":
            supervisor.remove(request["name"])
            return None
        case "list":
            return [record.as_json() for record in supervisor.records()]
        case operation:
            raise ControlError(f"unknown operation {operation!r}")


async def _feed(supervisor: Supervised, writer: asyncio.StreamWriter) -> None:
    queue = supervisor.watch()
    try:
        writer.write(b"{}\n")  # from here on nothing is missed
        while True:
            await writer.drain()
            record = await queue.get()
            writer.write(json.dumps(record.as_json()).encode() + b"\n")
    finally:
        supervisor.unwatch(queue)
