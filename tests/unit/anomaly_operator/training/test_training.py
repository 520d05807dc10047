"""When a service trains, waits, learns, fails and tries again."""

from __future__ import annotations

import hashlib
import itertools
import json
from datetime import datetime

import pytest

from anomaly_operator.api.text import to_text, unix_seconds
from anomaly_operator.manifests.run_config import resolve
from anomaly_operator.training.inputs import wider_inputs
from anomaly_operator.world.view import QueuePlace
from detector_runtime.contract.train_report import TrainReport
from detector_runtime.contract.vocabulary import RunOutcome
from pretend.cluster import Cluster, serving, trained


def reported(outcome: RunOutcome, message: str = "why and what to do") -> TrainReport:
    return TrainReport(outcome=outcome, message=message)


def learning(cluster: Cluster, enough_at: int) -> TrainReport:
    return TrainReport(
        outcome=RunOutcome.LEARNING,
        message="too little history",
        samples=412,
        needed=500,
        enough_at=to_text(enough_at),
    )


def test_the_first_model_is_trained_at_once_and_then_serves() -> None:
    cluster = Cluster()
    cluster.service()
    cluster.settle()
    assert cluster.condition("Ready")["status"] == "Unknown"
    assert cluster.condition("Reconciling")["status"] == "True"
    assert cluster.status()["training"]["trigger"] == "FirstModel"
    cluster.now += 60
    report = trained(cluster)
    cluster.end_training(report)
    cluster.settle()
    assert cluster.status()["model"]["revision"] == report.revision
    assert cluster.condition("ModelReady")["status"] == "True"
    assert [event.reason for event in cluster.events] == [
        "TrainingStarted",
        "TrainingSucceeded",
        "ModelPromoted",
    ]


def test_the_inference_cronjob_exists_from_the_first_promoted_model_on() -> None:
    cluster = Cluster()
    cluster.service()
    cluster.settle()
    assert cluster.of_kind("CronJob") == []
    cluster.end_training(trained(cluster))
    cluster.now += 1
    cluster.settle()
    assert len(cluster.of_kind("CronJob")) == 1


def test_too_little_history_is_a_state_with_one_well_timed_next_try() -> None:
    cluster = Cluster()
    cluster.service()
    cluster.settle()
    enough = cluster.now + 5 * 3600
    cluster.now += 30
    cluster.end_training(learning(cluster, enough))
    cluster.settle()
    assert cluster.status()["state"] == "Learning"
    assert cluster.condition("Ready")["status"] == "True"
    assert cluster.condition("Stalled")["status"] == "False"
    model = cluster.condition("ModelReady")
    assert model["reason"] == "Learning"
    assert model["message"] == f"412 of 500 samples collected; enough at about {to_text(enough)}."
    assert cluster.requeue_after == enough - cluster.now
    cluster.now = enough - 1
    assert cluster.settle() == 0
    cluster.now = enough
    cluster.settle()
    assert len(cluster.jobs()) == 2


@pytest.mark.parametrize("enough_in", [-3600, 0, 40 * 86_400])
def test_a_wild_guess_of_when_it_is_enough_is_kept_within_a_day(enough_in: int) -> None:
    cluster = Cluster()
    cluster.service()
    cluster.settle()
    cluster.now += 30
    cluster.end_training(learning(cluster, cluster.now + enough_in))
    cluster.settle()
    retry = unix_seconds(cluster.status()["training"]["nextAttempt"])
    assert cluster.now + 60 <= retry <= cluster.now + 86_400


@pytest.mark.parametrize(
    "outcome",
    [
        RunOutcome.SOURCE_UNAVAILABLE,
        RunOutcome.INVALID_QUERY,
        RunOutcome.NO_DATA,
        RunOutcome.REJECTED,
        RunOutcome.STORAGE_FULL,
        RunOutcome.SECRET_MISSING,
    ],
)
def test_a_failure_carries_its_cause_and_backs_off(outcome: RunOutcome) -> None:
    cluster = Cluster()
    cluster.service()
    cluster.settle()
    cluster.now += 30
    cluster.end_training(reported(outcome, "this and that"), succeeded=False)
    cluster.settle()
    ready = cluster.condition("Ready")
    assert (ready["status"], ready["reason"]) == ("False", outcome.value)
    assert cluster.condition("Stalled")["status"] == "True"
    assert "This and that. Next try at" in cluster.condition("ModelReady")["message"]
    assert 600 <= (cluster.requeue_after or 0) <= 660
    cluster.now += 599
    assert cluster.settle() == 0
    cluster.now += 61
    cluster.settle()
    assert len(cluster.jobs()) == 2
    assert cluster.condition("Ready")["reason"] == outcome.value, "a new try hides no cause"


