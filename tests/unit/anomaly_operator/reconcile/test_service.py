"""Children, models, conditions: what a service's reconcile keeps true."""

from __future__ import annotations

from dataclasses import replace

import pytest

from anomaly_operator.api.errors import NewerStatusError, Retry
from anomaly_operator.api.text import to_text, unix_seconds
from anomaly_operator.observe import read
from anomaly_operator.world.plan import ApplyStatus
from anomaly_operator.world.refusal import Withheld, refusal
from detector_runtime.contract.patterns import PatternSpec
from detector_runtime.contract.train_report import TrainReport
from detector_runtime.contract.vocabulary import RunOutcome, Severity
from pretend.cluster import SETTINGS, Cluster, serving, trained

KINDS = ("ServiceAccount", "Role", "RoleBinding", "PersistentVolumeClaim", "ConfigMap", "CronJob")


def test_from_apply_to_first_detection_takes_at_most_fifteen_writes() -> None:
    cluster = serving(Cluster())
    assert cluster.condition("Detecting")["status"] == "True"
    assert cluster.writes <= 15


def test_a_steady_service_costs_no_write_however_often_it_is_looked_at() -> None:
    cluster = serving(Cluster())
    before = cluster.writes
    for minute in range(60):
        cluster.now += 60
        cluster.detect(
            scoredFrom=to_text(cluster.now - 240), scoredThrough=to_text(cluster.now - 120)
        )
        cluster.settle()
        if minute % 10 == 0:
            cluster.restart()
    assert cluster.writes == before


def test_drift_costs_one_write_however_its_metrics_change() -> None:
    cluster = serving(Cluster())

    def drifted(*metrics: str) -> int:
        cluster.now += 120
        through = to_text(cluster.now - 60)
        report = {
            "end": through,
            "verdict": "Normal",
            "period": "Weekdays",
            "severity": "None",
            "confidence": "85%",
            "score": "0",
            "probability": "1",
            "slo": {"status": "Ok"},
            "drift": {"share": "1", "score": "4", "penalty": "15%", "metrics": list(metrics)},
        }
        cluster.detect(scoredThrough=through, report=report)
        return cluster.settle()

    assert drifted("error_rate") == 1
    assert cluster.condition("Drifted")["status"] == "True"
    assert "status.detection.report.drift.metrics" in cluster.condition("Drifted")["message"]
    assert [drifted("request_rate", "error_rate"), drifted("request_rate"), drifted()] == [0, 0, 0]


@pytest.mark.parametrize("kind", KINDS)
def test_a_deleted_child_is_made_again(kind: str) -> None:
    cluster = serving(Cluster())
    references = cluster.status()["references"]
    wanted = references["config"] if kind == "ConfigMap" else ""
    victim = next(
        raw for raw in cluster.of_kind(kind) if not wanted or raw["metadata"]["name"] == wanted
    )
    cluster.remove(kind, victim["metadata"]["name"])
    cluster.settle()
    again = cluster.get(kind, victim["metadata"]["name"])
    assert again["metadata"]["uid"] != victim["metadata"]["uid"]
    assert again.get("spec") == victim.get("spec")


def test_an_edited_child_is_repaired_with_one_write() -> None:
    cluster = serving(Cluster())
    name = cluster.status()["references"]["inferenceCronJob"]
    spec = cluster.get("CronJob", name)["spec"]
    cluster.put("CronJob", name, spec={**spec, "schedule": "0 0 1 1 *"})
    assert cluster.settle() == 1
    assert cluster.get("CronJob", name)["spec"] == spec


