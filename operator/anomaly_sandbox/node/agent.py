"""The node agent's process: watches pods, claims and volumes, and wires the parts.

Holds nothing that matters: what runs is the supervisor's to know, what should run the API
server's. So it may be killed at any time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import signal
import sys
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from anomaly_operator.api.quantities import quantity
from anomaly_sandbox.addresses import free_port
from anomaly_sandbox.control import AsyncControl
from anomaly_sandbox.node import memory, refusals, registration, scheduling, storage
from anomaly_sandbox.node.api import ApiError, NodeApi, Unreachable
from anomaly_sandbox.node.context import Node
from anomaly_sandbox.node.kubelet_api import LogServer
from anomaly_sandbox.node.names import AGENT_CONFIG, NODE_NAME
from anomaly_sandbox.node.pod_worker import PodWorker
from anomaly_sandbox.node.runs import process_name

Json = dict[str, Any]
_SAMPLE_SECONDS = 0.2
_log = logging.getLogger("anomaly_sandbox.node")


class Agent:
    """The node's loops. All in one thread and one event loop."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self._workers: dict[str, PodWorker] = {}
        self._unplaced: dict[str, Json] = {}
        self._claims: dict[tuple[str, str], Json] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._place = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled, or the supervisor has gone."""
        supervised = asyncio.create_task(self._follow_processes())
        try:
            await self._recover()
            loops = [
                supervised,
                asyncio.create_task(registration.keep_lease(self.node.api)),
                asyncio.create_task(self._follow("pods", self._pods_listed, self._pod_seen)),
                asyncio.create_task(
                    self._follow("persistentvolumeclaims", self._claims_listed, self._claim_seen)
                ),
                asyncio.create_task(
                    self._follow("persistentvolumes", self._volumes_listed, self._volume_seen)
                ),
                asyncio.create_task(self._schedule()),
                asyncio.create_task(self._sample_memory()),
            ]
            await asyncio.wait(loops, return_when=asyncio.FIRST_COMPLETED)
            for loop in loops:
                if loop.done():
                    loop.result()
        finally:
            supervised.cancel()

    async def _follow(self, plural: str, listed: Any, seen: Any) -> None:
        await self.node.api.follow(f"/api/v1/{plural}", listed=listed, seen=seen)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("the node agent's task failed", exc_info=error)

    # -- processes --------------------------------------------------------------------------

    async def _recover(self) -> None:
        """Learns what runs already, before it looks at what should run."""
        for record in await self.node.control.list():
            self.node.runs.observe(record)

    async def _follow_processes(self) -> None:
        async for record in self.node.control.watch():
            uid = self.node.runs.observe(record) if record else None
            if uid in self._workers:
                self._workers[uid].nudge()

    async def _sample_memory(self) -> None:
        while True:
            await asyncio.sleep(_SAMPLE_SECONDS)
            for uid, running in self.node.runs.running().items():
                worker = self._workers.get(uid)
                for name, run in running if worker else ():
                    limit = _memory_limit(worker.pod, name) if worker else None
                    if limit is not None and memory.used_bytes(run.pid) > limit:
                        process = process_name(uid, name, run.attempt)
                        await self.node.control.signal(process, signal.SIGKILL, "OOMKilled")

    # -- pods -------------------------------------------------------------------------------

    def _pods_listed(self, pods: list[Json]) -> None:
        present = {pod["metadata"]["uid"] for pod in pods}
        self._unplaced = {uid: pod for uid, pod in self._unplaced.items() if uid in present}
        for pod in pods:
            self._pod_seen("MODIFIED", pod)
        for uid in set(self._workers) - present:
            self._workers[uid].removed()
        for uid in set(self.node.runs.pods()) - present - set(self._workers):
            self._spawn(self._end_orphans(uid))

    def _pod_seen(self, kind: str, pod: Json) -> None:
        uid = pod["metadata"]["uid"]
        if kind == "DELETED":
            self._unplaced.pop(uid, None)
            if uid in self._workers:
                self._workers[uid].removed()
            return
        if scheduling.is_ours(pod):
            self._unplaced[uid] = pod
            self._place.set()
        elif pod["spec"].get("nodeName") == NODE_NAME:
            self._unplaced.pop(uid, None)
            if uid in self._workers:
                self._workers[uid].update(pod)
            else:
                self._spawn(self._live(uid, pod))

    async def _live(self, uid: str, pod: Json) -> None:
        self._workers[uid] = PodWorker(self.node, pod)
        try:
            await self._workers[uid].run()
        finally:
            del self._workers[uid]

    async def _end_orphans(self, uid: str) -> None:
        """Containers of a pod that was deleted while no agent looked."""
        for name in self.node.runs.names(uid):
            await self.node.control.signal(name, signal.SIGKILL)
            await self.node.control.remove(name)
        self.node.runs.forget(uid)

    async def _schedule(self) -> None:
        while True:
            await self._place.wait()
            self._place.clear()
            for uid, pod in list(self._unplaced.items()):
                try:
                    await self._schedule_one(pod)
                except Unreachable:
                    self._place.set()
                    await asyncio.sleep(0.5)
                except ApiError as error:
                    _log.info("placing %s: %s", pod["metadata"]["name"], error)
                    self._unplaced.pop(uid, None)

    async def _schedule_one(self, pod: Json) -> None:
        namespace = pod["metadata"]["namespace"]
        verdict = scheduling.judge(pod, self._claims)
        if verdict.place:
            await scheduling.place(self.node.api, pod)
            self._unplaced.pop(pod["metadata"]["uid"], None)
            return
        for name in verdict.select:
            await scheduling.select_node(self.node.api, namespace, self._claims[namespace, name])
        if not verdict.select:
            await scheduling.explain(self.node.api, pod, verdict.reason, time.time())

    # -- claims -----------------------------------------------------------------------------

    @property
    def _volume_root(self) -> Path:
        return self.node.state / "volumes"

    def _claims_listed(self, claims: list[Json]) -> None:
        self._claims.clear()
        for claim in claims:
            self._claim_seen("MODIFIED", claim)

    def _claim_seen(self, kind: str, claim: Json) -> None:
        key = (claim["metadata"]["namespace"], claim["metadata"]["name"])
        if kind == "DELETED":
            self._claims.pop(key, None)
            return
        self._claims[key] = claim
        if storage.wants_volume(claim):
            self._spawn(storage.provision(self.node.api, claim, self._volume_root))
        self._place.set()

    def _volumes_listed(self, volumes: list[Json]) -> None:
        for volume in volumes:
            self._volume_seen("MODIFIED", volume)

    def _volume_seen(self, kind: str, volume: Json) -> None:
        if kind != "DELETED" and storage.is_released(volume):
            self._spawn(storage.reclaim(self.node.api, volume, self._volume_root))


def _memory_limit(pod: Json, container: str) -> float | None:
    for item in refusals.containers(pod["spec"]):
        if item["name"] == container:
            limit = (item.get("resources") or {}).get("limits", {}).get("memory")
            return None if limit is None else float(quantity(limit))
    return None


async def _main(state: Path) -> None:
    config = json.loads((state / AGENT_CONFIG).read_text())
    address = urlsplit(config["server"])
    api = NodeApi.connect(config["server"], config["token"], Path(config["ca_file"]))
    certificate, key = Path(config["ca_file"]), Path(config["tls_key"])
    async with api.session, aiohttp.ClientSession() as http:
        node = Node(
            api=api,
            control=AsyncControl(state),
            http=http,
            state=state,
            prefix=config["prefix"],
            host_ip=str(address.hostname),
            server=(str(address.hostname), str(address.port)),
            restart_pause=float(config["restart_pause"]),
        )
        port = free_port(node.host_ip)
        server = await LogServer(state, certificate, key).start(node.host_ip, port)
        await _registered(node, port)
        try:
            await Agent(node).run()
        finally:
            await server.cleanup()


async def _registered(node: Node, port: int) -> None:
    """Registers once the API server answers; the agent may come up first."""
    while True:
        try:
            await registration.register(node.api, node.host_ip, port, time.time())
        except ApiError as error:
            _log.info("registering: %s", error)
            await asyncio.sleep(0.5)
        else:
            return


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="anomaly_sandbox.node.agent")
    parser.add_argument("--state-dir", type=Path, required=True)
    options = parser.parse_args(argv)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr
    )
    asyncio.run(_main(options.state_dir))
    return 0


if __name__ == "__main__":
    sys.exit(main())
