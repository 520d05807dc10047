"""What the API server refuses for good: told, left out, and nothing else changes."""

from __future__ import annotations

import pytest

from anomaly_operator.api.reasons import Reason
from anomaly_operator.api.text import to_text
from anomaly_operator.world.plan import ApplyStatus, Create, Plan, object_of
from anomaly_operator.world.refusal import Withheld, refusal
from detector_runtime.contract.vocabulary import RunOutcome
from pretend.cluster import Cluster, serving, trained

FULL = "403 Forbidden: exceeded quota: jobs, requested: count/jobs.batch=1, limited: 0"


def the_job(plan: Plan) -> str:
    (job,) = [object_of(action)[1] for action in plan.actions if isinstance(action, Create)]
    return job


def refuse(cluster: Cluster, kind: str, name: str, status: int = 403, said: str = FULL) -> None:
    """The controller has been told so by the API server."""
    cluster.withheld = Withheld((refusal(kind, name, status, said),))


def full_namespace() -> tuple[Cluster, str]:
    """A new service whose first Job is refused; everything before it is there."""
    cluster = Cluster()
    cluster.service()
    plan = cluster.plan()
    job = the_job(plan)
    before = [action for action in plan.actions if not isinstance(action, Create | ApplyStatus)]
    cluster.carry_out(Plan(actions=tuple(before)))
    refuse(cluster, "Job", job)
    return cluster, job


@pytest.mark.parametrize(
    ("status", "said", "reason", "step"),
    [
        (403, FULL, Reason.QUOTA_EXCEEDED, "Raise the quota"),
        (403, '403 Forbidden: User "x" cannot create resource "jobs"', Reason.FORBIDDEN, "Grant"),
        (422, "422 Invalid: ValidatingAdmissionPolicy 'no'", Reason.REJECTED, "Change the"),
        (400, '400 BadRequest: admission webhook "w" denied', Reason.REJECTED, "Change the"),
    ],
)
def test_a_refused_first_job_is_told_with_the_object_the_words_and_the_next_step(
    status: int, said: str, reason: Reason, step: str
) -> None:
    cluster, job = full_namespace()
    refuse(cluster, "Job", job, status, said)
    cluster.settle()
    for kind, truth in (("Ready", "False"), ("Stalled", "True"), ("ModelReady", "False")):
        condition = cluster.condition(kind)
        assert (condition["status"], condition["reason"]) == (truth, reason.value)
        for words in (f"Job {job}", said, step):
            assert words in condition["message"]
    assert cluster.condition("Reconciling")["status"] == "False"
    assert cluster.status()["state"] == "Degraded"
    assert cluster.jobs() == []


def test_what_stays_refused_is_told_once_and_written_once() -> None:
    cluster, _ = full_namespace()
    cluster.settle()
    told = [event for event in cluster.events if event.reason == "ReconcileFailed"]
    assert len(told) == 1
    for _ in range(3):
        cluster.now += 300
        plan = cluster.plan()
        assert (plan.actions, plan.events) == ((), ())


def test_a_job_is_let_in_under_the_name_under_which_it_was_refused() -> None:
    cluster, job = full_namespace()
    cluster.settle()
    cluster.now += 300
    cluster.withheld = Withheld(cluster.withheld.refused, retrying=True)
    assert the_job(cluster.plan()) == job
    cluster.reconcile()
    cluster.withheld = Withheld()
    cluster.settle()
    assert [raw["metadata"]["name"] for raw in cluster.jobs()] == [job]
    assert cluster.condition("Ready")["reason"] == "Training"
    assert cluster.condition("Stalled")["status"] == "False"


def test_words_without_end_leave_room_for_the_next_step() -> None:
    cluster, job = full_namespace()
    refuse(cluster, "Job", job, 422, "422 Invalid: " + "spec " * 500)
    cluster.settle()
    message = cluster.condition("Ready")["message"]
    assert len(message) <= 1024
    assert message.endswith("tries again every few minutes.")


