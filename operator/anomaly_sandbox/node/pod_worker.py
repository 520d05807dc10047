"""Takes one pod through its life: the shell around `lifecycle.plan`.

Level-triggered: every wake-up looks at everything again, so a missed event, a failed request or
an agent's death in between costs time and never an action done twice. Starting a run that
runs already is harmless, as the supervisor knows runs by name.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from anomaly_sandbox.control import ControlError
from anomaly_sandbox.node import lifecycle, refusals
from anomaly_sandbox.node.api import STRATEGIC, ApiError
from anomaly_sandbox.node.context import Node
from anomaly_sandbox.node.lifecycle import Container, Phase, Plan, Run
from anomaly_sandbox.node.pod_files import PodFiles
from anomaly_sandbox.node.pod_health import PodHealth, container_status
from anomaly_sandbox.node.pod_start import Starter
from anomaly_sandbox.node.pod_stop import Stopper
from anomaly_sandbox.node.runs import process_name
from anomaly_sandbox.node.status import Facts, Waiting, differs, pod_status
from anomaly_sandbox.node.termination import LastWords

Json = dict[str, Any]
REFUSED = "SandboxRefused"
_LATE = "Pod was active on the node longer than the specified deadline"
_RETRY_SECONDS = 1.0
_log = logging.getLogger("anomaly_sandbox.node")


class PodWorker:
    """One pod of this node, from its binding to its removal."""

    def __init__(self, node: Node, pod: Json) -> None:
        self.node = node
        self.pod = pod
        self.uid: str = pod["metadata"]["uid"]
        self.gone = False
        self._wake = asyncio.Event()
        self._pod_ip = node.address_for(self.uid, pod.get("status", {}).get("podIP", ""))
        self._refused = "; ".join(refusals.refused(pod["spec"]))
        self._ignored = refusals.ignored(pod["spec"])
        self._specs = {item["name"]: item for item in refusals.containers(pod["spec"])}
        self._files = PodFiles(node, pod, self._pod_ip)
        self._starter = Starter(node, pod, self._files, self._specs)
        self._health = PodHealth(self._starter, self._wake.set)
        self._stopper = Stopper(node)
        self._words = LastWords(self._files, self._specs)
        self._recover_lost()

    def update(self, pod: Json) -> None:
        self.pod = pod
        self._wake.set()

    def nudge(self) -> None:
        self._wake.set()

    def removed(self) -> None:
        """The pod has gone from the API server, whatever still runs."""
        self.gone = True
        self._wake.set()

    async def run(self) -> None:
        """Until the pod has gone."""
        try:
            done = False
            while not done:
                self._wake.clear()
                try:
                    done, until = await self._step(time.time())
                except (ApiError, ControlError) as error:
                    _log.info("%s: %s; again in a second", self.pod["metadata"]["name"], error)
                    until = time.time() + _RETRY_SECONDS
                if not done:
                    await self._sleep(until)
        finally:
            self._health.end()

    async def _step(self, now: float) -> tuple[bool, float | None]:
        """Whether the worker is through, and when to look again if nothing happens."""
        if self.gone:
            return await self._take_down(), None
        deleting = "deletionTimestamp" in self.pod["metadata"]
        over = self.pod.get("status", {}).get("phase") in {Phase.SUCCEEDED, Phase.FAILED}
        if over and not self._running():
            await self._forget_runs()
            if deleting:
                await self._delete()
            return False, None
        if self._refused:
            return False, await self._refuse(now, deleting=deleting)
        deadline = self._deadline()
        late = deadline is not None and now >= deadline
        ending = deleting or over or late
        seen, plan = self._look(now, ending=ending, late=late)
        if plan.starts:
            await self._starter.start(plan.starts, now)
            seen, plan = self._look(now, ending=ending, late=late)
        await self._stop(plan, now, deleting=deleting)
        if not ending:
            await self._starter.refresh(now)
        self._health.follow(self._running(), self.pod.get("status", {}))
        await self._report(seen, plan, now, late=late)
        if deleting and not any(item.last and item.last.running for item in seen):
            await self._delete()
            return False, now + _RETRY_SECONDS
        return False, self._next_look(plan, None if ending else deadline, ending=ending)

    def _look(self, now: float, *, ending: bool, late: bool) -> tuple[list[Container], Plan]:
        """The containers as they are now, and what follows from that. What is reported comes
        from the same look: a container that ends meanwhile is reported by the next one, with
        its last words."""
        seen = self._containers()
        self._words.collect(seen)
        plan = lifecycle.plan(
            self.pod["spec"].get("restartPolicy", "Always"),
            seen,
            now,
            ending=ending,
            failed=late,
            pause=self.node.restart_pause,
        )
        return seen, plan

    def _containers(self) -> list[Container]:
        spec = self.pod["spec"]
        init = [item["name"] for item in spec.get("initContainers", ())]
        main = [item["name"] for item in spec["containers"]]
        return [
            Container(name, name in init, self.node.runs.of(self.uid, name))
            for name in [*init, *main]
        ]

    def _running(self) -> dict[str, Run]:
        return {
            item.name: item.last for item in self._containers() if item.last and item.last.running
        }

    def _deadline(self) -> float | None:
        seconds = self.pod["spec"].get("activeDeadlineSeconds")
        began = self.pod.get("status", {}).get("startTime")
        if seconds is None or began is None:
            return None
        return datetime.fromisoformat(began).timestamp() + float(seconds)

    def _next_look(self, plan: Plan, deadline: float | None, *, ending: bool) -> float | None:
        times = list(self._stopper.kill_at.values())
        times += [at for at in (plan.wake_at, deadline) if at is not None]
        if not ending:
            times += [at for _, at in self._starter.waiting.values()]
            if self._files.laid_out:
                times.append(self._files.refresh_at)
        return min(times, default=None)

    async def _sleep(self, until: float | None) -> None:
        seconds = None if until is None else max(0.01, until - time.time())
        try:
            await asyncio.wait_for(self._wake.wait(), seconds)
        except TimeoutError:
            return

    async def _stop(self, plan: Plan, now: float, *, deleting: bool) -> None:
        running = self._running()
        unhealthy = self._health.unhealthy(running)
        for name in unhealthy:
            message = f"Container {name} failed its probe and will be restarted"
            await self.node.event(self.pod, "Unhealthy", message, now=now)
        meta = self.pod["metadata"]
        grace = float(self.pod["spec"].get("terminationGracePeriodSeconds", 30))
        if deleting:
            grace = float(meta.get("deletionGracePeriodSeconds", grace))
        wanted = {*plan.stops, *unhealthy} & set(running)
        await self._stopper.stop(self._processes(running, wanted), now, grace)

    def _processes(self, running: dict[str, Run], names: set[str]) -> list[str]:
        return [process_name(self.uid, name, running[name].attempt) for name in names]

    async def _take_down(self) -> bool:
        """The object has gone: nothing of it may go on. True when nothing does."""
        running = self._running()
        if running:
            await self._stopper.kill(self._processes(running, set(running)))
            return False
        await self._forget_runs()
        self.node.forget_events(self.uid)
        return True

    async def _forget_runs(self) -> None:
        for process in self.node.runs.names(self.uid):
            await self.node.control.remove(process)
        self.node.runs.forget(self.uid)
        self._files.remove()

    async def _delete(self) -> None:
        """The last step of a deletion is the node's: it removes the object."""
        meta = self.pod["metadata"]
        body = {"gracePeriodSeconds": 0, "preconditions": {"uid": self.uid}}
        await self.node.api.delete(
            f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}", body
        )

    async def _refuse(self, now: float, *, deleting: bool) -> float | None:
        """A pod that cannot run here says so. One that would be made anew for ever stays
        pending instead of failed, or its controller would never rest."""
        if deleting:
            await self._delete()
            return now + _RETRY_SECONDS
        await self.node.event(self.pod, REFUSED, self._refused, now=now)
        always = self.pod["spec"].get("restartPolicy", "Always") == "Always"
        await self._write(
            Facts(
                phase=Phase.PENDING if always else Phase.FAILED,
                containers=self._containers(),
                pod_ip=self._pod_ip,
                host_ip=self.node.host_ip,
                now=now,
                reason=REFUSED,
                message=self._refused,
                waiting={name: Waiting(REFUSED, self._refused) for name in self._specs},
            )
        )
        return None

    async def _report(
        self, seen: Sequence[Container], plan: Plan, now: float, *, late: bool
    ) -> None:
        known = self._starter.waiting
        waiting = {name: found for name, (found, _) in known.items() if name in plan.starts}
        for name, due in plan.waits.items():
            # The whole pause: a figure that counted down would be a write a second.
            pause = round(due - self.node.runs.of(self.uid, name)[-1].finished_at)
            text = f"back-off {pause}s restarting failed container={name}"
            waiting[name] = Waiting("CrashLoopBackOff", text)
            await self.node.event(self.pod, "BackOff", text, now=now)
        await self._write(
            Facts(
                phase=plan.phase,
                containers=seen,
                pod_ip=self._pod_ip,
                host_ip=self.node.host_ip,
                now=now,
                reason="DeadlineExceeded" if late else "",
                message=_LATE if late else "",
                waiting=waiting,
                messages=self._words.messages,
                ready=self._health.ready(),
                started=self._health.started(),
                ignored=self._ignored,
            )
        )

    async def _write(self, facts: Facts) -> None:
        desired = pod_status(self.pod, facts)
        if not differs(desired, self.pod.get("status", {})):
            return
        meta = self.pod["metadata"]
        answer = await self.node.api.patch(
            f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}/status",
            {"metadata": {"uid": self.uid}, "status": desired},
            STRATEGIC,
        )
        if answer is None:
            self.removed()
        else:
            self.pod = answer

    def _recover_lost(self) -> None:
        """A run that the status shows and the supervisor does not know has vanished: it is
        reported as failed, never run again in silence."""
        for name in self._specs:
            shown = container_status(self.pod.get("status", {}), name).get("containerID")
            if not shown:
                continue
            attempt = int(shown.rsplit("/", 1)[1])
            if any(run.attempt == attempt for run in self.node.runs.of(self.uid, name)):
                continue
            now = time.time()
            lost = Run(attempt, now, now, 137, "ContainerStatusUnknown")
            self.node.runs.lose(self.uid, name, lost)