def test_the_back_off_doubles_and_a_restart_changes_nothing() -> None:
    cluster = Cluster()
    cluster.service()
    gaps = []
    for _ in range(4):
        cluster.settle()
        cluster.now += 30
        cluster.end_training(reported(RunOutcome.NO_DATA), succeeded=False)
        cluster.settle()
        retry = cluster.status()["training"]["nextAttempt"]
        for _ in range(3):
            cluster.restart()
            assert cluster.settle() == 0
        assert cluster.status()["training"]["nextAttempt"] == retry
        gaps.append(unix_seconds(retry) - cluster.now)
        cluster.now = unix_seconds(retry)
    assert all(1.8 < later / sooner < 2.2 for sooner, later in itertools.pairwise(gaps))


def test_a_request_trains_at_once_and_only_once() -> None:
    cluster = serving(Cluster())
    cluster.now += 60
    cluster.put(
        "AnomalyService",
        "checkout",
        annotations={"anomaly-operator.dev/train-requested-at": "1"},
    )
    cluster.settle()
    assert cluster.status()["lastHandledTrainRequest"] == "1"
    assert cluster.status()["training"]["trigger"] == "Requested"
    cluster.now += 30
    cluster.end_training(trained(cluster, 2))
    cluster.settle()
    cluster.now += 30
    assert cluster.settle() == 0
    assert len(cluster.jobs()) == 2


def test_a_request_and_a_changed_spec_do_not_wait_for_the_back_off() -> None:
    cluster = Cluster()
    cluster.service()
    cluster.settle()
    cluster.now += 30
    cluster.end_training(reported(RunOutcome.INVALID_QUERY), succeeded=False)
    cluster.settle()
    cluster.now += 1
    cluster.service(step="5m")
    cluster.settle()
    assert cluster.status()["training"]["trigger"] == "SpecChange"
    changed_at = cluster.now
    cluster.now += 30
    cluster.end_training(reported(RunOutcome.INVALID_QUERY), succeeded=False)
    cluster.settle()
    # The least pause after a training that people asked for; the back-off ends later.
    cluster.now = changed_at + 600
    cluster.put(
        "AnomalyService",
        "checkout",
        annotations={"anomaly-operator.dev/train-requested-at": "now"},
    )
    cluster.settle()
    assert cluster.status()["training"]["trigger"] == "Requested"
    assert len(cluster.jobs()) == 3


@pytest.mark.parametrize(
    "change",
    [
        {"training": {"schedule": "0 3 * * *"}},
        {"incidents": {"retention": "60d", "learnAfter": "5d"}},
        {"sloPolicyRef": {"name": "web"}},
        {"inference": {"interval": "5m"}},
        {"dependsOn": [{"name": "payments"}]},
    ],
)
def test_a_change_that_no_model_depends_on_trains_nothing(change: dict[str, object]) -> None:
    cluster = serving(Cluster())
    cluster.service(**change)
    cluster.settle()
    assert len(cluster.jobs()) == 1


def test_another_category_trains_nothing_while_the_detector_stays_as_it_is() -> None:
    cluster = serving(Cluster(), category="Micro")
    cluster.service(category="Background")
    cluster.settle()
    assert len(cluster.jobs()) == 1


def test_other_periods_train_nothing_and_reach_the_scoring_pods_at_once() -> None:
    cluster = serving(Cluster())
    before = cluster.of_kind("CronJob")[0]["metadata"]["annotations"]
    days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    always = {"name": "always", "days": days, "start": "00:00", "end": "00:00"}
    cluster.service(periods=[{**always, "confidence": "90%"}])
    cluster.settle()
    assert len(cluster.jobs()) == 1
    assert cluster.of_kind("CronJob")[0]["metadata"]["annotations"] != before


def test_a_model_known_by_the_wider_hash_is_not_trained_anew() -> None:
    """Statuses from before the hash left category and periods out."""
    cluster = serving(Cluster(), category="Core")
    narrow = cluster.status()["training"]["inputs"]
    cached = cluster.cache.service("shop", "checkout")
    assert cached is not None
    assert cached.spec is not None
    wide = wider_inputs(resolve(cached.meta, cached.spec, cluster.settings, cluster.now))
    raw = cluster.get("AnomalyService", "checkout")
    text = json.dumps(raw["status"])
    assert text.count(narrow) == 3, "of the newest training, its revision, and the one that serves"
    cluster.put("AnomalyService", "checkout", status=json.loads(text.replace(narrow, wide)))
    assert cluster.settle() == 1
    assert len(cluster.jobs()) == 1
    assert cluster.status() == json.loads(text)


