"""How long the training Job of a service holds its place: until its pod cannot start, or too late.

What people with `edit` in a namespace do to Jobs and pods must not lengthen it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from anomaly_operator.api.text import to_text
from anomaly_operator.world.view import QueuePlace
from pretend.cluster import SETTINGS, Cluster

DEADLINE = SETTINGS.training.deadline_seconds


def training(placement_seconds: int = 120) -> Cluster:
    settings = replace(SETTINGS.training, placement_seconds=placement_seconds)
    cluster = Cluster(settings=replace(SETTINGS, training=settings))
    cluster.service()
    cluster.settle()
    assert len(cluster.jobs()) == 1
    return cluster


def pod(cluster: Cluster, **status: Any) -> None:
    """The Job's only pod."""
    job = cluster.jobs()[0]
    cluster.pod_of(job)
    cluster.objects["Pod", "shop", f"{job['metadata']['name']}-pod"]["status"] = status


def change_job(cluster: Cluster, **parts: Any) -> None:
    job = cluster.jobs()[0]
    cluster.put("Job", job["metadata"]["name"], **parts)
    cluster.settle()


def after(cluster: Cluster, seconds: int) -> bool:
    """Whether the Job holds its place `seconds` later."""
    cluster.now += seconds
    cluster.settle()
    return not cluster.plan().unplaced


@pytest.mark.parametrize("timeout", [10, 30, 60, 120, 900])
def test_the_administrator_says_how_long_a_pod_may_take_to_start(timeout: int) -> None:
    cluster = training(timeout)
    assert cluster.requeue_after == min(60, timeout)
    assert after(cluster, timeout - 1)
    assert not after(cluster, 1)
    message = cluster.condition("ModelReady")["message"]
    assert "has no pod: a quota" in message
    assert "the Job holds no training slot" in message


def test_a_pod_of_which_nobody_says_why_it_does_not_start_holds_no_place() -> None:
    cluster = training()
    waiting = {"state": {"waiting": {"reason": "ContainerCreating"}}}
    pod(cluster, phase="Pending", containerStatuses=[waiting])
    assert after(cluster, 119)
    assert cluster.condition("ModelReady")["reason"] == "Training"
    assert not after(cluster, 1)
    model = cluster.condition("ModelReady")
    assert model["reason"] == "ConfigMissing"
    assert "kubectl describe pod" in model["message"]


def test_a_pod_behind_a_scheduling_gate_is_told_as_unschedulable() -> None:
    cluster = training()
    gated = {"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}
    pod(cluster, phase="Pending", conditions=[gated])
    assert not after(cluster, 120)
    assert cluster.condition("ModelReady")["reason"] == "Unschedulable"


@pytest.mark.parametrize("phase", ["Running", "Failed"])
def test_a_training_that_runs_or_is_between_two_pods_keeps_its_place(phase: str) -> None:
    cluster = training()
    pod(cluster, phase=phase)
    assert after(cluster, 600)


def test_no_job_holds_a_place_long_after_its_deadline() -> None:
    """Its namespace's editor may have lengthened the deadline in it."""
    cluster = training()
    change_job(cluster, status={"ready": 1, "active": 1})
    assert cluster.requeue_after == DEADLINE + 60
    assert after(cluster, DEADLINE + 59)
    assert not after(cluster, 1)


def resume(cluster: Cluster, **status: Any) -> None:
    """With a new start time, from which the Job controller counts its deadline."""
    suspend(cluster)
    spec = {**cluster.jobs()[0]["spec"], "suspend": False}
    change_job(cluster, spec=spec, status={"startTime": to_text(cluster.now), **status})


def suspend(cluster: Cluster) -> None:
    change_job(cluster, spec={**cluster.jobs()[0]["spec"], "suspend": True}, status={})


def test_a_job_that_is_suspended_and_resumed_has_no_longer_than_another() -> None:
    cluster = training()
    made = cluster.now
    for _ in range(3):
        assert after(cluster, 30)
        resume(cluster)
        assert not cluster.plan().unplaced
    assert not after(cluster, 30)
    resume(cluster)
    assert cluster.plan().unplaced, "its pod has had its time"
    assert cluster.condition("ModelReady")["reason"] == "Training", "it may still come"
    assert cluster.requeue_after == 60
    assert not after(cluster, 60)
    assert cluster.condition("ModelReady")["reason"] == "PodRefused"
    resume(cluster, ready=1, active=1)
    assert not cluster.plan().unplaced, "its pod runs"
    assert not after(cluster, made + DEADLINE + 60 - cluster.now)


def test_a_pod_that_is_evicted_again_and_again_has_no_longer_than_another() -> None:
    cluster = training()
    for _ in range(2):
        pod(cluster, phase="Pending")
        assert after(cluster, 59)
    pod(cluster, phase="Pending")
    assert not after(cluster, 2)


def test_the_pod_after_one_that_failed_has_its_time_anew() -> None:
    cluster = training()
    pod(cluster, phase="Failed")
    assert after(cluster, 600)
    job = cluster.jobs()[0]["metadata"]["name"]
    failed = cluster.objects["Pod", "shop", f"{job}-pod"]
    cluster.objects["Pod", "shop", f"{job}-first"] = failed
    failed["metadata"]["name"] = f"{job}-first"
    pod(cluster, phase="Pending")
    assert after(cluster, 119)
    assert not after(cluster, 1)


def test_a_suspended_job_holds_no_place() -> None:
    cluster = training()
    suspend(cluster)
    assert not after(cluster, 60)
    assert cluster.condition("ModelReady")["reason"] == "Suspended"


def test_a_deleted_job_is_made_again_only_when_there_is_a_place() -> None:
    """Else whoever deletes Jobs whose pods cannot start takes places past the queue."""
    cluster = training()
    name = cluster.jobs()[0]["metadata"]["name"]
    cluster.queue = QueuePlace(running=SETTINGS.training.max_concurrent)
    cluster.remove("Job", name)
    cluster.settle()
    assert cluster.jobs() == []
    assert cluster.plan().waits_for_training
    assert cluster.condition("ModelReady")["reason"] == "TrainingQueued"
    cluster.restart()
    cluster.queue = QueuePlace()
    cluster.settle()
    assert [job["metadata"]["name"] for job in cluster.jobs()] == [name]
