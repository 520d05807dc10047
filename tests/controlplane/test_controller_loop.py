"""The loop between queue, core and API server, with cores that do what a test needs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Any

import pytest

from anomaly_operator.api import names, resources
from anomaly_operator.client.kube import Kube
from anomaly_operator.client.login import KubeconfigLogin
from anomaly_operator.client.throttle import TokenBucket
from anomaly_operator.client.transport import Request, Transport
from anomaly_operator.controller.execute import Executor
from anomaly_operator.controller.loop import Controller, Reconcilers
from anomaly_operator.controller.recorder import Recorder
from anomaly_operator.controller.workqueue import WorkQueue
from anomaly_operator.observe.cache import Cache, Key
from anomaly_operator.observe.intake import Intake
from anomaly_operator.reconcile import namespace as namespaces
from anomaly_operator.settings.values import Settings, TrainingSettings
from anomaly_operator.telemetry.metrics import Metrics
from anomaly_operator.world.plan import (
    Apply,
    ApplyStatus,
    Create,
    Delete,
    EventSpec,
    EventType,
    GetObject,
    ListPods,
    ObjectRef,
    Plan,
)
from anomaly_operator.world.view import PolicyView, ServiceView
from anomaly_sandbox.cluster import Sandbox

pytestmark = pytest.mark.controlplane

Core = Callable[[ServiceView], Plan]


@dataclass
class Loop:
    """A controller with its parts and four workers, fed by hand instead of by watches."""

    kube: Kube
    namespace: str
    core: Core
    settings: Settings = field(default_factory=Settings)
    cache: Cache = field(default_factory=Cache)
    metrics: Metrics = field(default_factory=lambda: Metrics("test"))
    seen: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.queue: WorkQueue[Key] = WorkQueue(time.monotonic, group=itemgetter(1))
        self.recorder = Recorder(self.kube, self.metrics, "test")
        self.controller = Controller(
            settings=self.settings,
            cache=self.cache,
            queue=self.queue,
            recorder=self.recorder,
            metrics=self.metrics,
            reconcilers=Reconcilers(self._service, self._policy, namespaces.reconcile),
        )
        self.intake = Intake(self.cache, self.controller.changed)
        self.executor = Executor(self.kube, self.intake)

    def _service(self, world: ServiceView, _now: float, _settings: Settings) -> Plan:
        self.seen.append(world.service.meta.name)
        return self.core(world)

    def _policy(self, _world: PolicyView, _now: float, _settings: Settings) -> Plan:
        return Plan()

    async def add(self, name: str) -> dict[str, Any]:
        raw = await self.kube._transport.send(  # the operator itself never makes a service
            _create_service(self.namespace, name)
        )
        self.intake.take(raw)
        return raw

    async def until(self, condition: Callable[[], bool], seconds: float = 60.0) -> None:
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.01)

    def result(self, result: str) -> float:
        series = f'reconciles_total{{kind="AnomalyService",result="{result}"}} '
        for line in self.metrics.exposition().decode().splitlines():
            if line.startswith(f"anomaly_operator_{series}"):
                return float(line.rpartition(" ")[2])
        return 0.0


def _create_service(namespace: str, name: str) -> Request:
    body = {
        "apiVersion": names.API_VERSION,
        "kind": "AnomalyService",
        "metadata": {"namespace": namespace, "name": name},
        "spec": {"preset": "OpenTelemetrySpanMetrics"},
    }
    path = resources.SERVICE.path(namespace)
    return Request("create", resources.SERVICE.plural, path, body=body)


@pytest.fixture
async def run(crds: Sandbox, namespace: str) -> AsyncIterator[Callable[..., Loop]]:
    kube = Kube(Transport(KubeconfigLogin(crds.kubeconfig), TokenBucket(200, 200)))
    tasks: list[asyncio.Task[None]] = []

    def begin(core: Core, **more: Any) -> Loop:
        loop = Loop(kube, namespace, core, **more)
        loop.controller.start()
        tasks.extend(asyncio.create_task(loop.controller.work(loop.executor)) for _ in range(4))
        tasks.append(asyncio.create_task(loop.recorder.run()))
        return loop

    yield begin
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await kube.close()


def config_map(world: ServiceView, name: str) -> dict[str, Any]:
    meta = world.service.meta
    labels = {names.LABEL_WATCHED: "true", names.LABEL_SERVICE_UID: meta.uid}
    metadata = {"namespace": meta.namespace, "name": name, "labels": labels}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {}}


def reference(world: ServiceView) -> ObjectRef:
    meta = world.service.meta
    return ObjectRef(meta.api_version, meta.kind, meta.namespace, meta.name, meta.uid)


async def test_what_a_plan_writes_is_seen_by_the_next_reconcile(run: Callable[..., Loop]) -> None:
    worlds: list[ServiceView] = []

    def core(world: ServiceView) -> Plan:
        worlds.append(world)
        if ("ConfigMap", "one") in world.children:
            return Plan()
        return Plan(actions=(Apply(config_map(world, "one")),))

    loop = run(core)
    await loop.add("a")
    await loop.until(lambda: len(worlds) == 2)
    assert [("ConfigMap", "one") in world.children for world in worlds] == [False, True]


async def test_questions_are_answered_before_the_plan_counts(run: Callable[..., Loop]) -> None:
    finished: list[ServiceView] = []

    def core(world: ServiceView) -> Plan:
        questions = (
            GetObject("v1", "ConfigMap", world.service.meta.namespace, "absent"),
            ListPods(world.service.meta.namespace, (("job-name", "none"),)),
        )
        if all(question in world.lookups for question in questions):
            finished.append(world)
            return Plan()
        return Plan(lookups=questions)

    loop = run(core)
    await loop.add("a")
    await loop.until(lambda: bool(finished))
    assert list(finished[0].lookups.values()) == [None, ()]
    assert loop.seen == ["a", "a"]


async def test_a_question_without_end_ends_the_round_and_is_asked_again_later(
    run: Callable[..., Loop],
) -> None:
    asked = 0

    def core(world: ServiceView) -> Plan:
        nonlocal asked
        asked += 1
        namespace = world.service.meta.namespace
        return Plan(lookups=(GetObject("v1", "ConfigMap", namespace, f"absent-{asked}"),))

    loop = run(core)
    await loop.add("a")
    await loop.until(lambda: loop.result("Unsettled") >= 2)
    assert asked <= 5 * (loop.result("Unsettled") + 1)
    assert loop.result("Success") == 0


async def test_a_defect_in_one_service_stops_no_other(run: Callable[..., Loop]) -> None:
    def core(world: ServiceView) -> Plan:
        if world.service.meta.name == "bad":
            raise ZeroDivisionError("a defect")
        return Plan()

    loop = run(core)
    await loop.add("bad")
    await loop.add("good")
    await loop.until(lambda: loop.seen.count("bad") >= 2 and "good" in loop.seen)
    assert loop.result("Defect") >= 2


async def test_the_first_failed_action_ends_the_plan(run: Callable[..., Loop]) -> None:
    def core(world: ServiceView) -> Plan:
        refused = config_map(world, "not_a_name")
        return Plan(actions=(Apply(refused), Apply(config_map(world, "later"))))

    loop = run(core)
    await loop.add("a")
    await loop.until(lambda: loop.result("Invalid") >= 1)
    assert await loop.kube.get(resources.CONFIG_MAP, loop.namespace, "later") is None


async def test_what_a_person_must_mend_becomes_an_event(
    run: Callable[..., Loop], crds: Sandbox
) -> None:
    loop = run(lambda world: Plan(actions=(Apply(config_map(world, "not_a_name")),)))
    await loop.add("a")

    def told() -> list[dict[str, Any]]:
        events = crds.list("events", loop.namespace)
        return [event for event in events if event["reason"] == "ReconcileFailed"]

    await loop.until(lambda: bool(told()))
    assert "not_a_name" in (told()[0].get("note") or told()[0]["message"])


async def test_a_stale_status_is_refused_and_computed_anew(run: Callable[..., Loop]) -> None:
    def core(world: ServiceView) -> Plan:
        if world.service.status:
            return Plan()
        status = {"formatVersion": 1, "observedGeneration": 1}
        version = world.service.meta.resource_version
        return Plan(actions=(ApplyStatus(reference(world), version, status),))

    loop = run(core)
    raw = await loop.add("a")
    # The second is the look at its own write; not over yet, it would be one with the next.
    await loop.until(lambda: loop.result("Success") == 2)
    stale = loop.cache.service(loop.namespace, "a")
    assert stale is not None
    # Back to what it knew before its own write: the next status is computed from an old object.
    loop.cache.remove(stale.meta)
    loop.intake.take(raw)
    await loop.until(lambda: loop.result("Conflict") >= 1)
    live = await loop.kube.get(resources.SERVICE, loop.namespace, "a")
    assert live is not None
    loop.intake.take(live)
    await loop.until(lambda: loop.result("Success") >= 3)


async def test_no_two_workers_hold_one_key(run: Callable[..., Loop]) -> None:
    def core(world: ServiceView) -> Plan:
        namespace = world.service.meta.namespace
        return Plan(lookups=(GetObject("v1", "ConfigMap", namespace, "slow"),))

    loop = run(core)
    busy: list[int] = []
    now = 0

    async def answer(_lookup: Any) -> None:
        nonlocal now
        now += 1
        busy.append(now)
        await asyncio.sleep(0.02)
        now -= 1

    loop.executor.answer = answer  # type: ignore[assignment]
    await loop.add("a")
    for _ in range(20):
        loop.queue.add(("AnomalyService", loop.namespace, "a"))
        await asyncio.sleep(0.005)
    assert max(busy) == 1


async def test_a_create_that_was_done_before_counts_as_done(run: Callable[..., Loop]) -> None:
    def core(world: ServiceView) -> Plan:
        return Plan(
            actions=(Create(config_map(world, "job")), Apply(config_map(world, "after"))),
            requeue_after=1000,
        )

    loop = run(core)
    await loop.add("a")
    await loop.until(lambda: loop.result("Success") >= 2)
    assert await loop.kube.get(resources.CONFIG_MAP, loop.namespace, "after") is not None


async def test_a_create_over_a_foreign_object_is_a_name_conflict(run: Callable[..., Loop]) -> None:
    loop = run(lambda world: Plan(actions=(Create(config_map(world, "job")),)))
    foreign = {"namespace": loop.namespace, "name": "job"}
    await loop.kube.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": foreign})
    await loop.add("a")
    await loop.until(lambda: loop.result("NameConflict") >= 1)


async def test_a_delete_of_what_is_gone_is_done(run: Callable[..., Loop]) -> None:
    def core(world: ServiceView) -> Plan:
        absent = ObjectRef("v1", "ConfigMap", world.service.meta.namespace, "absent", "uid")
        return Plan(actions=(Delete(absent),))

    loop = run(core)
    await loop.add("a")
    await loop.until(lambda: loop.result("Success") == 1)


async def test_under_a_cap_of_one_trainings_follow_one_another_in_order(
    run: Callable[..., Loop],
) -> None:
    started: list[str] = []

    def core(world: ServiceView) -> Plan:
        meta = world.service.meta
        if any(kind == "Job" for kind, _ in world.children):
            return Plan()
        if world.training.running + world.training.ahead >= 1:
            return Plan(waits_for_training=True)
        started.append(meta.name)
        return Plan(actions=(Create(_job(world)),))

    loop = run(core, settings=replace(Settings(), training=TrainingSettings(max_concurrent=1)))
    for name in "abc":
        await loop.add(name)
        await loop.until(lambda name=name: name in loop.seen)  # type: ignore[misc]
    for number, name in enumerate("abc"):
        await loop.until(lambda number=number: len(started) == number + 1)  # type: ignore[misc]
        # It is decided before it is made.
        job = ("Job", loop.namespace, f"{name}-train-0123456789")
        await loop.until(lambda job=job: loop.cache.get(job) is not None)  # type: ignore[misc]
        raw = await loop.kube.get(resources.JOB, *job[1:])
        assert raw is not None
        done = {"type": "Complete", "status": "True"}
        version = str(int(raw["metadata"]["resourceVersion"]) + 1_000_000)
        loop.intake.take(
            raw
            | {"metadata": raw["metadata"] | {"resourceVersion": version}}
            | {"status": {"conditions": [done]}}
        )
    assert started == ["a", "b", "c"]


def _job(world: ServiceView) -> dict[str, Any]:
    meta = world.service.meta
    owner = {
        "apiVersion": meta.api_version,
        "kind": meta.kind,
        "name": meta.name,
        "uid": meta.uid,
    }
    container = {"name": "train", "image": "anomaly-sandbox/host:latest", "command": ["true"]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "namespace": meta.namespace,
            "name": f"{meta.name}-train-0123456789",
            "labels": {
                names.LABEL_WATCHED: "true",
                names.LABEL_COMPONENT: "training",
                names.LABEL_SERVICE_UID: meta.uid,
            },
            "ownerReferences": [owner],
        },
        "spec": {
            "template": {"spec": {"restartPolicy": "Never", "containers": [container]}},
        },
    }


async def test_events_are_posted_once_and_counted_up(
    run: Callable[..., Loop], crds: Sandbox
) -> None:
    def core(world: ServiceView) -> Plan:
        event = EventSpec(reference(world), EventType.NORMAL, "TrainingStarted", "one job")
        return Plan(events=(event,))

    loop = run(core)
    await loop.add("a")
    await loop.until(lambda: loop.result("Success") == 1)
    loop.queue.add(("AnomalyService", loop.namespace, "a"))
    await loop.until(lambda: loop.result("Success") == 2)
    await loop.recorder.drain(60)
    (event,) = [one for one in crds.list("events", loop.namespace) if one["type"] == "Normal"]
    assert event["series"]["count"] == 2
