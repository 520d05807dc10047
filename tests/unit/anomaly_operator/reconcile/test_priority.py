"""The priority on the Anomaly: what it says, when it is written, and a deadline that is missed."""

from __future__ import annotations

from typing import Any

import pytest

from anomaly_operator.api.text import to_text, unix_seconds
from anomaly_operator.controller import views
from anomaly_operator.manifests.run_config import resolve
from anomaly_operator.reconcile.priority import prioritised
from anomaly_operator.reconcile.situation import load
from anomaly_operator.reconcile.story import unchanged
from anomaly_operator.status.stored import read_status
from tests.pretend.cluster import Cluster, Killed, serving

STEP = 120
Json = dict[str, Any]
PLAYBOOK = {
    "tiers": [
        {"name": "page", "from": 40, "entry": "Contain", "deadline": "15m", "owner": "shop-oncall"},
        {"name": "ticket", "from": 0, "deadline": "1d", "text": "Look at it in the morning."},
    ]
}


def windows(cluster: Cluster, count: int, severity: str = "High", **more: Any) -> int:
    """`count` consecutive windows; "None" is a Normal one. How many writes they cost."""
    begin = cluster.now // STEP * STEP
    ends = [begin + STEP * number for number in range(1, count + 1)]
    cluster.now = ends[-1] + 40
    hit = {"verdict": "Anomalous", "score": "9", "confidence": "90%", "patterns": ["metric_cpu"]}
    found = [{"end": to_text(end), "severity": severity, **hit, **more} for end in ends]
    cluster.detect(
        scoredFrom=to_text(begin),
        scoredThrough=to_text(ends[-1]),
        windows=[] if severity == "None" else found,
    )
    return cluster.settle()


def opened(playbook: Json | None = PLAYBOOK, severity: str = "High", **spec: Any) -> Cluster:
    cluster = well(playbook, **spec)
    windows(cluster, 3, severity)
    return cluster


def well(playbook: Json | None = PLAYBOOK, **spec: Any) -> Cluster:
    """A service without an incident, and the policy that holds for it."""
    cluster = Cluster()
    if playbook is not None:
        cluster.put("SLOPolicy", "web", spec={"playbook": playbook})
        spec["sloPolicyRef"] = {"name": "web"}
    return serving(cluster, **spec)


def anomaly(cluster: Cluster) -> Json:
    return cluster.of_kind("Anomaly")[-1]


def priority(cluster: Cluster) -> Json:
    found: Json = anomaly(cluster)["status"]["priority"]
    return found


def say(cluster: Cluster, **said: Any) -> None:
    raw = anomaly(cluster)
    cluster.put("Anomaly", raw["metadata"]["name"], spec={**raw["spec"], **said})
    cluster.settle()


def missed_events(cluster: Cluster) -> list[str]:
    return [one.message for one in cluster.events if one.reason == "DeadlineMissed"]


def what(cluster: Cluster) -> list[str]:
    return [one["what"] for one in anomaly(cluster)["status"]["history"]]


def test_the_parts_add_up_and_the_tier_is_that_of_the_policy() -> None:
    cluster = opened(category="BusinessCritical")
    found = priority(cluster)
    points = {one["name"]: one["points"] for one in found["parts"]}
    assert points == {
        "Severity": 28,
        "Spread": 0,
        "Duration": 0,
        "Confidence": 9,
        "Category": 10,
        "Context": 3,
    }
    assert found["value"] == sum(points.values()) == 50
    assert (found["tier"], found["owner"], found["entry"]) == ("page", "shop-oncall", "Contain")
    assert found["nextStep"]
    assert "missed" not in found


def test_without_a_policy_the_default_tiers_hold() -> None:
    found = priority(opened(None))
    assert (found["value"], found["tier"], found["entry"]) == (45, "P3", "Review")
    assert unix_seconds(found["deadline"])


def test_a_policy_that_is_invalid_leaves_the_default_tiers() -> None:
    broken = {"tiers": [{"name": "A", "from": 10}]}
    assert priority(opened(broken))["tier"] == "P3"