def test_a_foreign_claim_is_left_alone_and_nothing_is_started() -> None:
    cluster = Cluster()
    foreign = cluster.put("PersistentVolumeClaim", "anomaly-models", spec={"mine": True})
    cluster.restart()
    cluster.cache.remove(
        cluster.cache.children("shop", "")["PersistentVolumeClaim", "anomaly-models"].meta
    )
    cluster.service()
    cluster.settle()
    assert cluster.get("PersistentVolumeClaim", "anomaly-models") == foreign
    assert cluster.condition("Ready")["reason"] == "NameConflict"
    assert "PersistentVolumeClaim anomaly-models" in cluster.condition("Stalled")["message"]
    assert cluster.jobs() == []
    # Nobody tells when it goes: what is not ours is not watched.
    assert 0 < (cluster.requeue_after or 0) <= 60
    cluster.remove("PersistentVolumeClaim", "anomaly-models")
    cluster.settle()
    assert len(cluster.jobs()) == 1


@pytest.mark.parametrize("kind", ["ServiceAccount", "Role"])
def test_nothing_is_bound_to_a_foreign_account_or_role(kind: str) -> None:
    cluster = Cluster()
    foreign = cluster.put(kind, "anomaly-runner", labels={"mine": "true"})
    cluster.restart()
    cluster.cache.remove(cluster.cache.children("shop", "")[kind, "anomaly-runner"].meta)
    cluster.withheld = Withheld((refusal("RoleBinding", "anomaly-runner", 403, "no"),))
    cluster.service()
    cluster.settle()
    assert cluster.get(kind, "anomaly-runner") == foreign
    assert cluster.of_kind("RoleBinding") == []
    for condition in ("Ready", "Stalled", "ModelReady"):
        assert cluster.condition(condition)["reason"] == "NameConflict"
    cluster.withheld = Withheld()
    cluster.settle()
    assert cluster.of_kind("RoleBinding") == []
    cluster.remove(kind, "anomaly-runner")
    cluster.settle()
    assert len(cluster.of_kind("RoleBinding")) == 1


def test_two_foreign_objects_are_told_in_the_plural() -> None:
    cluster = Cluster()
    for kind in ("ServiceAccount", "Role"):
        child = cluster.put(kind, "anomaly-runner")
        cluster.cache.remove(read.metadata(child))
    cluster.service()
    cluster.settle()
    names = "ServiceAccount anomaly-runner, Role anomaly-runner"
    message = cluster.condition("Stalled")["message"]
    assert message.startswith(f"{names} exist and do not belong to the operator")
    (event,) = [event for event in cluster.events if event.reason == "NameConflict"]
    assert event.message.endswith("rename or delete them.")


def test_what_a_namespace_shares_has_no_owner_and_outlives_each_of_its_services() -> None:
    cluster = Cluster()
    cluster.service("checkout")
    cluster.settle("checkout")
    cluster.service("payments")
    cluster.settle("payments")
    assert cluster.settle("checkout") == 0
    claim = cluster.get("PersistentVolumeClaim", "anomaly-models")
    assert "ownerReferences" not in claim["metadata"]
    cluster.remove("AnomalyService", "checkout")
    assert cluster.get("PersistentVolumeClaim", "anomaly-models")
    assert cluster.settle("payments") == 0
    cluster.remove("AnomalyService", "payments")
    shared = {"ServiceAccount", "Role", "RoleBinding", "PersistentVolumeClaim"}
    assert {raw["kind"] for raw in cluster.objects.values() if raw["kind"] != "Pod"} == shared


def test_a_service_made_anew_under_the_same_name_inherits_nothing() -> None:
    cluster = serving(Cluster())
    job = cluster.jobs()[0]["metadata"]["name"]
    cluster.remove("AnomalyService", "checkout")
    cluster.now += 10
    cluster.service()
    cluster.settle()
    assert "model" not in cluster.status()
    assert [raw["metadata"]["name"] for raw in cluster.jobs()] != [job]


def test_old_configs_go_and_the_one_before_stays() -> None:
    cluster = serving(Cluster())
    for minutes in (2, 3, 4, 5, 6):
        cluster.now += 60
        cluster.service(inference={"interval": f"{minutes}m"})
        cluster.settle()
    component = "app.kubernetes.io/component"
    kept = [
        raw
        for raw in cluster.of_kind("ConfigMap")
        if raw["metadata"]["labels"][component] == "scoring-config"
    ]
    assert len(kept) == 2
    assert cluster.status()["references"]["config"] in {raw["metadata"]["name"] for raw in kept}