def test_while_a_changed_spec_trains_the_old_model_serves_with_the_old_config() -> None:
    cluster = serving(Cluster())
    before = cluster.of_kind("CronJob")[0]["metadata"]["annotations"]
    cluster.now += 60
    cluster.service(step="5m")
    cluster.settle()
    assert len(cluster.jobs()) == 2
    assert cluster.of_kind("CronJob")[0]["metadata"]["annotations"] == before
    cluster.now += 60
    cluster.end_training(trained(cluster, 2))
    cluster.settle()
    assert cluster.of_kind("CronJob")[0]["metadata"]["annotations"] != before
    assert cluster.status()["model"]["revision"] == trained(cluster, 2).revision


def test_a_spec_changed_during_a_training_trains_once_more_after_it() -> None:
    cluster = Cluster()
    cluster.service()
    cluster.settle()
    cluster.now += 10
    cluster.service(step="5m")
    cluster.settle()
    assert len(cluster.jobs()) == 1
    cluster.now += 10
    cluster.end_training(trained(cluster))
    cluster.settle()
    assert len(cluster.jobs()) == 2
    assert cluster.status()["training"]["trigger"] == "SpecChange"


def test_the_schedule_trains_at_the_time_that_the_status_says() -> None:
    cluster = serving(Cluster(), timeZone="Europe/Zagreb")
    due = cluster.status()["nextTrainingTime"]
    local = datetime.fromisoformat(due)
    assert 1 <= local.hour < 3, "between 02:00 and 04:00 in Zagreb is between 01:00 and 03:00 UTC"
    cluster.now = unix_seconds(due) - 1
    cluster.settle()
    assert len(cluster.jobs()) == 1
    cluster.now += 1
    cluster.settle()
    assert cluster.status()["training"]["trigger"] == "Schedule"
    assert len(cluster.jobs()) == 2


def test_the_cap_makes_a_service_wait_in_the_line() -> None:
    cluster = Cluster(queue=QueuePlace(running=9, ahead=1))
    cluster.service()
    cluster.settle()
    assert cluster.jobs() == []
    assert cluster.condition("ModelReady")["reason"] == "TrainingQueued"
    assert cluster.plan().waits_for_training
    cluster.queue = QueuePlace(running=9)
    cluster.settle()
    assert len(cluster.jobs()) == 1


def test_a_deleted_training_job_is_made_again_under_its_name() -> None:
    cluster = Cluster()
    cluster.service()
    cluster.settle()
    job = cluster.jobs()[0]["metadata"]["name"]
    cluster.remove("Job", job)
    cluster.now += 5
    cluster.settle()
    assert cluster.jobs()[0]["metadata"]["name"] == job


def test_a_job_that_succeeded_without_a_word_counts_as_failed() -> None:
    cluster = Cluster()
    cluster.service()
    cluster.settle()
    cluster.now += 5
    cluster.end_training(None)
    cluster.settle()
    assert cluster.condition("ModelReady")["reason"] == "ReportMissing"


def test_a_job_that_does_not_get_going_is_looked_into_after_a_minute() -> None:
    cluster = Cluster()
    cluster.service()
    cluster.settle()
    waiting = {"reason": "ImagePullBackOff", "message": "no such image"}
    cluster.pod_of(cluster.jobs()[0], waiting=waiting)
    cluster.now += 59
    assert cluster.settle() == 0
    cluster.now += 1
    cluster.settle()
    assert cluster.condition("Ready")["reason"] == "ImageUnavailable"
    assert "no such image" in cluster.condition("Stalled")["message"]


@pytest.mark.parametrize("with_pod", [True, False])
def test_a_pod_that_cannot_be_placed_lets_the_slot_go_after_two_minutes(with_pod: bool) -> None:
    cluster = Cluster()
    cluster.service()
    cluster.settle()
    if with_pod:
        waiting = {"reason": "ErrImagePull", "message": "no such image"}
        cluster.pod_of(cluster.jobs()[0], waiting=waiting)
    cluster.now += 60
    cluster.settle()
    assert not cluster.plan().unplaced
    assert cluster.requeue_after == 60
    cluster.now += 60
    cluster.settle()
    reason = "ImageUnavailable" if with_pod else "PodRefused"
    cluster.restart()
    assert cluster.plan().unplaced
    stalled = cluster.condition("Stalled")
    assert (stalled["status"], stalled["reason"]) == ("True", reason)
    assert "the Job holds no training slot" in stalled["message"]
    job = cluster.jobs()[0]
    cluster.put("Job", job["metadata"]["name"], status={"ready": 1, "active": 1})
    cluster.settle()
    assert not cluster.plan().unplaced
    assert cluster.condition("Stalled")["status"] == "False"


