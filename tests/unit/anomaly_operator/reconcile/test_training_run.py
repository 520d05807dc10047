"""A training run's incident from the detection to its object, its message and its reaction."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from anomaly_operator.api.text import to_text
from anomaly_operator.settings.suspend import SuspendSettings
from anomaly_operator.world.refusal import Withheld, refusal
from tests.pretend.cluster import SETTINGS, Cluster, Killed

Json = dict[str, Any]
STEP = 60
SUSPEND_ON = "anomaly-operator.dev/suspend-on"
SUSPENDED_FOR = "anomaly-operator.dev/suspended-for"
ALLOWED = SuspendSettings(enabled=True, namespaces=("shop",), account="operator-suspender")
RUN = {
    "log": {"claim": "llama-run", "path": "logs/train.jsonl"},
    "trainer": {"kind": "Job", "name": "llama"},
    "suspendOn": "Critical",
}
NAN = {
    "step": 1302,
    "name": "loss_nan",
    "tier": "Critical",
    "action": "Stop",
    "message": "The loss is no number.",
}
SPIKE = {"step": 1302, "name": "loss_spike_45.2pct", "tier": "Warning", "action": "Investigate"}


def following(
    settings: SuspendSettings = ALLOWED,
    annotations: Json | None = None,
    spec: Json | None = None,
    **run: Any,
) -> Cluster:
    cluster = Cluster(settings=replace(SETTINGS, suspend=settings))
    marks = {SUSPEND_ON: "Critical"} if annotations is None else annotations
    cluster.put("Job", "llama", annotations=marks, spec={"suspend": False}, status={})
    cluster.service(profile="TrainingRun", trainingRun={**RUN, **run}, **(spec or {}))
    cluster.settle()
    return cluster


def windows(
    cluster: Cluster,
    trigger: Json,
    count: int = 1,
    checkpoint: bool = True,
    verdict: str = "Anomalous",
) -> None:
    begin = cluster.now // STEP * STEP
    ends = [begin + STEP * number for number in range(1, count + 1)]
    cluster.now = ends[-1] + 40
    critical = trigger["tier"] == "Critical"
    kind, severity = trigger["name"].split("_4")[0], "Critical" if critical else "Medium"
    lines = [
        {
            "end": to_text(end),
            "verdict": verdict,
            "severity": severity,
            "patterns": [kind],
            "triggers": [f"{trigger['name']}@{trigger['step']}"],
        }
        for end in ends
    ]
    run: Json = {
        "firstStep": trigger["step"] - 20,
        "lastStep": trigger["step"],
        "triggers": [trigger],
        "lossHistory": ["0.7", "0.71"],
        "bestStep": 1180,
        "bestLoss": "0.69",
    }
    if checkpoint:
        run["checkpoint"] = {"step": 1000, "path": "checkpoints/checkpoint-1000"}
    report = {
        "end": to_text(ends[-1]),
        "verdict": verdict,
        "period": "",
        "severity": severity,
        "confidence": "",
        "score": "",
        "probability": "",
        "trainingRun": run,
    }
    quiet = verdict == "Normal"
    cluster.detect(
        stepSeconds=STEP,
        scoredFrom=to_text(begin),
        scoredThrough=to_text(ends[-1]),
        windows=[] if quiet else lines,
        **({} if quiet else {"report": report, "anomaly": report}),
    )
    cluster.settle()


def anomaly(cluster: Cluster) -> Json:
    found: Json = cluster.of_kind("Anomaly")[-1]
    return found


def status(cluster: Cluster) -> Json:
    found: Json = anomaly(cluster)["status"]
    return found


def reasons(cluster: Cluster, prefix: str = "Trainer") -> list[str]:
    return [one.reason for one in cluster.events if one.reason.startswith(prefix)]


def condition(cluster: Cluster, kind: str) -> Json:
    return next(one for one in status(cluster)["conditions"] if one["type"] == kind)


def test_one_window_opens_an_incident_that_tells_of_its_run() -> None:
    cluster = following()
    windows(cluster, SPIKE)
    found = status(cluster)
    assert (found["state"], found["pattern"]) == ("Open", "loss_spike")
    run = found["trainingRun"]
    assert (run["firstStep"], run["lastStep"]) == (1282, 1302)
    assert run["triggers"] == [SPIKE]
    assert found["explanation"]["recommendedActions"] == [
        "Investigate step 1302 before the run goes much further."
    ]
    assert found["priority"]["nextStep"] == found["explanation"]["recommendedActions"][0]
    assert condition(cluster, "ExcludedFromTraining")["reason"] == "NotTrained"
    assert "reaction" not in found


def test_a_run_has_no_rollouts_to_look_for() -> None:
    cluster = following()
    windows(cluster, SPIKE)
    assert "changeLookup" not in status(cluster)
    named = following(spec={"workloadRef": {"kind": "Deployment", "name": "feeder"}})
    windows(named, SPIKE)
    assert "feeder" in status(named)["changeLookup"]["message"]


def test_a_stall_without_a_row_is_no_matter_of_training_either() -> None:
    cluster = following()
    end = cluster.now // STEP * STEP
    cluster.now = end + 40
    line = {
        "end": to_text(end),
        "verdict": "Anomalous",
        "severity": "Medium",
        "patterns": ["run_stalled"],
    }
    cluster.detect(stepSeconds=STEP, scoredThrough=to_text(end), windows=[line])
    cluster.settle()
    assert status(cluster)["pattern"] == "run_stalled"
    assert "trainingRun" not in status(cluster)
    assert condition(cluster, "ExcludedFromTraining")["reason"] == "NotTrained"
    assert status(cluster)["priority"]["nextStep"] == (
        "Read the log of the run around the steps of the incident."
    )


def test_nothing_is_written_when_nothing_has_changed() -> None:
    cluster = following()
    windows(cluster, SPIKE)
    before = cluster.writes
    for _ in range(5):  # within the minute, before the next run is due
        cluster.now += 3
        cluster.restart()
        cluster.settle()
    assert cluster.writes == before


def test_the_run_stays_on_the_object_when_the_document_forgets_it() -> None:
    cluster = following()
    windows(cluster, SPIKE)
    run = status(cluster)["trainingRun"]
    windows(cluster, SPIKE, 3, verdict="Normal")
    found = status(cluster)
    assert (found["state"], found["resolution"]["reason"]) == ("Closed", "Resolved")
    assert found["trainingRun"] == run


def test_a_run_that_has_failed_ends_its_incident_after_the_separation() -> None:
    cluster = following(suspendOn="Never")
    windows(cluster, NAN)
    ended = cluster.now
    cluster.report_run(state="Failed", since=to_text(ended))
    cluster.settle()
    assert status(cluster)["state"] == "Open"
    assert cluster.requeue_after is not None
    assert cluster.requeue_after <= 1801
    cluster.now = ended + 1800
    cluster.settle()
    found = status(cluster)
    assert (found["state"], found["resolution"]["reason"]) == ("Closed", "RunEnded")
    assert found["closedAt"] == to_text(ended)
    assert cluster.settle() == 0


def test_history_opens_and_closes_its_incident_at_once() -> None:
    cluster = following(suspendOn="Never")
    cluster.report_run(state="Ended", since=to_text(cluster.now - 86_400))
    cluster.now -= 2 * 86_400
    begin = cluster.now
    windows(cluster, NAN)
    assert cluster.now > begin
    cluster.now = begin + 2 * 86_400
    cluster.settle()
    assert status(cluster)["state"] == "Closed"


def test_the_workload_is_suspended_once() -> None:
    cluster = following()
    windows(cluster, NAN)
    job = cluster.get("Job", "llama")
    assert job["spec"]["suspend"] is True
    name = anomaly(cluster)["metadata"]["name"]
    assert job["metadata"]["annotations"][SUSPENDED_FOR] == name
    reaction = status(cluster)["reaction"]
    assert reaction == {
        "workload": "Job llama",
        "at": to_text(cluster.now),
        "outcome": "Suspended",
    }
    assert reasons(cluster) == ["TrainerSuspended", "TrainerSuspended"]
    told = [one.regarding.kind for one in cluster.events if one.reason == "TrainerSuspended"]
    assert told == ["AnomalyService", "Job"]
    assert "Reacted" in [one["what"] for one in status(cluster)["history"]]
    cluster.put("Job", "llama", spec={"suspend": False})  # a person lets it go on
    windows(cluster, {**NAN, "step": 1400})
    windows(cluster, NAN, 3, verdict="Normal")
    windows(cluster, {**NAN, "step": 1900})
    assert status(cluster)["reopened"] == 1
    assert cluster.suspensions == 1
    assert cluster.get("Job", "llama")["spec"]["suspend"] is False


@pytest.mark.parametrize(
    ("given", "checkpoint", "message"),
    [
        ({"settings": SuspendSettings()}, True, "has not enabled trainingRuns.suspend"),
        ({"settings": replace(ALLOWED, namespaces=("ml",))}, True, "is not listed in"),
        ({"annotations": {}}, True, "has no annotation"),
        ({"annotations": {SUSPEND_ON: "Warning"}}, True, "has no annotation"),
        ({}, False, "No checkpoint is known"),
    ],
)
def test_where_one_of_the_four_is_missing_nothing_is_touched(
    given: Json, checkpoint: bool, message: str
) -> None:
    cluster = following(**given)
    windows(cluster, NAN, checkpoint=checkpoint)
    found = status(cluster)["reaction"]
    assert found["outcome"] == "Refused"
    assert message in found["message"]
    assert reasons(cluster) == ["TrainerNotSuspended"]
    assert cluster.suspensions == 0
    assert cluster.settle() == 0


@pytest.mark.parametrize(("trigger", "wish"), [(SPIKE, "Critical"), (NAN, "Never")])
def test_without_a_critical_trigger_or_the_services_wish_nothing_is_said(
    trigger: Json, wish: str
) -> None:
    cluster = following(suspendOn=wish)
    windows(cluster, trigger)
    assert "reaction" not in status(cluster)
    assert cluster.suspensions == 0


def test_a_refused_patch_is_recorded_and_given_up() -> None:
    cluster = following()
    cluster.withheld = Withheld((refusal("Job", "llama", 403, "policy says no"),))
    windows(cluster, NAN)
    assert status(cluster)["reaction"]["outcome"] == "Requested"
    assert cluster.suspensions == 0
    cluster.now += 601
    cluster.settle()
    found = status(cluster)["reaction"]
    assert found["outcome"] == "Failed"
    assert found["message"] == "It was not suspended within 10m. policy says no"
    cluster.withheld = Withheld()
    cluster.settle()
    assert cluster.suspensions == 0


def test_a_kill_before_each_write_suspends_once() -> None:
    for count in range(1, 40):
        cluster = following()
        cluster.kill_after = cluster.writes + count
        try:
            windows(cluster, NAN)
        except Killed:
            cluster.restart()
            cluster.settle()
            assert cluster.suspensions == 1
            assert status(cluster)["reaction"]["outcome"] == "Suspended"
        else:
            assert count > 4
            return
    raise AssertionError("no end of writes")


def test_an_object_that_is_made_again_does_not_suspend_twice() -> None:
    cluster = following()
    windows(cluster, NAN)
    cluster.put("Job", "llama", spec={"suspend": False})
    cluster.remove("Anomaly", anomaly(cluster)["metadata"]["name"])
    cluster.settle()
    assert status(cluster)["reaction"]["outcome"] == "Suspended"
    assert cluster.suspensions == 1


def test_dependencies_and_a_policy_stand_in_the_way_of_nothing() -> None:
    """It has no metric: nothing of it is held against an objective."""
    cluster = following(spec={"dependsOn": [{"name": "storage"}]})
    cluster.put("AnomalyService", "checkout", labels={"team": "ml"})
    cluster.service("storage")
    cluster.put(
        "SLOPolicy",
        "web",
        spec={
            "serviceSelector": {"matchLabels": {"team": "ml"}},
            "thresholds": {"errorRate": {"acceptable": "0.5%", "warning": "1%", "critical": "2%"}},
            "objectives": [{"name": "availability", "target": "99.9%", "metric": "error_rate"}],
        },
    )
    cluster.settle()
    windows(cluster, NAN)
    found = status(cluster)
    assert cluster.condition("DependenciesResolved")["status"] == "True"
    assert "symptomOf" not in found
    assert found["slo"]["status"] == "Unknown"
    assert found["priority"]["nextStep"] == (
        "Stop the run: what it learns after step 1302 cannot be used."
    )
    assert found["reaction"]["outcome"] == "Suspended"