def test_an_edit_that_no_pod_is_concerned_by_writes_the_status_alone() -> None:
    cluster = serving(Cluster())
    kept = cluster.status()["references"]
    cluster.service(incidents={"retention": "60d"})
    (action,) = cluster.reconcile().actions
    assert isinstance(action, ApplyStatus)
    assert cluster.settle() == 0
    assert cluster.status()["references"] == kept


def test_a_status_of_a_newer_format_is_left_alone_and_told() -> None:
    cluster = Cluster()
    cluster.service()
    cluster.put("AnomalyService", "checkout", status={"formatVersion": 3, "state": "Marvellous"})
    with pytest.raises(NewerStatusError) as caught:
        cluster.settle()
    assert cluster.writes == 0
    assert "AnomalyService shop/checkout" in str(caught.value)
    assert "status.formatVersion is 3, but this operator writes 2" in str(caught.value)
    assert "Upgrade the operator" in str(caught.value)
    assert caught.value.retry is Retry.ON_CHANGE


def test_a_spec_that_cannot_be_used_says_so_and_what_runs_goes_on() -> None:
    cluster = serving(Cluster())
    before = cluster.of_kind("CronJob")
    cluster.service(source={"name": "nowhere"})
    assert cluster.settle() == 1
    ready = cluster.condition("Ready")
    assert (ready["status"], ready["reason"]) == ("False", "SourceUnknown")
    assert "known: default" in ready["message"]
    assert cluster.of_kind("CronJob") == before
    assert cluster.events[-1].reason == "InvalidSpec"
    cluster.service()
    cluster.settle()
    assert cluster.condition("Ready")["status"] == "True"


def test_a_pin_serves_a_known_revision_and_an_unknown_one_lists_the_known() -> None:
    cluster = serving(Cluster())
    first = cluster.status()["model"]["revision"]
    cluster.now = unix_seconds(cluster.status()["nextTrainingTime"])
    cluster.detect(scoredThrough=to_text(cluster.now - 60))
    cluster.settle()
    cluster.now += 30
    cluster.end_training(trained(cluster, 2))
    cluster.settle()
    second = cluster.status()["model"]["revision"]
    assert second != first
    cluster.service(modelRevision=first)
    cluster.settle()
    assert cluster.status()["model"]["revision"] == first
    assert cluster.condition("ModelReady")["reason"] == "Pinned"
    cluster.service(modelRevision="20200101-000000-abcdef")
    cluster.settle()
    ready = cluster.condition("Ready")
    assert (ready["status"], ready["reason"]) == ("False", "UnknownRevision")
    assert first in ready["message"]
    assert second in ready["message"]
    assert cluster.status()["model"]["revision"] == first
    cluster.service(modelRevision="")
    cluster.settle()
    assert cluster.status()["model"]["revision"] == second


def test_a_provisional_model_says_what_it_may_raise() -> None:
    cluster = Cluster()
    cluster.service()
    cluster.settle()
    cluster.now += 30
    cluster.end_training(trained(cluster, provisional=True))
    cluster.settle()
    ready = cluster.condition("ModelReady")
    assert (ready["status"], ready["reason"]) == ("True", "Provisional")
    assert ready["message"].endswith("at most Medium unless the SLO is breached.")


def test_a_pin_that_never_existed_still_lets_the_first_model_serve() -> None:
    cluster = Cluster()
    cluster.service(modelRevision="20200101-000000-abcdef")
    cluster.settle()
    assert "not on the volume; remove the pin" in cluster.condition("Stalled")["message"]
    cluster.now += 30
    cluster.end_training(trained(cluster))
    cluster.settle()
    assert cluster.status()["model"]["revision"] == trained(cluster).revision
    assert cluster.condition("Ready")["reason"] == "UnknownRevision"
    cluster.now += 60
    assert cluster.settle() == 0
    assert len(cluster.jobs()) == 1