def test_a_refused_retraining_touches_neither_model_nor_incidents() -> None:
    cluster = serving(Cluster())
    before = cluster.status()
    annotations = {"anomaly-operator.dev/train-requested-at": "1"}
    cluster.put("AnomalyService", "checkout", annotations=annotations)
    refuse(cluster, "Job", the_job(cluster.plan()))
    end = cluster.now // 120 * 120
    windows = [
        {"end": to_text(end + 120 * i), "verdict": "Anomalous", "severity": "High", "score": "7"}
        for i in range(1, 4)
    ]
    cluster.now = end + 400
    cluster.detect(scoredFrom=to_text(end), scoredThrough=to_text(end + 360), windows=windows)
    cluster.settle()
    after = cluster.status()
    assert after["model"] == before["model"]
    assert after["training"] == before["training"]
    assert after["incidents"]["open"] == 1
    assert len(cluster.of_kind("Anomaly")) == 1
    assert len(cluster.of_kind("CronJob")) == 1
    assert cluster.condition("ModelReady")["status"] == "True"
    assert cluster.condition("ModelReady")["reason"] == "QuotaExceeded"
    assert cluster.condition("Detecting")["status"] == "True"


def test_a_result_is_taken_although_the_next_training_is_refused() -> None:
    cluster = Cluster()
    cluster.service()
    cluster.settle()
    cluster.service(step="1m")  # a model for the new spec follows at once
    cluster.now += 30
    cluster.end_training(trained(cluster))
    refuse(cluster, "Job", the_job(cluster.plan()))
    cluster.settle()
    assert cluster.status()["model"]["revision"] == trained(cluster).revision
    assert len(cluster.jobs()) == 1


def test_without_its_claim_nothing_is_started() -> None:
    cluster = Cluster()
    cluster.service()
    refuse(cluster, "PersistentVolumeClaim", "anomaly-models")
    cluster.settle()
    assert cluster.of_kind("PersistentVolumeClaim") == cluster.jobs() == []
    assert "PersistentVolumeClaim anomaly-models" in cluster.condition("Ready")["message"]
    assert len(cluster.of_kind("Role")) == 1


def test_a_refused_scoring_config_leaves_the_cronjob_with_the_old_one() -> None:
    cluster = serving(Cluster())
    (cron_job,) = cluster.of_kind("CronJob")
    errors = {"acceptable": "1%", "warning": "2%", "critical": "5%"}
    cluster.put("SLOPolicy", "web", spec={"thresholds": {"errorRate": errors}})
    cluster.service(sloPolicyRef={"name": "web"})
    made = [object_of(action) for action in cluster.plan().actions]
    (config,) = [name for kind, name in made if kind == "ConfigMap"]
    refuse(cluster, "ConfigMap", config)
    cluster.settle()
    assert cluster.of_kind("CronJob") == [cron_job]


def test_a_refused_object_of_an_incident_leaves_the_training_alone() -> None:
    cluster = serving(Cluster())
    end = cluster.now // 120 * 120 + 240
    cluster.now = end + 30
    cluster.detect(
        scoredFrom=to_text(end - 240),
        scoredThrough=to_text(end),
        windows=[
            {"end": to_text(end - back), "verdict": "Anomalous", "severity": "High"}
            for back in (120, 0)
        ],
    )
    names = {object_of(action) for action in cluster.plan().actions}
    (anomaly,) = [name for kind, name in names if kind == "Anomaly"]
    refuse(cluster, "Anomaly", anomaly)
    annotations = {"anomaly-operator.dev/train-requested-at": "1"}
    cluster.put("AnomalyService", "checkout", annotations=annotations)
    cluster.settle()
    assert cluster.of_kind("Anomaly") == []
    assert cluster.status()["incidents"]["open"] == 1
    assert f"Anomaly {anomaly}" in cluster.condition("Stalled")["message"]
    assert len(cluster.jobs()) == 2


def test_a_job_without_a_pod_is_told() -> None:
    cluster = Cluster()
    cluster.service()
    cluster.settle()
    cluster.now += 90
    cluster.settle()
    condition = cluster.condition("ModelReady")
    assert condition["reason"] == "PodRefused"
    assert "kubectl describe job" in condition["message"]
    cluster.end_training(trained(cluster))
    cluster.settle()
    assert cluster.condition("ModelReady")["reason"] != "PodRefused"
    assert cluster.status()["training"].get("lastFailure") is None
    assert trained(cluster).outcome is RunOutcome.SUCCEEDED
