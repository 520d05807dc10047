"""The suspender between the API server and the plan: what it reads and patches, what becomes of
failures.
"""

from __future__ import annotations

from typing import Any, cast

import pytest

from anomaly_operator.api import errors
from anomaly_operator.api.resources import JOB, TRAIN_JOB, Resource
from anomaly_operator.client.kube import Kube
from anomaly_operator.controller.execute import Executor
from anomaly_operator.controller.suspender import Suspender, trainer_object
from anomaly_operator.observe.cache import Cache
from anomaly_operator.observe.intake import Intake
from anomaly_operator.world.plan import ObjectRef, ReadTrainer, Suspend
from anomaly_operator.world.trainer import TrainerObject, UnknownTrainer

Json = dict[str, Any]
ASKED = ReadTrainer("Job", "ml", "llama")
RAW: Json = {
    "metadata": {
        "uid": "u-1",
        "resourceVersion": "17",
        "annotations": {
            "anomaly-operator.dev/suspend-on": "Critical",
            "anomaly-operator.dev/suspended-for": "llama-1",
        },
    },
    "spec": {"suspend": True},
    "status": {"conditions": [{"type": "Complete", "status": "True"}]},
}


class Server:
    """Answers with `found`, or fails with it."""

    def __init__(self, found: Json | errors.OperatorError | None = None) -> None:
        self.found = found
        self.asked: list[Resource] = []
        self.patches: list[tuple[Any, ...]] = []

    async def get(self, resource: Resource, namespace: str, name: str) -> Json | None:
        self.asked.append(resource)
        if isinstance(self.found, errors.OperatorError):
            raise self.found
        return self.found

    async def merge(
        self, resource: Resource, namespace: str, name: str, patch: Json, *, manager: str
    ) -> Json:
        self.patches.append((resource, namespace, name, patch, manager))
        return {}


def suspender(found: Json | errors.OperatorError | None) -> tuple[Suspender, Server]:
    server = Server(found)
    return Suspender(cast("Kube", server)), server


async def test_a_workload_is_read_with_what_decides_about_it() -> None:
    reader, server = suspender(RAW)
    assert await reader.read(ASKED) == TrainerObject(
        "Job", "llama", "u-1", "17", allowed=True, suspended=True,
        suspended_for="llama-1", ended=True,
    )  # fmt: skip
    assert await suspender(None)[0].read(ASKED) is None
    await reader.read(ReadTrainer("TrainJob", "ml", "llama"))
    assert server.asked == [JOB, TRAIN_JOB]


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"metadata": None, "spec": [], "status": {"conditions": "no"}},
        {"metadata": {"annotations": {"anomaly-operator.dev/suspend-on": "Warning"}}},
        {"spec": {"suspend": "yes"}, "status": {"conditions": [{"type": "Failed"}, 7]}},
    ],
)
def test_odd_fields_count_as_not_set(raw: Json) -> None:
    found = trainer_object(raw, ASKED)
    assert found == TrainerObject("Job", "llama", "", "")


@pytest.mark.parametrize(
    ("error", "passing"),
    [
        (errors.ForbiddenError(403, "no", "get"), False),
        (errors.NotFoundError(404, "no such kind", "get"), False),
        (errors.UnreachableError(0, "timeout", "get"), True),
        (errors.ThrottledError(429, "slow down", "get"), True),
        (errors.LoginFailedError("no token"), True),
    ],
)
async def test_a_failure_is_an_answer(error: errors.OperatorError, passing: bool) -> None:
    found = await suspender(error)[0].read(ASKED)
    assert isinstance(found, UnknownTrainer)
    assert found.passing is passing
    assert found.said


async def test_the_patch_names_what_it_was_decided_on_and_for_which_incident() -> None:
    writer, server = suspender(RAW)
    target = ObjectRef("batch/v1", "Job", "ml", "llama", "u-1")
    await writer.suspend(Suspend(target, "17", "llama-2"))
    patch = {
        "metadata": {
            "uid": "u-1",
            "resourceVersion": "17",
            "annotations": {"anomaly-operator.dev/suspended-for": "llama-2"},
        },
        "spec": {"suspend": True},
    }
    assert server.patches == [(JOB, "ml", "llama", patch, "anomaly-suspender")]


async def test_without_a_suspender_the_workload_is_not_looked_at() -> None:
    executor = Executor(cast("Kube", Server()), Intake(Cache(), lambda _: None))
    found = await executor.answer(ASKED)
    assert found == UnknownTrainer("trainingRuns.suspend is off")
