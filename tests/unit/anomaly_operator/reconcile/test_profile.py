"""A service of profile TrainingRun: no training, one CronJob that follows; and back again."""

from __future__ import annotations

from typing import Any

import pytest

from anomaly_operator.manifests.metadata import Component
from anomaly_operator.observe import read
from anomaly_operator.settings.values import MetricsSource, Settings
from detector_runtime.contract.vocabulary import SourceType
from pretend.cluster import PROMETHEUS, Cluster, serving

LOG = {"claim": "llama-run", "path": "logs/train.jsonl"}
RUN: dict[str, Any] = {"profile": "TrainingRun", "trainingRun": {"log": LOG}}


def followed(cluster: Cluster | None = None, **spec: Any) -> Cluster:
    cluster = cluster or Cluster()
    cluster.service(**{**RUN, **spec})
    cluster.settle()
    return cluster


def cron_job(cluster: Cluster) -> dict[str, Any]:
    (found,) = cluster.of_kind("CronJob")
    return found


def component(raw: dict[str, Any]) -> str:
    return str(raw["metadata"]["labels"]["app.kubernetes.io/component"])


def test_a_run_gets_one_cron_job_and_neither_a_training_nor_a_claim_of_models() -> None:
    cluster = followed()
    assert component(cron_job(cluster)) == Component.FOLLOWING
    assert cluster.jobs() == []
    assert cluster.of_kind("PersistentVolumeClaim") == []
    status = cluster.status()
    assert status["references"]["claim"] == "llama-run"
    assert "model" not in status
    assert "nextTrainingTime" not in status
    ready = cluster.condition("ModelReady")
    assert (ready["status"], ready["reason"]) == ("True", "NotNeeded")
    assert cluster.condition("Detecting")["reason"] == "WaitingForFirstRun"
    assert cluster.condition("DataAvailable")["reason"] == "WaitingForFirstRun"
    assert cluster.condition("Ready")["status"] == "True"
    assert status["state"] == "Pending"


def test_without_a_claim_to_write_to_the_state_lies_beside_the_models() -> None:
    cluster = followed(trainingRun={"log": LOG, "snapshots": {"enabled": False}})
    (claim,) = cluster.of_kind("PersistentVolumeClaim")
    assert claim["metadata"]["name"] == cluster.status()["references"]["claim"] == "anomaly-models"


@pytest.mark.parametrize(
    ("state", "word", "data"),
    [
        ("Waiting", "Pending", ("Unknown", "NoRows")),
        ("Running", "Healthy", ("True", "DataComplete")),
        ("Stalled", "Healthy", ("False", "RunStalled")),
        ("Completed", "Healthy", ("True", "RunOver")),
        ("Failed", "Healthy", ("True", "RunOver")),
        ("Ended", "Healthy", ("True", "RunOver")),
    ],
)
def test_state_and_data_go_by_what_the_pods_say_of_the_run(
    state: str, word: str, data: tuple[str, str]
) -> None:
    cluster = followed()
    cluster.follow(state)
    cluster.settle()
    assert cluster.status()["state"] == word
    found = cluster.condition("DataAvailable")
    assert (found["status"], found["reason"]) == data
    assert cluster.condition("Detecting")["status"] == "True"
    assert cluster.condition("Ready")["status"] == "True"


def test_no_row_yet_is_no_failure_and_a_log_that_cannot_be_read_is_one() -> None:
    cluster = followed()
    cluster.follow("Waiting", run={"outcome": "NoData", "message": "the log has no row yet"})
    cluster.settle()
    assert cluster.condition("Detecting")["status"] == "True"
    cluster.follow("Running", run={"outcome": "NoData", "message": "the log is gone"})
    cluster.settle()
    assert cluster.status()["state"] == "Degraded"
    assert cluster.condition("DataAvailable")["message"] == "The log is gone."


def test_a_run_that_goes_on_costs_no_write_and_its_report_is_never_wiped() -> None:
    cluster = followed()
    cluster.follow("Running")
    cluster.settle()
    before = cluster.writes
    for _ in range(30):
        cluster.now += 60
        cluster.follow("Running")
        cluster.settle()
    cluster.restart()
    cluster.settle()
    assert cluster.writes == before
    assert cluster.status()["trainingRun"]["state"] == "Running"
    cluster.service(**RUN, suspend=True)
    assert cluster.settle() > 0
    assert cluster.status()["trainingRun"]["state"] == "Running"


def test_a_run_that_is_over_is_not_stale_and_one_that_goes_on_is() -> None:
    for state, status in (("Completed", "True"), ("Running", "False")):
        cluster = followed()
        cluster.follow(state)
        cluster.settle()
        cluster.now += 86_400
        cluster.settle()
        found = cluster.condition("Detecting")
        assert found["status"] == status
        assert found["reason"] == ("Detecting" if status == "True" else "Stale")


def test_one_bad_row_opens_an_incident_and_good_ones_close_it() -> None:
    cluster = followed()
    cluster.follow("Running")
    cluster.settle()
    cluster.now += 60
    cluster.follow("Running", "loss_spike")
    cluster.settle()
    (anomaly,) = cluster.of_kind("Anomaly")
    assert anomaly["spec"]["openingPattern"] == "loss_spike"
    assert anomaly["status"]["severity"] == "Critical"
    assert cluster.status()["state"] == "Anomalous"
    for _ in range(4):
        cluster.now += 60
        cluster.follow("Running")
        cluster.settle()
    assert cluster.status()["state"] == "Healthy"
    (anomaly,) = cluster.of_kind("Anomaly")
    assert anomaly["status"]["state"] == "Closed"