def test_a_window_that_changes_nothing_costs_no_more_writes_for_the_priority(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with_priority = opened()
    costs = [windows(with_priority, 1) for _ in range(20)]
    monkeypatch.setattr("anomaly_operator.reconcile.service.parts", lambda _situation: ())
    without = opened()
    assert costs == [windows(without, 1) for _ in range(20)]
    assert "priority" not in anomaly(without)["status"]


def test_a_quiet_world_is_not_written_to() -> None:
    cluster = opened()
    cluster.now += 60
    assert cluster.settle() == 0


def test_a_deadline_is_waited_for_and_missed_once() -> None:
    cluster = opened()
    due = unix_seconds(priority(cluster)["deadline"])
    cluster.reconcile()
    assert cluster.requeue_after is not None
    assert cluster.requeue_after <= due - cluster.now + 2
    cluster.now = due - 1
    cluster.settle()  # the service is called stale by now
    assert "missed" not in priority(cluster)
    cluster.now = due
    assert cluster.settle() == 1
    assert priority(cluster)["missed"] is True
    assert "DeadlineMissed" in what(cluster)
    (message,) = missed_events(cluster)
    assert message.startswith(f"Anomaly {anomaly(cluster)['metadata']['name']} (page) was not")
    assert "shop-oncall" in message
    cluster.now = due + 3_600
    assert cluster.settle() == 0
    assert len(missed_events(cluster)) == 1
    assert priority(cluster)["deadline"] == to_text(due)


@pytest.mark.parametrize(
    "said",
    [
        {"acknowledgement": {"by": "maria"}},
        {"feedback": {"verdict": "TruePositive", "by": "maria"}},
        {"resolution": {"note": "a bad rollout", "by": "maria"}},
    ],
)
def test_an_answer_keeps_the_deadline(said: Json) -> None:
    cluster = opened()
    due = priority(cluster)["deadline"]
    say(cluster, **said)
    cluster.now = unix_seconds(due) + 60
    cluster.settle()
    assert "missed" not in priority(cluster)
    assert priority(cluster)["deadline"] == due
    assert missed_events(cluster) == []


def test_an_incident_that_closes_in_time_keeps_what_its_priority_was() -> None:
    cluster = opened()
    before = priority(cluster)
    windows(cluster, 4, "None")
    assert anomaly(cluster)["status"]["state"] == "Closed"
    cluster.now += 3_600
    cluster.settle()
    assert priority(cluster) == before
    assert missed_events(cluster) == []


def test_an_incident_that_nobody_is_told_of_has_no_deadline() -> None:
    found = priority(opened(severity="Low"))
    assert found["tier"] == "ticket"
    assert "deadline" not in found


def test_a_rise_moves_the_deadline_forward_and_never_back() -> None:
    cluster = opened(severity="Medium")
    found = priority(cluster)
    assert (found["tier"], found["nextStep"]) == ("ticket", "Look at it in the morning.")
    late = unix_seconds(found["deadline"])
    windows(cluster, 1, "Critical")
    found = priority(cluster)
    assert found["tier"] == "page"
    assert unix_seconds(found["deadline"]) == cluster.now + 900 < late


def test_a_reopened_incident_has_a_new_deadline() -> None:
    cluster = opened()
    cluster.now = unix_seconds(priority(cluster)["deadline"])
    cluster.settle()
    assert priority(cluster)["missed"] is True
    windows(cluster, 4, "None")
    assert anomaly(cluster)["status"]["state"] == "Closed"
    windows(cluster, 3)
    assert anomaly(cluster)["status"]["reopened"] == 1
    assert "missed" not in priority(cluster)
    assert unix_seconds(priority(cluster)["deadline"]) == cluster.now + 900


def test_an_unusable_spec_leaves_the_priority() -> None:
    cluster = opened()
    before = priority(cluster)
    cluster.service(source={"name": "unknown"})
    cluster.settle()
    windows(cluster, 1)
    assert priority(cluster) == before


def test_a_symptom_has_no_deadline_and_points_to_its_root() -> None:
    cluster = opened()
    name = anomaly(cluster)["metadata"]["name"]
    told = {
        "rootCause": {"service": "payments", "anomaly": "payments-1"},
        "symptomOf": "payments-1",
    }
    part = _part(cluster)
    incident = _incident(cluster, name)
    fields = part(incident, anomaly(cluster)["status"], told).fields["priority"]
    assert "deadline" not in fields
    assert fields["nextStep"] == "Start with payments: this is a symptom of payments-1."
    root = part(incident, {}, {"symptomCount": 5}).fields["priority"]
    assert {"name": "Spread", "points": 6} in root["parts"]


def _part(cluster: Cluster) -> Any:

    found = cluster.cache.service("shop", "checkout")
    assert found is not None
    assert found.spec is not None
    world = views.service_view(cluster.cache, found, cluster.queue, {}, cluster.withheld)
    resolved = resolve(found.meta, found.spec, cluster.settings, cluster.now)
    situation = load(world, read_status(found.status), resolved, cluster.settings, cluster.now)
    return prioritised(situation)


def _incident(cluster: Cluster, name: str) -> Any:

    found = cluster.cache.service("shop", "checkout")
    assert found is not None
    state = read_status(found.status).incidents
    assert state is not None
    return next(one for one in state.tracked if one.anomaly == name)


def test_a_budget_that_is_not_known_now_keeps_its_points() -> None:
    cluster = opened()
    part, name = _part(cluster), anomaly(cluster)["metadata"]["name"]
    before = {"priority": {"value": 50, "tier": "page", "parts": [{"name": "Budget", "points": 8}]}}
    found = part(_incident(cluster, name), before, {}).fields["priority"]
    assert {"name": "Budget", "points": 8} in found["parts"]
    assert found["value"] == sum(one["points"] for one in found["parts"])


def test_what_an_object_says_stays_under_a_spec_that_cannot_be_used() -> None:
    before = {"priority": {"value": 3}, "state": "Open", "containment": {"job": "a"}}
    cluster = opened()
    incident = _incident(cluster, anomaly(cluster)["metadata"]["name"])
    told = unchanged(incident, before, {})
    assert told.fields == {"priority": {"value": 3}, "containment": {"job": "a"}}


def test_a_kill_before_each_write_gives_the_same_priority() -> None:
    expected = priority(opened())
    for count in range(1, 40):
        cluster = well()
        cluster.kill_after = cluster.writes + count
        try:
            windows(cluster, 3)
        except Killed:
            cluster.restart()
            cluster.settle()
            assert priority(cluster) == expected
        else:
            return
    raise AssertionError("no end of writes")


def test_the_next_step_is_the_change_that_the_incident_began_after() -> None:
    cluster = opened()
    incident = _incident(cluster, anomaly(cluster)["metadata"]["name"])
    change = {
        "at": to_text(incident.first_seen - STEP - 180),
        "kind": "Rollout",
        "workload": "Deployment shop/checkout",
        "subject": "42",
        "text": "Rollout 42",
    }
    found = _part(cluster)(incident, {}, {"changes": [change]}).fields["priority"]
    assert found["nextStep"].startswith("Compare or undo rollout 42 of Deployment shop/checkout")
