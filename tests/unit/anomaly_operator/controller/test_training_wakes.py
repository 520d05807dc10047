"""Whoever waits to train is woken by whatever makes room for it."""

from __future__ import annotations

import time
from typing import Any

import pytest

from anomaly_operator.api import names
from anomaly_operator.api.errors import ForbiddenError
from anomaly_operator.controller.carrier import Carrier
from anomaly_operator.controller.loop import Controller
from anomaly_operator.controller.training_queue import TrainingQueue
from anomaly_operator.controller.workqueue import WorkQueue
from anomaly_operator.manifests.metadata import Component
from anomaly_operator.observe.cache import Cache, Change, Key
from anomaly_operator.settings.values import Settings, TrainingSettings
from anomaly_operator.telemetry.metrics import Metrics
from anomaly_operator.world.objects import Child, JobState, Meta, ServiceObject
from anomaly_operator.world.plan import Create, Plan

LABELS = {names.LABEL_WATCHED: "true", names.LABEL_COMPONENT: Component.TRAINING.value}
NOBODY: Any = None


def service(name: str, namespace: str = "noisy") -> ServiceObject:
    meta = Meta("v1", "AnomalyService", namespace, name, f"uid-{namespace}-{name}", "1")
    return ServiceObject(meta, None)


def job(of: ServiceObject, version: int = 1, owner: str = "", **state: Any) -> Child:
    name = names.training_job_name(of.meta.name, of.meta.uid, "attempt")
    meta = Meta(
        "batch/v1",
        "Job",
        of.meta.namespace,
        name,
        f"uid-{name}",
        str(version),
        labels=LABELS,
        owners=(owner or of.meta.uid,),
    )
    return Child(meta, b"", JobState(**state))


class Scene:
    """Two places. `busy` of noisy trains and `waiting` waits: the other place is kept for `quiet`,
    which has a service of its own."""

    def __init__(self, *, busy_suspended: bool = False) -> None:
        self.cache = Cache()
        self.queue: WorkQueue[Key] = WorkQueue(time.monotonic)
        self.controller = Controller(
            settings=Settings(training=TrainingSettings(max_concurrent=2)),
            cache=self.cache,
            queue=self.queue,
            recorder=NOBODY,
            metrics=Metrics("test"),
            reconcilers=NOBODY,
        )
        self.busy, self.waiting = service("busy"), service("waiting")
        self.quiet = service("quiet", "quiet")
        for one in (self.busy, self.waiting, self.quiet):
            self.cache.put(one)
        self.controller.start()
        self.hear(self.cache.put(job(self.busy, suspended=busy_suspended)))
        self.woken()
        self.controller._training_queue.wait(self.waiting.meta.key)

    def hear(self, change: Change | None) -> None:
        assert change is not None
        self.controller.changed(change)

    def woken(self) -> list[Key]:
        found = []
        while (taken := self.queue.take()) is not None:
            found.append(taken.key)
            self.queue.done(taken.key)
        return found


def test_when_the_last_service_of_the_other_namespace_goes() -> None:
    scene = Scene()
    second = service("second", "quiet")
    scene.hear(scene.cache.put(second))
    scene.hear(scene.cache.remove(scene.quiet.meta))
    assert scene.waiting.meta.key not in scene.woken()
    scene.hear(scene.cache.remove(second.meta))
    assert scene.waiting.meta.key in scene.woken()


@pytest.mark.parametrize(
    "later",
    [
        pytest.param({"succeeded": True}, id="ends"),
        pytest.param({"failed": True}, id="fails"),
        pytest.param({"owner": "uid-of-another"}, id="is given away"),
    ],
)
@pytest.mark.parametrize("suspended", [False, True])
def test_when_the_training_of_its_namespace_goes(suspended: bool, later: dict[str, Any]) -> None:
    """A suspended one too: it counts for its namespace."""
    scene = Scene(busy_suspended=suspended)
    scene.cache.put(job(scene.quiet))
    scene.hear(scene.cache.put(job(scene.busy, 2, **{"suspended": suspended, **later})))
    assert scene.waiting.meta.key in scene.woken()


def test_when_the_job_of_its_namespace_is_deleted() -> None:
    scene = Scene(busy_suspended=True)
    scene.hear(scene.cache.put(job(service("quiet", "quiet"))))
    assert scene.waiting.meta.key not in scene.woken()
    scene.hear(scene.cache.remove(job(scene.busy).meta))
    assert scene.waiting.meta.key in scene.woken()


class _Api:
    """`error` is what each write raises."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    async def run(self, actions: object) -> None:
        if self.error is not None and actions:
            raise self.error


FIRST, SECOND = service("first").meta.key, service("second").meta.key
TRAINS = Plan(
    actions=(Create({"kind": "Job", "metadata": {"namespace": "noisy", "labels": LABELS}}),)
)


@pytest.mark.parametrize(
    ("plan", "error", "woken"),
    [
        pytest.param(Plan(), None, [SECOND], id="it trains no more"),
        pytest.param(TRAINS, ForbiddenError(403, "no", "Job x"), [SECOND], id="no Job is made"),
        pytest.param(TRAINS, None, [], id="it takes the place"),
        pytest.param(Plan(waits_for_training=True), None, [], id="it still waits"),
    ],
)
async def test_when_who_was_to_train_does_not(
    plan: Plan, error: Exception | None, woken: list[Key]
) -> None:
    cache, trainings, found = Cache(), TrainingQueue(1), list[Key]()
    for key in (FIRST, SECOND):
        trainings.wait(key)
    carrier = Carrier(cache, NOBODY, NOBODY, trainings, lambda: found.extend(trainings.next(cache)))
    executor: Any = _Api(error)
    try:
        await carrier.carry_out(FIRST, plan, executor)
    except ForbiddenError:
        assert error is not None
    assert found == woken