def test_a_request_for_a_training_is_answered_with_a_sentence() -> None:
    cluster = followed()
    asked = {"anomaly-operator.dev/train-requested-at": "now"}
    cluster.put("AnomalyService", "checkout", annotations=asked)
    assert cluster.settle() == 1
    assert cluster.jobs() == []
    words = "train-requested-at has no effect; remove it."
    assert cluster.condition("ModelReady")["message"].endswith(words)


def test_a_service_becomes_a_run_and_its_trainings_go() -> None:
    cluster = serving(Cluster())
    assert cluster.jobs() != []
    config = cluster.status()["references"]["config"]
    cluster.service(**RUN)
    cluster.settle()
    assert cluster.jobs() == []
    assert component(cron_job(cluster)) == Component.FOLLOWING
    status = cluster.status()
    assert status["references"]["config"] != config
    assert not {"model", "falseIncidents", "lastTrainingTime"} & status.keys()
    cluster.restart()
    assert cluster.plan().actions == ()


def test_a_run_becomes_a_service_and_nothing_follows_it_any_more() -> None:
    cluster = followed()
    cluster.follow("Running")
    cluster.settle()
    cluster.put("AnomalyService", "checkout", spec={"preset": "OpenTelemetrySpanMetrics"})
    cluster.settle()
    assert cluster.of_kind("CronJob") == []
    assert len(cluster.jobs()) == 1
    assert cluster.condition("ModelReady")["reason"] == "Training"


def test_a_suspended_run_has_a_suspended_cron_job() -> None:
    cluster = followed(suspend=True)
    assert cron_job(cluster)["spec"]["suspend"] is True
    assert cluster.status()["state"] == "Suspended"
    assert cluster.condition("DataAvailable")["reason"] == "Suspended"


def test_the_runner_may_read_the_workloads_that_runs_name_and_no_other() -> None:
    cluster = followed(trainingRun={"log": LOG, "trainer": {"kind": "Job", "name": "llama"}})
    other = {"trainer": {"kind": "TrainJob", "name": "bert"}}
    cluster.service("other", profile="TrainingRun", trainingRun=other)
    cluster.settle("other")
    (role,) = cluster.of_kind("Role")
    assert [rule for rule in role["rules"] if "resourceNames" in rule] == [
        {
            "apiGroups": ["batch"],
            "resources": ["jobs"],
            "resourceNames": ["llama"],
            "verbs": ["get"],
        },
        {
            "apiGroups": ["trainer.kubeflow.org"],
            "resources": ["trainjobs"],
            "resourceNames": ["bert"],
            "verbs": ["get"],
        },
    ]
    cluster.service(**RUN)
    cluster.settle()
    (role,) = cluster.of_kind("Role")
    assert [one["resourceNames"] for one in role["rules"] if "resourceNames" in one] == [["bert"]]


def test_nothing_follows_under_an_account_that_is_not_ours() -> None:
    cluster = Cluster()
    foreign = cluster.put("ServiceAccount", "anomaly-runner")
    cluster.cache.remove(read.metadata(foreign))
    followed(cluster)
    assert cluster.of_kind("CronJob") == []
    assert cluster.condition("Ready")["reason"] == "NameConflict"
    cluster.remove("ServiceAccount", "anomaly-runner")
    cluster.settle()
    assert len(cluster.of_kind("CronJob")) == 1


def test_no_policy_holds_for_a_run() -> None:
    cluster = Cluster()
    selector = {"matchLabels": {"team": "ml"}}
    cluster.put("SLOPolicy", "web", spec={"selector": selector, "thresholds": {"latency": {}}})
    cluster.service(**RUN)
    cluster.put("AnomalyService", "checkout", labels={"team": "ml"})
    cluster.settle()
    cluster.reconcile_policy("web")
    assert cluster.condition("SLOMet")["reason"] == "NotNeeded"
    assert cluster.get("SLOPolicy", "web")["status"]["services"] == 0


MLFLOW = MetricsSource("runs", SourceType.MLFLOW, url="http://mlflow:5000")
FILES = MetricsSource("files", SourceType.CSV, config_map="recordings")


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (
            {**RUN, "trainingRun": {"mlflow": {"runId": "abc"}}},
            "default is a source of type Prometheus, and profile TrainingRun reads MLflow here",
        ),
        (
            {
                "profile": "TrainingRun",
                "trainingRun": {},
                "source": {"name": "files"},
                "metrics": [{"name": "step", "role": "Step", "query": "step"}],
            },
            "files is a source of type CSV, and profile TrainingRun reads Prometheus here",
        ),
        (
            {"source": {"name": "runs"}},
            "runs is a source of type MLflow, and profile Microservice reads Prometheus or CSV",
        ),
    ],
)
def test_a_source_has_to_suit_the_profile(spec: dict[str, Any], words: str) -> None:
    sources = {"default": PROMETHEUS, "runs": MLFLOW, "files": FILES}
    cluster = Cluster(settings=Settings(sources=sources))
    cluster.service(**spec)
    cluster.settle()
    ready = cluster.condition("Ready")
    assert ready["reason"] == "SourceUnsuitable"
    assert words in ready["message"]
