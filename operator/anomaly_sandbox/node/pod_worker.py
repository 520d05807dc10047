"""Takes one pod through its life: the shell around `lifecycle.plan`.

Level-triggered: every wake-up looks at everything again, so a missed event, a failed request or
an agent's death in between costs time and never an action done twice. Starting a run that
runs already is harmless, as the supervisor knows runs by name.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from datetime import datetime
from typing import Any

from anomaly_sandbox.control import ControlError, ProcessSpec
from anomaly_sandbox.node import images, lifecycle, logs, probes, refusals, termination
from anomaly_sandbox.node.api import STRATEGIC, ApiError
from anomaly_sandbox.node.context import Node
from anomaly_sandbox.node.health import Health
from anomaly_sandbox.node.launch import Launch
from anomaly_sandbox.node.lifecycle import Container, Phase, Plan, Run
from anomaly_sandbox.node.lookup import MissingReference
from anomaly_sandbox.node.pod_files import PodFiles
from anomaly_sandbox.node.runs import ROLE, process_name
from anomaly_sandbox.node.status import Facts, Waiting, differs, pod_status

Json = dict[str, Any]
REFUSED = "SandboxRefused"
_RETRY_SECONDS = 1.0
_IMAGE_RETRY_SECONDS = 10.0
_log = logging.getLogger("anomaly_sandbox.node")


class PodWorker:
    """One pod of this node, from its binding to its removal."""

    def __init__(self, node: Node, pod: Json) -> None:
        self.node = node
        self.pod = pod
        meta = pod["metadata"]
        self.uid: str = meta["uid"]
        self.pod_ip = node.address_for(self.uid, pod.get("status", {}).get("podIP", ""))
        self.files = PodFiles(node, pod, self.pod_ip)
        self.gone = False
        self._wake = asyncio.Event()
        self._specs = {item["name"]: item for item in refusals.containers(pod["spec"])}
        self._refused = "; ".join(refusals.refused(pod["spec"]))
        self._ignored = refusals.ignored(pod["spec"])
        self._launches: dict[str, Launch] = {}
        self._health: dict[tuple[str, int], Health] = {}
        self._kill_at: dict[str, float] = {}
        self._waiting: dict[str, tuple[Waiting, float]] = {}
        self._messages: dict[tuple[str, int], str] = {}
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
                except ApiError as error:
                    _log.info("%s: %s; again in a second", self._name, error)
                    until = time.time() + _RETRY_SECONDS
                if not done:
                    await self._sleep(until)
        finally:
            for health in self._health.values():
                health.end()

    # -- one look at everything -----------------------------------------------------------

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
        self._collect_messages()
        if self._refused:
            return False, await self._refuse(now, deleting=deleting)
        late = self._deadline() is not None and now >= (self._deadline() or 0.0)
        ending = deleting or over or late
        plan = self._plan(now, ending=ending, late=late)
        if plan.starts:
            await self._start_all(plan, now)
            plan = self._plan(now, ending=ending, late=late)
        await self._stop_all(plan, now, deleting=deleting)
        if not ending:
            await self._refresh(now)
        self._follow_health()
        await self._report(plan, now, late=late)
        if deleting and not self._running():
            await self._delete()
            return False, now + _RETRY_SECONDS
        return False, self._next_look(plan, ending=ending)

    def _plan(self, now: float, *, ending: bool, late: bool) -> Plan:
        policy = self.pod["spec"].get("restartPolicy", "Always")
        return lifecycle.plan(policy, self._containers(), now, ending=ending, failed=late)

    def _containers(self) -> list[Container]:
        spec = self.pod["spec"]
        init = [item["name"] for item in spec.get("initContainers", ())]
        main = [item["name"] for item in spec["containers"]]
        return [
            Container(name, name in init, self.node.runs.of(self.uid, name))
            for name in [*init, *main]
        ]

    def _running(self) -> list[tuple[str, Run]]:
        return [
            (item.name, item.last) for item in self._containers() if item.last and item.last.running
        ]

    def _deadline(self) -> float | None:
        seconds = self.pod["spec"].get("activeDeadlineSeconds")
        began = self.pod.get("status", {}).get("startTime")
        if seconds is None or began is None:
            return None
        return datetime.fromisoformat(began).timestamp() + float(seconds)

    def _next_look(self, plan: Plan, *, ending: bool) -> float | None:
        times = list(self._kill_at.values())
        if plan.wake_at is not None:
            times.append(plan.wake_at)
        if not ending:
            times += [until for _, until in self._waiting.values()]
            deadline = self._deadline()
            if deadline is not None:
                times.append(deadline)
            if self.files.laid_out:
                times.append(self.files.refresh_at)
        return min(times, default=None)

    async def _sleep(self, until: float | None) -> None:
        seconds = None if until is None else max(0.01, until - time.time())
        try:
            await asyncio.wait_for(self._wake.wait(), seconds)
        except TimeoutError:
            return

    # -- starting -------------------------------------------------------------------------

    async def _start_all(self, plan: Plan, now: float) -> None:
        try:
            if not self.files.laid_out:
                await self.files.lay_out()
        except MissingReference as error:
            await self.node.event(self.pod, "FailedMount", str(error), now=now)
            waiting = Waiting("ContainerCreating", str(error))
            self._waiting = dict.fromkeys(plan.starts, (waiting, now + _RETRY_SECONDS))
            return
        for name, attempt in plan.starts.items():
            known = self._waiting.get(name)
            if known is not None and now < known[1]:
                continue
            problem = await self._start(name, attempt, now, known)
            if problem is None:
                self._waiting.pop(name, None)
            else:
                slow = problem.reason in {"ErrImagePull", "ImagePullBackOff"}
                pause = _IMAGE_RETRY_SECONDS if slow else _RETRY_SECONDS
                self._waiting[name] = (problem, now + pause)

    async def _start(
        self, name: str, attempt: int, now: float, before: tuple[Waiting, float] | None
    ) -> Waiting | None:
        """Starts a run, or says why the container waits."""
        container = self._specs[name]
        image = images.find(container["image"], images.load(self.node.state))
        if image is None:
            message = f"the sandbox has no local program for image {container['image']!r}"
            await self.node.event(self.pod, "Failed", message, now=now)
            again = before is not None and "Image" in before[0].reason
            return Waiting("ImagePullBackOff" if again else "ErrImagePull", message)
        try:
            launch = await self.files.prepare(container, image)
        except (MissingReference, ValueError) as error:
            await self.node.event(self.pod, "Failed", str(error), now=now)
            return Waiting("CreateContainerConfigError", str(error))
        self.files.container(name).make()
        try:
            record = await self.node.control.start(self._process(name, attempt, launch))
        except ControlError as error:
            await self.node.event(self.pod, "Failed", str(error), now=now)
            return Waiting("RunContainerError", str(error))
        self._launches[name] = launch
        self.node.runs.observe(record)
        return None

    def _process(self, name: str, attempt: int, launch: Launch) -> ProcessSpec:
        meta = self.pod["metadata"]
        folder = logs.folder(self.node.state, meta["namespace"], meta["name"], self.uid)
        folder.mkdir(parents=True, exist_ok=True)
        return ProcessSpec(
            name=process_name(self.uid, name, attempt),
            argv=list(launch.argv),
            env=dict(launch.env),
            cwd=launch.cwd,
            log=str(folder / f"{name}.{attempt}.log"),
            labels={
                "role": ROLE,
                "uid": self.uid,
                "namespace": meta["namespace"],
                "pod": meta["name"],
                "container": name,
                "attempt": str(attempt),
                "ip": self.pod_ip,
            },
        )

    async def _refresh(self, now: float) -> None:
        if self.files.laid_out and now >= self.files.refresh_at:
            try:
                await self.files.lay_out()
            except MissingReference as error:
                # What a running pod already has, it keeps.
                await self.node.event(self.pod, "FailedMount", str(error), now=now)
                self.files.refresh_at = now + _IMAGE_RETRY_SECONDS

    # -- health ---------------------------------------------------------------------------

    def _follow_health(self) -> None:
        running = {(name, run.attempt): run for name, run in self._running()}
        for key in [key for key in self._health if key not in running]:
            self._health.pop(key).end()
        for key, run in running.items():
            if key not in self._health:
                self._health[key] = self._begin_health(key[0], run)

    def _begin_health(self, name: str, run: Run) -> Health:
        container = self._specs[name]

        async def check(probe: Json) -> str:
            launch = self._launches.get(name)
            if launch is None:  # the agent was restarted; the process was not
                image = images.find(container["image"], images.load(self.node.state))
                if image is None:
                    return f"image {container['image']!r} is not known any more"
                if not self.files.laid_out:
                    await self.files.lay_out()
                launch = self._launches[name] = await self.files.prepare(container, image)
            return await probes.check(probe, container, launch, self.pod_ip, self.node.http)

        def failed(kind: str, cause: str) -> None:
            _log.info("%s: %s probe of %s failed: %s", self._name, kind, name, cause)

        health = Health(container, run.started_at, check, self.nudge, failed)
        before = self._status_of(name)
        same = before.get("containerID", "").endswith(f"/{name}/{run.attempt}")
        health.begin(
            was_started=same and bool(before.get("started")),
            was_ready=same and bool(before.get("ready")),
        )
        return health

    # -- stopping -------------------------------------------------------------------------

    async def _stop_all(self, plan: Plan, now: float, *, deleting: bool) -> None:
        running = dict(self._running())
        wanted = set(plan.stops)
        for (name, attempt), health in self._health.items():
            if health.unhealthy and name in running and running[name].attempt == attempt:
                message = f"Container {name} failed its probe and will be restarted"
                await self.node.event(self.pod, "Unhealthy", message, now=now)
                wanted.add(name)
        meta, spec = self.pod["metadata"], self.pod["spec"]
        grace = float(spec.get("terminationGracePeriodSeconds", 30))
        if deleting:
            grace = float(meta.get("deletionGracePeriodSeconds", grace))
        alive = set()
        for name in wanted & set(running):
            process = process_name(self.uid, name, running[name].attempt)
            alive.add(process)
            first = process not in self._kill_at
            # A second deletion may shorten the grace.
            self._kill_at[process] = min(self._kill_at.get(process, now + grace), now + grace)
            if now >= self._kill_at[process]:
                await self.node.control.signal(process, signal.SIGKILL)
                self._kill_at[process] = now + _RETRY_SECONDS
            elif first:
                await self.node.control.signal(process, signal.SIGTERM)
        self._kill_at = {key: until for key, until in self._kill_at.items() if key in alive}

    async def _take_down(self) -> bool:
        """The object has gone: nothing of it may go on. True when nothing does."""
        for name, run in self._running():
            process = process_name(self.uid, name, run.attempt)
            await self.node.control.signal(process, signal.SIGKILL)
        if self._running():
            return False
        await self._forget_runs()
        self.node.runs.forget(self.uid)
        self.node.forget_events(self.uid)
        return True

    async def _forget_runs(self) -> None:
        for process in self.node.runs.names(self.uid):
            await self.node.control.remove(process)
        self.files.remove()

    async def _delete(self) -> None:
        """The last step of a deletion is the node's: it removes the object."""
        meta = self.pod["metadata"]
        body = {"gracePeriodSeconds": 0, "preconditions": {"uid": self.uid}}
        await self.node.api.delete(
            f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}", body
        )

    # -- reporting ------------------------------------------------------------------------

    async def _refuse(self, now: float, *, deleting: bool) -> float | None:
        """A pod that cannot run here says so. One that would be made anew for ever stays
        pending instead of failed, or its controller would never rest."""
        if deleting:
            await self._delete()
            return now + _RETRY_SECONDS
        await self.node.event(self.pod, REFUSED, self._refused, now=now)
        always = self.pod["spec"].get("restartPolicy", "Always") == "Always"
        facts = Facts(
            phase=Phase.PENDING if always else Phase.FAILED,
            containers=self._containers(),
            pod_ip=self.pod_ip,
            host_ip=self.node.host_ip,
            now=now,
            reason=REFUSED,
            message=self._refused,
            waiting={name: Waiting(REFUSED, self._refused) for name in self._specs},
        )
        await self._write(facts)
        return None

    async def _report(self, plan: Plan, now: float, *, late: bool) -> None:
        waiting = {name: found for name, (found, _) in self._waiting.items() if name in plan.starts}
        for name, due in plan.waits.items():
            text = f"back-off {max(0, round(due - now))}s restarting failed container {name}"
            waiting[name] = Waiting("CrashLoopBackOff", text)
            await self.node.event(self.pod, "BackOff", f"restarting {name}", now=now)
        health = {name: self._health.get((name, run.attempt)) for name, run in self._running()}
        facts = Facts(
            phase=plan.phase,
            containers=self._containers(),
            pod_ip=self.pod_ip,
            host_ip=self.node.host_ip,
            now=now,
            reason="DeadlineExceeded" if late else "",
            message="Pod was active on the node longer than the specified deadline" if late else "",
            waiting=waiting,
            messages=self._messages,
            ready=frozenset(name for name, item in health.items() if item and item.ready),
            started=frozenset(name for name, item in health.items() if item and item.started),
            ignored=self._ignored,
        )
        await self._write(facts)

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

    def _collect_messages(self) -> None:
        """Reads last words while they lie there: the next run of the container clears them."""
        meta = self.pod["metadata"]
        folder = logs.folder(self.node.state, meta["namespace"], meta["name"], self.uid)
        for item in self._containers():
            last = item.last
            if (
                last is None
                or last.exit_code is None
                or (item.name, last.attempt) in self._messages
            ):
                continue
            self._messages[item.name, last.attempt] = termination.message(
                self._specs[item.name],
                last.exit_code,
                self.files.container(item.name).termination_file,
                folder / f"{item.name}.{last.attempt}.log",
            )

    # -- an agent's restart ---------------------------------------------------------------

    def _recover_lost(self) -> None:
        """A run that the status shows and the supervisor does not know has vanished: it is
        reported as failed, never run again in silence."""
        for name in self._specs:
            before = self._status_of(name)
            if not before.get("containerID"):
                continue
            attempt = int(before["containerID"].rsplit("/", 1)[1])
            if any(run.attempt == attempt for run in self.node.runs.of(self.uid, name)):
                continue
            now = time.time()
            lost = Run(attempt, now, now, 137, "ContainerStatusUnknown")
            self.node.runs.lose(self.uid, name, lost)

    def _status_of(self, name: str) -> Json:
        status = self.pod.get("status", {})
        known = [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]
        found: Json = next((item for item in known if item["name"] == name), {})
        return found

    @property
    def _name(self) -> str:
        meta = self.pod["metadata"]
        return f"{meta['namespace']}/{meta['name']}"