def test_a_pinned_revision_that_the_pods_refuse_is_for_a_person() -> None:
    cluster = serving(Cluster())
    cluster.service(modelRevision=cluster.status()["model"]["revision"])
    cluster.now += 60
    cluster.detect(run={"outcome": "ModelRefused", "message": "its digest differs"})
    cluster.settle()
    stalled = cluster.condition("Stalled")
    assert (stalled["status"], stalled["reason"]) == ("True", "ModelRefused")
    assert len(cluster.jobs()) == 1


def test_a_model_trained_during_an_incident_waits_for_its_end_or_a_day() -> None:
    cluster = serving(Cluster())
    first = cluster.status()["model"]["revision"]
    incident(cluster)
    cluster.put(
        "AnomalyService",
        "checkout",
        annotations={"anomaly-operator.dev/train-requested-at": "1"},
    )
    cluster.settle()
    cluster.now += 30
    cluster.end_training(trained(cluster, 2))
    cluster.settle()
    assert cluster.status()["model"]["revision"] == first
    assert cluster.condition("ModelReady")["reason"] == "AwaitingPromotion"
    cluster.now += 86_400
    cluster.settle()
    assert cluster.status()["model"]["revision"] == trained(cluster, 2).revision


def test_a_model_from_before_an_incident_serves_when_a_pin_is_removed_during_it() -> None:
    cluster = serving(Cluster())
    first = cluster.status()["model"]["revision"]
    annotations = {"anomaly-operator.dev/train-requested-at": "1"}
    cluster.service(modelRevision=first)
    cluster.put("AnomalyService", "checkout", annotations=annotations)
    cluster.settle()
    cluster.now += 30
    cluster.end_training(trained(cluster, 2))
    cluster.settle()
    assert cluster.status()["model"]["revision"] == first
    incident(cluster)
    cluster.service()
    cluster.settle()
    assert cluster.status()["model"]["revision"] == trained(cluster, 2).revision


def incident(cluster: Cluster) -> None:
    """Two anomalous windows, folded."""
    for _ in range(2):
        cluster.now += 120
        end = to_text(cluster.now - cluster.now % 120)
        cluster.detect(
            scoredFrom=to_text(cluster.now - cluster.now % 120 - 120),
            scoredThrough=end,
            windows=[
                {
                    "end": end,
                    "verdict": "Anomalous",
                    "severity": "High",
                    "score": "7.4",
                    "patterns": ["metric_latency"],
                }
            ],
        )
        cluster.settle()


def test_an_incident_stands_in_the_status_before_its_object_is_made() -> None:
    cluster = serving(Cluster())
    incident(cluster)
    status = cluster.status()
    assert (status["state"], status["severity"]) == ("Anomalous", "High")
    first = status["incidents"]["tracked"][0]["firstSeen"]
    assert status["summary"] == f"metric_latency has been anomalous since {first}."
    assert status["incidents"]["open"] == 1
    assert [raw["metadata"]["name"] for raw in cluster.of_kind("Anomaly")] == [
        status["incidents"]["tracked"][0]["anomaly"]
    ]
    assert "AnomalyOpened" in [event.reason for event in cluster.events]


def test_an_incident_without_room_for_its_object_is_told() -> None:
    full = replace(SETTINGS, max_anomalies=0)
    cluster = serving(Cluster(settings=full))
    incident(cluster)
    assert cluster.of_kind("Anomaly") == []
    assert cluster.status()["incidents"]["open"] == 1
    told = cluster.condition("Detecting")
    assert (told["status"], told["reason"]) == ("True", "AnomalyLimit")
    assert cluster.status()["incidents"]["tracked"][0]["anomaly"] in told["message"]


