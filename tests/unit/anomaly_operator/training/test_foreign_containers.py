"""A training is judged by the end of our container, whatever else was put into its pod."""

from __future__ import annotations

from typing import Any

import pytest

from anomaly_operator.api.text import to_text
from detector_runtime.contract.train_report import TrainReport
from detector_runtime.contract.vocabulary import RunOutcome
from pretend.api_server import START
from pretend.cluster import Cluster, Killed, trained


def held_open(report: TrainReport | None = None, code: int = 0) -> Cluster:
    """A training whose process has just ended while a sidecar runs on."""
    cluster = Cluster()
    cluster.service()
    cluster.settle()
    cluster.now += 120
    cluster.end_process(report or trained(cluster), code)
    cluster.settle()
    return cluster


def told(cluster: Cluster, reason: str) -> list[str]:
    return [event.message for event in cluster.events if event.reason == reason]


def test_the_model_serves_and_the_job_is_deleted() -> None:
    cluster = held_open()
    (job,) = cluster.jobs()
    assert "model" not in cluster.status(), "a sidecar may end by itself within a minute"
    assert cluster.requeue_after == 60
    cluster.now += 60
    cluster.settle()
    assert cluster.status()["model"]["revision"] == trained(cluster).revision
    assert cluster.condition("ModelReady")["reason"] == "Serving"
    assert cluster.jobs() == []
    (message,) = told(cluster, "PodKeptRunning")
    name = job["metadata"]["name"]
    assert f"The container istio-proxy keeps the pod of Job {name} running" in message
    assert "settings.pods.annotations" in message


def test_a_model_that_is_ready_just_before_the_deadline_is_not_deleted_with_the_pod() -> None:
    cluster = Cluster()
    cluster.service()
    cluster.settle()
    cluster.now += cluster.settings.training.deadline_seconds - 10
    cluster.end_process(trained(cluster))
    cluster.settle()
    assert cluster.status()["model"]["revision"] == trained(cluster).revision


def test_a_sidecar_that_ends_by_itself_costs_nothing() -> None:
    cluster = held_open()
    cluster.now += 20
    cluster.end_training(trained(cluster))
    cluster.settle()
    assert cluster.status()["model"]["revision"]
    assert len(cluster.jobs()) == 1
    assert told(cluster, "PodKeptRunning") == []


def test_a_failure_is_a_failure_with_its_cause() -> None:
    report = TrainReport(outcome=RunOutcome.SOURCE_UNAVAILABLE, message="no route to the source")
    cluster = held_open(report, code=69)
    cluster.now += 60
    cluster.settle()
    assert cluster.condition("ModelReady")["reason"] == "SourceUnavailable"
    assert cluster.jobs() == []
    assert len(told(cluster, "PodKeptRunning")) == 1
    assert "No route to the source" in told(cluster, "TrainingFailed")[0]


def test_an_operator_killed_before_it_deletes_the_job_deletes_it_later() -> None:
    cluster = held_open()
    cluster.now += 60
    cluster.reconcile()
    assert cluster.jobs(), "the result is written first"
    cluster.kill_after = cluster.writes
    with pytest.raises(Killed):
        cluster.reconcile()
    cluster.restart()
    cluster.settle()
    assert cluster.jobs() == []
    assert cluster.status()["model"]["revision"] == trained(cluster).revision
    assert len(told(cluster, "PodKeptRunning")) == 1


@pytest.mark.parametrize("reason", ["BackoffLimitExceeded", "DeadlineExceeded"])
def test_a_job_that_failed_around_a_model_takes_none_away(reason: str) -> None:
    """A sidecar that ends with an error fails the pod; one that never ends, the Job."""
    cluster = Cluster()
    cluster.service()
    cluster.settle()
    cluster.now += 120
    job = cluster.end_process(trained(cluster))
    failed = {"type": "Failed", "status": "True", "reason": reason}
    conditions = [{**failed, "lastTransitionTime": to_text(cluster.now)}]
    status = {**job["status"], "conditions": conditions}
    cluster.put("Job", job["metadata"]["name"], status=status)
    cluster.settle()
    assert cluster.status()["model"]["revision"] == trained(cluster).revision
    assert told(cluster, "TrainingFailed") == []


def test_a_scoring_pod_that_a_sidecar_keeps_running_is_named() -> None:
    cluster = held_open()
    cluster.now += 60
    cluster.settle()
    cluster.now += 30
    cluster.detect(scoredThrough=to_text(cluster.now - 60))
    cluster.settle()
    cluster.scoring_pod(terminated={"exitCode": 0, "finishedAt": to_text(START)})
    (pod,) = (one for one in cluster.of_kind("Pod") if "-inf-" in one["metadata"]["name"])
    pod["status"]["containerStatuses"].append({"name": "linkerd-proxy", "state": {"running": {}}})
    pod["status"]["containerStatuses"][0]["name"] = "runtime"
    cluster.now += 3600
    cluster.settle()
    detecting = cluster.condition("Detecting")
    assert (detecting["status"], detecting["reason"]) == ("False", "ForeignContainer")
    assert "The container linkerd-proxy keeps the scoring pod running" in detecting["message"]


INIT: list[tuple[dict[str, Any], str]] = [
    (
        {"state": {"terminated": {"exitCode": 1}}},
        "its init container istio-init ended with exit code 1",
    ),
    (
        {"state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}},
        "its init container istio-init waits (ImagePullBackOff): no such image",
    ),
    ({"state": {"running": {}}}, "its init container istio-init runs"),
]


@pytest.mark.parametrize(("init", "words"), INIT)
def test_an_init_container_that_keeps_ours_waiting_is_named(
    init: dict[str, Any], words: str
) -> None:
    cluster = Cluster()
    cluster.service()
    cluster.settle()
    (job,) = cluster.jobs()
    cluster.pod_of(job, waiting={"reason": "PodInitializing"})
    (pod,) = cluster.of_kind("Pod")
    pod["status"]["initContainerStatuses"] = [{"name": "istio-init", **init}]
    cluster.now += 61
    cluster.settle()
    model = cluster.condition("ModelReady")
    assert model["reason"] == "ForeignContainer"
    assert words in model["message"]
