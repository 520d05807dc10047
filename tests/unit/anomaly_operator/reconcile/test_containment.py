"""The containment Job: only where policy and admin say so, once, and what became of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from anomaly_operator.api.names import containment_job_name
from anomaly_operator.api.text import to_text
from anomaly_operator.settings.containment import ContainmentSettings, JobTemplate
from anomaly_operator.world.refusal import Withheld, refusal
from tests.pretend.cluster import SETTINGS, Cluster, Killed, serving

STEP = 120
Json = dict[str, Any]
ALLOWED = ContainmentSettings(
    enabled=True,
    namespaces=("shop",),
    tiers=("page",),
    account="containment",
    template=JobTemplate("registry/contain:1", ("contain",), ("--service", "$(ANOMALY_SERVICE)")),
)
PLAYBOOK = {
    "tiers": [{"name": "page", "from": 40, "entry": "Contain"}, {"name": "rest", "from": 0}]
}


def well(settings: ContainmentSettings = ALLOWED, playbook: Json | None = PLAYBOOK) -> Cluster:
    cluster = Cluster(settings=replace(SETTINGS, containment=settings))
    policy = {"playbook": playbook} if playbook else {}
    cluster.put("SLOPolicy", "web", spec=policy)
    return serving(cluster, sloPolicyRef={"name": "web"})


def windows(cluster: Cluster, count: int, severity: str = "High") -> None:
    begin = cluster.now // STEP * STEP
    ends = [begin + STEP * number for number in range(1, count + 1)]
    cluster.now = ends[-1] + 40
    hit = {"verdict": "Anomalous", "score": "9", "confidence": "90%", "patterns": ["cost_$(X)"]}
    found = [{"end": to_text(end), "severity": severity, **hit} for end in ends]
    cluster.detect(
        scoredFrom=to_text(begin),
        scoredThrough=to_text(ends[-1]),
        windows=[] if severity == "None" else found,
    )
    cluster.settle()


def opened(**given: Any) -> Cluster:
    cluster = well(**given)
    windows(cluster, 3)
    return cluster


def status(cluster: Cluster) -> Json:
    found: Json = cluster.of_kind("Anomaly")[-1]["status"]
    return found


def jobs(cluster: Cluster) -> list[Json]:
    wanted = "containment"
    return [
        job
        for job in cluster.jobs()
        if job["metadata"]["labels"]["app.kubernetes.io/component"] == wanted
    ]


def end(cluster: Cluster, condition: str) -> None:
    (job,) = jobs(cluster)
    ended = {
        "type": condition,
        "status": "True",
        "lastTransitionTime": to_text(cluster.now),
        "reason": "BackoffLimitExceeded",
        "message": "Job has reached the specified backoff limit",
    }
    cluster.put("Job", job["metadata"]["name"], status={"conditions": [ended]})
    cluster.settle()


def reasons(cluster: Cluster) -> list[str]:
    return [one.reason for one in cluster.events if one.reason.startswith("Containment")]


def test_the_job_is_the_admins_under_the_admins_account() -> None:
    cluster = opened()
    (job,) = jobs(cluster)
    name = cluster.of_kind("Anomaly")[-1]["metadata"]["name"]
    assert job["metadata"]["name"] == containment_job_name(name)
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["serviceAccountName"] == "containment"
    assert container["image"] == "registry/contain:1"
    assert container["args"] == ["--service", "$(ANOMALY_SERVICE)"]
    told = {one["name"]: one["value"] for one in container["env"]}
    assert told["ANOMALY_NAME"] == name
    assert told["ANOMALY_PATTERN"] == "cost_$$(X)"
    assert job["spec"]["backoffLimit"] == 0
    assert status(cluster)["containment"] == {
        "job": job["metadata"]["name"],
        "at": to_text(cluster.now),
        "outcome": "Running",
    }
    assert cluster.condition("Ready")["reason"] != "Training"


@pytest.mark.parametrize(
    "given",
    [
        {"settings": ContainmentSettings()},
        {"settings": replace(ALLOWED, enabled=False)},
        {"settings": replace(ALLOWED, namespaces=("other",))},
        {"settings": replace(ALLOWED, tiers=("P1",))},
        {"playbook": None},
        {"playbook": {"tiers": [{"name": "page", "from": 0, "entry": "Review"}]}},
    ],
)
def test_without_the_word_of_both_nothing_is_started(given: Json) -> None:
    cluster = opened(**given)
    assert jobs(cluster) == []
    assert "containment" not in status(cluster)


def test_an_incident_that_somebody_has_taken_up_is_left_to_them() -> None:
    cluster = well()
    windows(cluster, 3, "Medium")
    assert jobs(cluster) == []
    raw = cluster.of_kind("Anomaly")[-1]
    said = {**raw["spec"], "acknowledgement": {"by": "maria"}}
    cluster.put("Anomaly", raw["metadata"]["name"], spec=said)
    cluster.settle()
    windows(cluster, 1, "Critical")
    assert status(cluster)["priority"]["tier"] == "page"
    assert jobs(cluster) == []


@pytest.mark.parametrize(
    ("condition", "outcome", "event"),
    [
        ("Complete", "Succeeded", "ContainmentSucceeded"),
        ("Failed", "Failed", "ContainmentFailed"),
    ],
)
def test_the_outcome_is_recorded_and_nothing_is_started_again(
    condition: str, outcome: str, event: str
) -> None:
    cluster = opened()
    end(cluster, condition)
    assert status(cluster)["containment"]["outcome"] == outcome
    assert reasons(cluster) == ["ContainmentRequested", event]
    assert [one["what"] for one in status(cluster)["history"]].count("Contained") >= 2
    cluster.remove("Job", jobs(cluster)[0]["metadata"]["name"])
    for _ in range(3):
        windows(cluster, 1)
    windows(cluster, 4, "None")
    windows(cluster, 3)
    assert status(cluster)["reopened"] == 1
    assert jobs(cluster) == []
    assert status(cluster)["containment"]["outcome"] == outcome


def test_a_job_that_is_deleted_while_it_runs_has_failed() -> None:
    cluster = opened()
    cluster.remove("Job", jobs(cluster)[0]["metadata"]["name"])
    cluster.settle()
    found = status(cluster)["containment"]
    assert (found["outcome"], found["message"]) == (
        "Failed",
        "The Job was deleted before it ended.",
    )
    assert jobs(cluster) == []


def test_an_object_that_is_deleted_and_made_again_does_not_contain_twice() -> None:
    cluster = opened()
    before = jobs(cluster)
    cluster.remove("Anomaly", cluster.of_kind("Anomaly")[-1]["metadata"]["name"])
    cluster.settle()
    assert [one["metadata"]["uid"] for one in jobs(cluster)] == [
        one["metadata"]["uid"] for one in before
    ]


def test_a_refused_containment_keeps_no_training_from_starting() -> None:
    assert Withheld((refusal("Job", "checkout-train-0123456789", 403, "no"),)).bars_training
    contained = containment_job_name("checkout-9f2c1a7be01d-mi5k2x")
    assert not Withheld((refusal("Job", contained, 403, "no"),)).bars_training


def test_a_refused_job_is_recorded_and_never_started_late() -> None:
    cluster = well()
    windows(cluster, 1)
    cluster.kill_after = cluster.writes + 3  # service status, object, its status
    with pytest.raises(Killed):
        windows(cluster, 2)
    cluster.restart()
    name = status(cluster)["containment"]["job"]
    cluster.withheld = Withheld((refusal("Job", name, 403, "policy says no"),))
    cluster.settle()
    found = status(cluster)["containment"]
    assert (found["outcome"], found["message"]) == ("Refused", "policy says no")
    cluster.now += 601
    cluster.settle()
    found = status(cluster)["containment"]
    assert found["outcome"] == "Failed"
    assert found["message"] == "The Job was not started within 10m: policy says no"
    cluster.withheld = Withheld()
    cluster.settle()
    assert jobs(cluster) == []


def test_a_kill_before_each_write_makes_one_job() -> None:
    for count in range(1, 40):
        cluster = well()
        windows(cluster, 1)
        cluster.kill_after = cluster.writes + count
        try:
            windows(cluster, 2)
        except Killed:
            cluster.restart()
            cluster.settle()
            (job,) = jobs(cluster)
            assert status(cluster)["containment"]["outcome"] == "Running"
            assert status(cluster)["containment"]["job"] == job["metadata"]["name"]
        else:
            assert count > 4
            return
    raise AssertionError("no end of writes")
