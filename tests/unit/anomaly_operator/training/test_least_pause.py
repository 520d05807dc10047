"""Trainings that people ask for, by annotation or by a changed spec, keep a least pause."""

from __future__ import annotations

from anomaly_operator.api.text import to_text, unix_seconds
from anomaly_operator.training.book import TrainingBook
from detector_runtime.contract.train_report import TrainReport
from detector_runtime.contract.vocabulary import RunOutcome
from pretend.cluster import Cluster, serving, trained

PAUSE = 600


def ask(cluster: Cluster, value: str) -> None:
    annotations = {"anomaly-operator.dev/train-requested-at": value}
    cluster.put("AnomalyService", "checkout", annotations=annotations)
    cluster.settle()


def finish(cluster: Cluster, number: int) -> None:
    cluster.now += 30
    cluster.end_training(trained(cluster, number))
    cluster.settle()


def asked_once(cluster: Cluster) -> int:
    """A first request is trained at once; the time at which it was."""
    cluster.now += 60
    ask(cluster, "1")
    assert len(cluster.jobs()) == 2
    at = cluster.now
    finish(cluster, 2)
    return at


def test_a_second_request_waits_for_the_pause_and_the_newest_one_is_answered() -> None:
    cluster = serving(Cluster())
    at = asked_once(cluster)
    for value in ("2", "3", "4"):
        cluster.now += 10
        ask(cluster, value)
    assert len(cluster.jobs()) == 2
    model = cluster.condition("ModelReady")
    assert (model["status"], model["reason"]) == ("True", "TrainingDeferred")
    assert to_text(at + PAUSE) in model["message"]
    assert "training.minPause" in model["message"]
    assert (cluster.requeue_after or 0) <= at + PAUSE - cluster.now
    cluster.restart()
    assert cluster.settle() == 0
    cluster.now = at + PAUSE - 1
    cluster.settle()
    assert len(cluster.jobs()) == 2
    cluster.now += 1
    cluster.settle()
    assert len(cluster.jobs()) == 3
    assert cluster.status()["lastHandledTrainRequest"] == "4"
    finish(cluster, 3)
    assert len(cluster.jobs()) == 3
    assert cluster.condition("ModelReady")["reason"] == "Serving"


def test_a_second_change_of_the_spec_waits_and_one_that_is_taken_back_trains_nothing() -> None:
    cluster = serving(Cluster())
    cluster.now += 60
    cluster.service(step="5m")
    cluster.settle()
    at = cluster.now
    finish(cluster, 2)
    assert cluster.status()["training"]["trigger"] == "SpecChange"
    cluster.service(step="2m")
    cluster.settle()
    assert len(cluster.jobs()) == 2
    assert cluster.condition("ModelReady")["reason"] == "TrainingDeferred"
    cluster.service(step="5m")
    cluster.settle()
    assert cluster.condition("ModelReady")["reason"] == "Serving"
    cluster.now = at + PAUSE
    cluster.settle()
    assert len(cluster.jobs()) == 2


def test_a_request_that_waits_is_answered_by_a_training_that_comes_sooner() -> None:
    cluster = serving(Cluster())
    cluster.now = unix_seconds(cluster.status()["nextTrainingTime"]) - 120
    ask(cluster, "1")
    finish(cluster, 2)
    ask(cluster, "2")
    assert len(cluster.jobs()) == 2
    cluster.detect(
        run={"outcome": "ModelMissing", "message": "no such revision"},
        scoredThrough=to_text(cluster.now - 60),
    )
    cluster.settle()
    assert len(cluster.jobs()) == 3
    assert cluster.status()["training"]["trigger"] == "ModelLost"
    assert cluster.status()["lastHandledTrainRequest"] == "2"
    finish(cluster, 3)
    assert len(cluster.jobs()) == 3


def test_without_a_model_the_message_says_when_the_changed_spec_is_tried() -> None:
    cluster = Cluster()
    cluster.service()
    for step in ("1m", "5m"):
        cluster.service(step=step)
        cluster.settle()
        at = cluster.now
        cluster.now += 30
        report = TrainReport(RunOutcome.INVALID_QUERY, "no such metric")
        cluster.end_training(report, succeeded=False)
        cluster.settle()
    cluster.service(step="2m")
    cluster.settle()
    message = cluster.condition("ModelReady")["message"]
    assert message.startswith("No such metric. ")
    assert f"starts at {to_text(at + PAUSE)}" in message
    cluster.now = at + PAUSE
    cluster.settle()
    assert len(cluster.jobs()) == 3


def test_a_clock_that_went_back_defers_nothing_for_long() -> None:
    cluster = serving(Cluster())
    asked_once(cluster)
    cluster.now -= 86_400
    ask(cluster, "2")
    assert len(cluster.jobs()) == 3


def test_the_pause_survives_an_operator_that_ended_before_it_noted_the_job() -> None:
    cluster = serving(Cluster())
    cluster.now += 60
    before = cluster.status()
    ask(cluster, "1")
    at = cluster.now
    raw = cluster.get("AnomalyService", "checkout")
    cluster.put(
        "AnomalyService", "checkout", status={**before, "detection": raw["status"]["detection"]}
    )
    cluster.settle()
    finish(cluster, 2)
    ask(cluster, "2")
    assert len(cluster.jobs()) == 2
    assert to_text(at + PAUSE) in cluster.condition("ModelReady")["message"]


def test_a_book_of_an_earlier_release_defers_nothing() -> None:
    assert TrainingBook().asked_at is None
