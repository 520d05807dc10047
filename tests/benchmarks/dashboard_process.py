"""The dashboard as it is served, on one core, with everybody let in: the process of a benchmark.

    python -m tests.benchmarks.dashboard_process ADDRESS_OF_API_SERVER

It prints its port. Who asks is named by the header X-Person.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys

import uvicorn
from starlette.requests import HTTPConnection

from anomaly_dashboard.app import Parts, build_app
from anomaly_dashboard.identity.caller import Caller
from anomaly_dashboard.identity.gate import Rules
from anomaly_dashboard.identity.limits import Limit
from anomaly_dashboard.watched.store import Store
from anomaly_dashboard.watched.watch import watch
from anomaly_dashboard.web.site import Site
from anomaly_operator.client.login import Connection
from unit.anomaly_dashboard.signed_in import OpenDoor


class _Named(OpenDoor):
    async def caller(self, request: HTTPConnection) -> Caller:
        name = request.headers.get("x-person", "ann")
        return Caller(name, name, f"form-of-{name}")


class _Pretend:
    def __init__(self, address: str) -> None:
        self._address = address

    async def connect(self) -> Connection:
        return Connection(self._address)


async def main(address: str) -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    store = Store()
    rules = Rules(requests=Limit(10_000.0, 10_000))
    parts = Parts(Site(), _Named(store), rules=rules, ready=lambda: store.synced)
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        build_app(parts), access_log=False, log_level="warning", lifespan="off", ws="none"
    )
    print(listening.getsockname()[1], flush=True)
    async with asyncio.TaskGroup() as group:
        group.create_task(watch(store, _Pretend(address)))
        group.create_task(parts.live.fan_out.run(store))
        group.create_task(uvicorn.Server(config).serve([listening]))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
