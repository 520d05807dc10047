"""Feedback on an incident, a level that stays, and what a status says of them."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest

from anomaly_operator.api.text import to_text, unix_seconds
from tests.pretend.cluster import Cluster, Killed, serving, trained

STEP = 120
HIT = {"verdict": "Anomalous", "score": "9", "patterns": ["metric_memory"]}
Json = dict[str, Any]


def windows(cluster: Cluster, count: int, severity: str = "High", **more: Any) -> None:
    """`count` consecutive windows; "None" is a Normal one."""
    begin = cluster.now // STEP * STEP
    ends = [begin + STEP * number for number in range(1, count + 1)]
    cluster.now = ends[-1] + 40
    found = [{"end": to_text(end), "severity": severity, **HIT, **more} for end in ends]
    cluster.detect(
        scoredFrom=to_text(begin),
        scoredThrough=to_text(ends[-1]),
        windows=[] if severity == "None" else found,
    )
    cluster.settle()


def drifting(cluster: Cluster, count: int) -> None:
    """`count` Normal windows, the newest with a drift that costs confidence."""
    begin = cluster.now // STEP * STEP
    end = begin + STEP * count
    cluster.now = end + 40
    report = {
        "end": to_text(end),
        "verdict": "Normal",
        "period": "day",
        "severity": "None",
        "confidence": "60%",
        "score": "0.1",
        "probability": "0.9",
        "drift": {"score": "6", "penalty": "30%", "metrics": ["latency"]},
    }
    cluster.detect(scoredFrom=to_text(begin), scoredThrough=to_text(end), report=report)
    cluster.settle()


def lasting(cluster: Cluster, hours: int) -> None:
    for _ in range(hours):
        windows(cluster, 30)


def say(cluster: Cluster, verdict: str, **more: str) -> None:
    raw = cluster.of_kind("Anomaly")[-1]
    spec = {**raw["spec"], "feedback": {"verdict": verdict, "by": "maria", **more}}
    cluster.put("Anomaly", raw["metadata"]["name"], spec=spec)


def opened() -> Cluster:
    cluster = serving(Cluster())
    windows(cluster, 3)
    return cluster


def anomaly(cluster: Cluster) -> Json:
    status: Json = cluster.of_kind("Anomaly")[-1]["status"]
    return status


def condition(cluster: Cluster, kind: str) -> Json:
    return next(one for one in anomaly(cluster)["conditions"] if one["type"] == kind)


def excluded(cluster: Cluster) -> list[Json]:
    """What the newest training leaves out because of incidents."""
    volumes = cluster.jobs()[-1]["spec"]["template"]["spec"]["volumes"]
    config = json.loads(
        cluster.get("ConfigMap", volumes[0]["configMap"]["name"])["data"]["run.json"]
    )
    spans: list[Json] = config["training"]["incidents"]
    return spans


def train(cluster: Cluster, number: int) -> None:
    annotations = {"anomaly-operator.dev/train-requested-at": str(number)}
    cluster.put("AnomalyService", "checkout", annotations=annotations)
    cluster.settle()


def finish(cluster: Cluster, number: int) -> None:
    """End the running training and the one that its end starts."""
    while "status" not in cluster.jobs()[-1]:
        cluster.now += 60
        cluster.end_training(trained(cluster, number))
        cluster.settle()
        number += 1


def test_expected_closes_the_incident_keeps_its_windows_and_trains_once() -> None:
    cluster = opened()
    say(cluster, "Expected")
    cluster.settle()
    assert (anomaly(cluster)["state"], anomaly(cluster)["resolution"]["reason"]) == (
        "Closed",
        "Expected",
    )
    assert cluster.status()["training"]["trigger"] == "Feedback"
    assert len(cluster.jobs()) == 2
    assert excluded(cluster) == []
    status = cluster.status()
    assert status["state"] == "Healthy"
    assert "metric_memory up to High" in status["summary"]
    assert [one["pattern"] for one in status["expected"]] == ["metric_memory"]
    told = condition(cluster, "ExcludedFromTraining")
    assert (told["status"], told["reason"]) == ("False", "Expected")
    assert status["expected"][0]["until"] in told["message"]
    cluster.now += 60
    cluster.end_training(trained(cluster, 2))
    cluster.settle()
    assert cluster.status()["model"]["revision"] == trained(cluster, 2).revision
    windows(cluster, 3)
    assert len(cluster.jobs()) == 2
    assert len(cluster.of_kind("Anomaly")) == 1


def test_what_was_expected_outlives_its_object() -> None:
    cluster = opened()
    say(cluster, "Expected", until=to_text(cluster.now + 7 * 86_400))
    cluster.settle()
    cluster.remove("Anomaly", cluster.of_kind("Anomaly")[-1]["metadata"]["name"])
    cluster.now += 2 * 86_400
    windows(cluster, 3)
    assert cluster.status()["incidents"]["open"] == 0
    windows(cluster, 3, "Critical")
    assert cluster.status()["severity"] == "Critical"


def test_feedback_on_a_closed_incident_outlives_its_object() -> None:
    cluster = opened()
    windows(cluster, 3, "None")
    closed = anomaly(cluster)
    assert (closed["state"], closed["resolution"]["reason"]) == ("Closed", "Resolved")
    cluster.now += 20 * 86_400
    windows(cluster, 1, "None")
    say(cluster, "FalsePositive", until=to_text(cluster.now + 7 * 86_400))
    cluster.settle()
    assert anomaly(cluster)["resolution"]["reason"] == "Resolved"
    assert [one["what"] for one in anomaly(cluster)["history"][-2:]] == ["Feedback", "Suppressed"]
    cluster.remove("Anomaly", cluster.of_kind("Anomaly")[-1]["metadata"]["name"])
    cluster.now += 2 * 86_400
    windows(cluster, 3)
    assert cluster.status()["incidents"]["open"] == 0
    assert [one["pattern"] for one in cluster.status()["expected"]] == ["metric_memory"]
    cluster.now += 6 * 86_400
    windows(cluster, 3)
    assert cluster.status()["incidents"]["open"] == 1


@pytest.mark.parametrize("killed_after", range(4))
def test_an_object_made_again_withdraws_no_verdict(killed_after: int) -> None:
    cluster = opened()
    say(cluster, "Expected")
    cluster.settle()
    rules = cluster.status()["expected"]
    cluster.remove("Anomaly", cluster.of_kind("Anomaly")[-1]["metadata"]["name"])
    cluster.kill_after = cluster.writes + killed_after
    with contextlib.suppress(Killed):
        cluster.settle()
    cluster.restart()
    cluster.now += 1
    cluster.settle()
    assert cluster.of_kind("Anomaly")[-1]["status"]["state"] == "Closed"
    assert cluster.status()["expected"] == rules


def expect(cluster: Cluster, **entry: str) -> None:
    spec = cluster.get("AnomalyService", "checkout")["spec"]
    cluster.put("AnomalyService", "checkout", spec={**spec, "expected": [entry]})
    cluster.settle()


def test_what_the_spec_expects_opens_nothing_is_said_and_ends_by_itself() -> None:
    cluster = serving(Cluster())
    until, jobs = cluster.now + 3600, len(cluster.jobs())
    expect(cluster, pattern="metric_memory", reason="a migration", until=to_text(until))
    windows(cluster, 3, "Medium")
    assert cluster.of_kind("Anomaly") == []
    status = cluster.status()
    assert status["state"] == "Healthy"
    said = f"Expected by `spec.expected`: metric_memory up to Medium until {to_text(until)}."
    assert said in status["summary"]
    assert len(status["detection"]["windows"]) == 3
    assert len(cluster.jobs()) == jobs, "what is expected trains nothing anew"
    cluster.now = until + 1
    cluster.settle()
    assert "Expected" not in cluster.status()["summary"]
    windows(cluster, 3, "Medium")
    assert len(cluster.of_kind("Anomaly")) == 1


def test_the_spec_hides_neither_a_higher_severity_nor_a_breach() -> None:
    for worse in ({"severity": "High"}, {"severity": "Medium", "sloStatus": "Breached"}):
        cluster = serving(Cluster())
        expect(cluster, pattern="metric_memory", reason="x", until=to_text(cluster.now + 3600))
        windows(cluster, 3, **worse)
        assert len(cluster.of_kind("Anomaly")) == 1


def test_a_rule_that_has_ended_leaves_the_summary_by_itself() -> None:
    cluster = opened()
    say(cluster, "Expected")
    cluster.settle()
    cluster.now += 60
    cluster.end_training(trained(cluster, 2))
    cluster.settle()
    until = unix_seconds(cluster.status()["expected"][0]["until"])
    cluster.now = until - 3600
    windows(cluster, 1, "None")
    cluster.now = until + 1
    cluster.settle()
    assert "Expected" not in cluster.status()["summary"]
    cluster.now = until + 64 * STEP + 1
    cluster.settle()
    assert "expected" not in cluster.status()


def test_an_acknowledgement_after_it_does_not_begin_the_day_anew() -> None:
    cluster = opened()
    say(cluster, "Expected")
    cluster.settle()
    before = cluster.status()["expected"]
    cluster.now += 3600
    raw = cluster.of_kind("Anomaly")[-1]
    spec = {**raw["spec"], "acknowledgement": {"by": "ana"}}
    cluster.put("Anomaly", raw["metadata"]["name"], spec=spec)
    cluster.settle()
    assert cluster.status()["expected"] == before
    assert len(cluster.jobs()) == 2


@pytest.mark.parametrize("killed_after", range(8))
def test_a_kill_after_any_write_ends_the_same(killed_after: int) -> None:
    cluster = opened()
    say(cluster, "Expected")
    cluster.kill_after = cluster.writes + killed_after
    with contextlib.suppress(Killed):
        cluster.settle()
    cluster.restart()
    cluster.now += 1
    cluster.settle()
    assert len(cluster.jobs()) == 2
    assert anomaly(cluster)["resolution"]["reason"] == "Expected"
    assert len(cluster.status()["expected"]) == 1
    assert (
        cluster.status()["training"]["judgedThrough"] == (cluster.status()["incidents"]["judgedAt"])
    )
    assert cluster.settle() == 0


def test_a_long_incident_is_learned_unless_it_is_a_true_positive() -> None:
    cluster = opened()
    train(cluster, 1)
    assert len(excluded(cluster)) == 1
    said = condition(cluster, "ExcludedFromTraining")["message"]
    begun = unix_seconds(cluster.of_kind("Anomaly")[-1]["spec"]["firstSeen"])
    assert to_text(begun + 3 * 86_400) in said
    assert "kubectl patch anomaly checkout-" in said
    cluster.now += 60
    cluster.end_training(trained(cluster, 2))
    lasting(cluster, 73)
    assert condition(cluster, "ExcludedFromTraining")["reason"] == "Learned"
    finish(cluster, 3)
    train(cluster, 2)
    assert excluded(cluster) == []
    finish(cluster, 5)
    cluster.now += 600  # the least pause between trainings that people ask for
    say(cluster, "TruePositive")
    cluster.settle()
    train(cluster, 3)
    assert len(excluded(cluster)) == 1
    assert anomaly(cluster)["state"] == "Open"


def test_frequent_trainings_do_not_put_promotion_off() -> None:
    cluster = opened()
    serves = cluster.status()["model"]["revision"]
    begun = unix_seconds(cluster.of_kind("Anomaly")[-1]["spec"]["firstSeen"])
    for number in range(2, 9):
        train(cluster, number)
        cluster.now += 60
        cluster.end_training(trained(cluster, number))
        cluster.settle()
        held = cluster.condition("ModelReady")
        assert (held["reason"], cluster.status()["model"]["revision"]) == (
            "AwaitingPromotion",
            serves,
        )
        assert to_text(begun + 86_400) in held["message"]
        lasting(cluster, 3)
    lasting(cluster, 4)
    assert cluster.status()["model"]["revision"] == trained(cluster, 8).revision


def test_a_level_that_stays_is_offered_within_a_day_and_not_before() -> None:
    cluster = opened()
    lasting(cluster, 11)
    assert cluster.condition("BaselineShifted")["status"] == "False"
    lasting(cluster, 2)
    shifted = cluster.condition("BaselineShifted")
    assert (shifted["status"], shifted["reason"]) == ("True", "LastingIncident")
    name = cluster.of_kind("Anomaly")[-1]["metadata"]["name"]
    assert f"kubectl patch anomaly {name} -n shop" in shifted["message"]


def test_a_reopened_incident_tells_the_present_beside_the_worst() -> None:
    cluster = serving(Cluster())
    windows(cluster, 2, "Critical", sloStatus="Breached")
    worst = anomaly(cluster)["worst"]
    windows(cluster, 1, "None")
    assert anomaly(cluster)["current"]["severity"] == "None"
    windows(cluster, 2, "None")
    assert "current" not in anomaly(cluster)
    windows(cluster, 1, "Low", sloStatus="Ok")
    status = anomaly(cluster)
    assert status["state"] == "Open"
    assert (status["current"]["severity"], status["current"]["slo"]) == ("Low", "Ok")
    assert status["current"]["at"] == status["reopenedAt"] == status["lastSeen"]
    assert status["worst"] == worst
    assert status["duration"] == "2m"


def test_the_events_of_an_incident_name_its_object_and_informational_ones_are_normal() -> None:
    cluster = serving(Cluster())
    windows(cluster, 2, "Informational")
    told = [event for event in cluster.events if event.reason == "AnomalyOpened"]
    assert [event.type.value for event in told] == ["Normal"]
    assert told[0].also is not None
    assert told[0].also.name == cluster.of_kind("Anomaly")[0]["metadata"]["name"]


def test_an_incident_that_is_over_is_no_drift_and_what_stays_behind_is() -> None:
    cluster = opened()
    drifting(cluster, 3)
    name = cluster.of_kind("Anomaly")[-1]["metadata"]["name"]
    drifted = cluster.condition("Drifted")
    assert (drifted["status"], drifted["reason"]) == ("Unknown", "NotEvaluated")
    assert f"Anomaly {name} lies in the 6h" in drifted["message"]
    cluster.now += 7 * 3600
    drifting(cluster, 1)
    assert cluster.condition("Drifted")["status"] == "True"


def test_a_shift_that_opened_no_incident_is_offered_with_the_one_command() -> None:
    cluster = serving(Cluster())
    drifting(cluster, 1)
    drifted = cluster.condition("Drifted")
    assert (drifted["status"], drifted["reason"]) == ("True", "DriftDetected")
    command = drifted["message"].partition("`")[2].partition("`")[0]
    assert command.startswith("kubectl annotate asvc checkout -n shop anomaly-operator.dev/train-")
    assert command.endswith("--overwrite")


def test_the_duration_stops_with_the_last_anomalous_window() -> None:
    cluster = opened()
    windows(cluster, 3, "None")
    closed = anomaly(cluster)
    assert (closed["state"], closed["duration"]) == ("Closed", "6m")
    windows(cluster, 30, "None")
    assert anomaly(cluster)["duration"] == "6m"
    assert (
        closed["resolution"].get("context", {}).get("at", closed["closedAt"]) == closed["closedAt"]
    )


def test_the_last_training_time_is_that_of_the_newest_model_though_it_waits() -> None:
    cluster = opened()
    before = cluster.status()["lastTrainingTime"]
    assert before == cluster.status()["model"]["trainedAt"]
    train(cluster, 2)
    cluster.now += 300
    cluster.end_training(trained(cluster, 2))
    cluster.settle()
    assert cluster.condition("ModelReady")["reason"] == "AwaitingPromotion"
    assert cluster.status()["model"]["trainedAt"] == before
    assert cluster.status()["lastTrainingTime"] == to_text(cluster.now)