def test_the_windows_of_a_confirmed_incident_are_left_out_of_training() -> None:
    cluster = serving(Cluster())
    incident(cluster)
    cluster.put(
        "AnomalyService",
        "checkout",
        annotations={"anomaly-operator.dev/train-requested-at": "1"},
    )
    cluster.settle()
    config = cluster.get(
        "ConfigMap", cluster.jobs()[-1]["metadata"]["annotations"]["anomaly-operator.dev/config"]
    )
    assert '"incidents":[{"end":' in config["data"]["run.json"]


def test_detection_that_falls_behind_is_stale_and_then_resumes() -> None:
    cluster = serving(Cluster())
    assert cluster.requeue_after is not None
    cluster.now += int(cluster.requeue_after) + 1
    cluster.settle()
    detecting = cluster.condition("Detecting")
    assert (detecting["status"], detecting["reason"]) == ("False", "Stale")
    assert cluster.status()["state"] == "Degraded"
    assert cluster.condition("Ready")["status"] == "True"
    cluster.detect(scoredThrough=to_text(cluster.now - 60))
    cluster.settle()
    assert cluster.condition("Detecting")["status"] == "True"
    assert [event.reason for event in cluster.events[-2:]] == [
        "DetectionStale",
        "DetectionResumed",
    ]


def test_the_cause_of_staleness_is_looked_for_again() -> None:
    """Pods are not watched: nobody tells that the scoring pod now fails for another reason."""
    cluster = serving(Cluster())
    cluster.now += 3600
    cluster.settle()
    assert cluster.condition("Detecting")["reason"] == "Stale"
    found = []
    for waiting in ("ImagePullBackOff", "CreateContainerConfigError"):
        assert 0 < (cluster.requeue_after or 0) <= 300
        cluster.now += int(cluster.requeue_after or 0)
        cluster.scoring_pod(waiting={"reason": waiting, "message": "see the node"})
        cluster.settle()
        found.append(cluster.condition("Detecting")["reason"])
    assert found == ["ImageUnavailable", "ConfigMissing"]


def test_windows_from_the_future_are_told_until_their_time_has_come() -> None:
    """A pod with a wrong clock was here: the next runs find nothing to score."""
    cluster = serving(Cluster())
    ahead = cluster.now + 3600
    windows = [{"end": to_text(ahead), "verdict": "Anomalous", "severity": "High"}]
    cluster.detect(scoredFrom=to_text(ahead - 120), scoredThrough=to_text(ahead), windows=windows)
    cluster.settle()
    detecting = cluster.condition("Detecting")
    assert (detecting["status"], detecting["reason"]) == ("False", "ClockSkew")
    assert to_text(ahead) in detecting["message"]
    assert cluster.status()["incidents"]["suspected"] == 0
    assert cluster.settle() == 0
    assert cluster.requeue_after is not None
    cluster.now += int(cluster.requeue_after) + 1
    cluster.settle()
    assert cluster.condition("Detecting")["status"] == "True"


@pytest.mark.parametrize(
    ("outcome", "stalled"),
    [
        ("SourceUnavailable", "False"),
        ("NoData", "False"),
        ("SecretMissing", "True"),
        ("InvalidQuery", "True"),
    ],
)
def test_a_run_that_fails_says_why_and_keeps_what_is_open(outcome: str, stalled: str) -> None:
    cluster = serving(Cluster())
    incident(cluster)
    cluster.now += 60
    through = cluster.status()["detection"]["scoredThrough"]
    cluster.detect(run={"outcome": outcome, "message": "what to do"}, scoredThrough=through)
    cluster.settle()
    data = cluster.condition("DataAvailable")
    assert (data["status"], data["reason"], data["message"]) == ("False", outcome, "What to do.")
    assert cluster.condition("Detecting")["reason"] == outcome
    assert cluster.condition("Stalled")["status"] == stalled
    assert cluster.status()["incidents"]["open"] == 1