def test_while_a_model_serves_a_training_that_does_not_start_is_told_too() -> None:
    cluster = serving(Cluster())
    cluster.now = unix_seconds(cluster.status()["nextTrainingTime"])
    cluster.detect(scoredThrough=to_text(cluster.now - 60))
    cluster.settle()
    cluster.now += 120
    cluster.settle()
    model = cluster.condition("ModelReady")
    assert (model["status"], model["reason"]) == ("True", "PodRefused")
    assert "The next training does not start: " in model["message"]
    assert cluster.plan().unplaced


def test_a_suspended_training_job_is_told_as_such() -> None:
    cluster = Cluster()
    cluster.service()
    cluster.settle()
    job = cluster.jobs()[0]
    cluster.put("Job", job["metadata"]["name"], spec={**job["spec"], "suspend": True})
    cluster.now += 60
    cluster.settle()
    assert "is suspended by `spec.suspend`" in cluster.condition("ModelReady")["message"]


def test_a_failed_candidate_leaves_the_old_model_serving_and_says_why() -> None:
    cluster = serving(Cluster())
    cluster.now = unix_seconds(cluster.status()["nextTrainingTime"])
    cluster.detect(scoredThrough=to_text(cluster.now - 60))
    cluster.settle()
    cluster.now += 30
    report = reported(RunOutcome.REJECTED, "found 0.61 of the injected faults, wants 0.80")
    cluster.end_training(report, succeeded=False)
    cluster.settle()
    assert cluster.status()["model"]["revision"] == trained(cluster).revision
    model = cluster.condition("ModelReady")
    assert (model["status"], model["reason"]) == ("True", "ValidationFailed")
    assert "0.61" in model["message"]
    assert cluster.condition("Ready")["status"] == "True"


def test_a_lost_model_is_trained_anew() -> None:
    cluster = serving(Cluster())
    cluster.now += 60
    cluster.detect(
        run={"outcome": "ModelMissing", "message": "no such revision"},
        scoredThrough=to_text(cluster.now - 60),
    )
    cluster.settle()
    assert cluster.condition("ModelReady")["reason"] == "ModelMissing"
    assert cluster.status()["training"]["trigger"] == "ModelLost"


def test_a_model_that_is_lost_again_and_again_is_not_trained_again_and_again() -> None:
    cluster = serving(Cluster())
    for number in range(2, 8):
        cluster.now += 60
        cluster.detect(
            run={"outcome": "ModelRefused", "message": "of another format"},
            scoredThrough=to_text(cluster.now - 60),
        )
        cluster.settle()
        if "status" not in cluster.jobs()[-1]:
            cluster.now += 30
            cluster.end_training(trained(cluster, number))
            cluster.settle()
    assert len(cluster.jobs()) == 2
    cluster.now += 6 * 3600
    cluster.settle()
    assert len(cluster.jobs()) == 3


def test_suspend_stops_training_and_inference_and_resume_goes_on() -> None:
    cluster = serving(Cluster())
    cluster.now += 60
    cluster.service(suspend=True)
    cluster.settle()
    assert cluster.status()["state"] == "Suspended"
    assert cluster.condition("Ready")["status"] == "True"
    assert cluster.of_kind("CronJob")[0]["spec"]["suspend"] is True
    cluster.now += 30 * 86_400
    assert cluster.settle() == 0
    cluster.service(suspend=False)
    cluster.settle()
    assert cluster.of_kind("CronJob")[0]["spec"]["suspend"] is False
    assert cluster.condition("Detecting")["reason"] == "WaitingForFirstRun"
    assert len(cluster.jobs()) == 2, "the schedule was due meanwhile"


def test_a_jobs_name_follows_from_the_decision_as_in_the_first_release() -> None:
    """An upgrade between the decision and its Job must not start a second training."""
    cluster = Cluster()
    cluster.service()
    cluster.settle()
    first = cluster.status()["training"]
    cluster.now += 60
    cluster.end_training(reported(RunOutcome.NO_DATA))
    cluster.settle()
    cluster.now = unix_seconds(cluster.status()["training"]["nextAttempt"])
    cluster.settle()
    second = cluster.status()["training"]
    assert first["job"] == job_name(cluster, "FirstModel", first["inputs"], "", "0")
    through = second["handledThrough"]
    assert through.endswith("Z")
    assert second["job"] == job_name(cluster, "Retry", second["inputs"], through, "1")


def job_name(cluster: Cluster, trigger: str, inputs: str, through: str, attempts: str) -> str:
    uid = cluster.of_kind("AnomalyService")[0]["metadata"]["uid"]
    attempt = digest(trigger, inputs, through, attempts, "")[:16]
    return f"checkout-train-{digest(uid, attempt)[:10]}"


def digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