def test_dependencies_that_do_not_exist_are_named() -> None:
    cluster = Cluster()
    cluster.service(dependsOn=[{"name": "payments"}, {"name": "stock"}])
    cluster.service("payments")
    cluster.settle()
    found = cluster.condition("DependenciesResolved")
    assert (found["status"], found["reason"]) == ("False", "DependencyMissing")
    assert "stock" in found["message"]
    assert "payments" not in found["message"]
    cluster.service("stock")
    cluster.settle()
    assert cluster.condition("DependenciesResolved")["status"] == "True"


def test_a_quiet_pattern_that_does_not_exist_is_told_and_detection_goes_on() -> None:
    cluster = serving(Cluster(), nonAlertingPatterns=["request_rate_clif"])
    found = cluster.condition("PatternsResolved")
    assert (found["status"], found["reason"]) == ("False", "PatternUnknown")
    assert "request_rate_clif (closest: request_rate_cliff" in found["message"]
    assert cluster.condition("Ready")["status"] == "True"
    assert cluster.condition("Detecting")["status"] == "True"


def test_a_shared_pattern_that_the_administrator_removes_makes_no_spec_invalid() -> None:
    shared = replace(SETTINGS, patterns=(PatternSpec("cache_cold", Severity.LOW),))
    cluster = serving(Cluster(settings=shared), nonAlertingPatterns=["cache_cold"])
    assert cluster.condition("PatternsResolved")["status"] == "True"
    cluster.settings = SETTINGS
    cluster.settle()
    assert cluster.condition("PatternsResolved")["reason"] == "PatternUnknown"
    assert cluster.condition("Ready")["status"] == "True"


def test_a_detection_that_cannot_be_read_is_told_and_folds_nothing() -> None:
    cluster = serving(Cluster())
    cluster.detect(scoredThrough=to_text(cluster.now), skippedWindows="many")
    cluster.settle()
    found = cluster.condition("Detecting")
    assert (found["status"], found["reason"]) == ("False", "InternalError")
    assert "skippedWindows" in found["message"]


def test_incidents_that_cannot_be_read_are_left_as_they_are() -> None:
    cluster = serving(Cluster())
    status = {**cluster.status(), "incidents": {"open": 1, "tracked": [{"strange": True}]}}
    cluster.put("AnomalyService", "checkout", status=status)
    cluster.settle()
    assert cluster.status()["incidents"] == status["incidents"]
    assert cluster.condition("Stalled")["status"] == "True"


def test_what_data_wait_for_after_a_training_is_a_model_and_then_a_run() -> None:
    cluster = Cluster()
    cluster.service()
    cluster.settle()
    assert (
        cluster.condition("DataAvailable")["message"] == "No run has read the metrics source yet."
    )
    cluster.now += 5
    learning = TrainReport(outcome=RunOutcome.LEARNING, message="short", samples=3, needed=500)
    cluster.end_training(learning)
    cluster.settle()
    data = cluster.condition("DataAvailable")
    assert (data["status"], data["reason"]) == ("Unknown", "WaitingForFirstRun")
    assert data["message"] == "Nothing is scored before a model serves; see ModelReady."
    cluster.put(
        "AnomalyService",
        "checkout",
        annotations={"anomaly-operator.dev/train-requested-at": "1"},
    )
    cluster.settle()
    cluster.now += 30
    cluster.end_training(trained(cluster))
    cluster.settle()
    data = cluster.condition("DataAvailable")
    assert data["message"] == "The next scoring run is due within one interval."


def test_a_training_that_found_no_data_says_so_before_any_run() -> None:
    cluster = Cluster()
    cluster.service()
    cluster.settle()
    cluster.now += 5
    report = TrainReport(
        outcome=RunOutcome.NO_DATA, message="the query of latency returned nothing"
    )
    cluster.end_training(report, succeeded=False)
    cluster.settle()
    data = cluster.condition("DataAvailable")
    assert (data["status"], data["reason"]) == ("False", "NoData")
