"""Objectives from the policy to the pods, and from their reports to both statuses."""

from __future__ import annotations

import json
from typing import Any

from anomaly_operator.api.text import to_text
from anomaly_operator.controller import routing
from anomaly_operator.observe.cache import Change
from anomaly_operator.settings.values import MetricsSource, Settings
from detector_runtime.contract.codec import encode, loads
from detector_runtime.contract.objectives import (
    ObjectiveReport,
    ObjectiveSpec,
    ObjectiveState,
    TierName,
)
from detector_runtime.contract.run_config import RunConfig
from detector_runtime.contract.vocabulary import Severity, SourceType
from pretend.cluster import Cluster, serving

QUERY = 'sum(increase(http_requests_total{service="$(service)",ns="$(namespace)"}[$(window)]))'
AVAILABILITY = {
    "name": "availability",
    "target": "99.9%",
    "window": "30d",
    "indicator": {"ratio": {"errors": f"{QUERY} or vector(0)", "total": QUERY}},
}
POLICY = {"name": "web"}


def cluster_with(*objectives: dict[str, Any], **spec: Any) -> Cluster:
    cluster = serving(Cluster(), sloPolicyRef=POLICY, **spec)
    cluster.put("SLOPolicy", "web", spec={"objectives": list(objectives)})
    cluster.settle()
    cluster.reconcile_policy("web")
    return cluster


def told(cluster: Cluster) -> tuple[ObjectiveSpec, ...]:
    config = cluster.get("ConfigMap", cluster.status()["references"]["config"])
    return loads(RunConfig, config["data"]["run.json"]).objectives


def reported(cluster: Cluster, state: ObjectiveState, left: str, **fields: Any) -> None:
    """The scoring pod says so of the newest window, and the operator looks."""
    cluster.now += 60
    found = ObjectiveReport(
        "availability", "d", state, to_text(cluster.now), budget_left=left, **fields
    )
    cluster.detect(scoredThrough=to_text(cluster.now - 60), objectives=[encode(found)])
    cluster.settle()


BURNING: dict[str, Any] = {
    "state": ObjectiveState.BURNING,
    "left": "60.5%",
    "tier": TierName.PAGE_FAST,
    "severity": Severity.CRITICAL,
    "explanation": "availability: 20x what the target of 99.9% allows",
}


def status(cluster: Cluster) -> dict[str, Any]:
    found: dict[str, Any] = cluster.get("SLOPolicy", "web")["status"]
    return found


def test_the_pods_get_the_queries_of_their_own_service() -> None:
    cluster = cluster_with(AVAILABILITY)
    (found,) = told(cluster)
    mine = QUERY.replace("$(service)", "checkout").replace("$(namespace)", "shop")
    assert (found.errors, found.total) == (f"{mine} or vector(0)", mine)
    assert len(cluster.jobs()) == 1, "an objective changes no model"


def test_a_parameter_cannot_end_the_string_that_it_stands_in() -> None:
    query = 'sum(x{team="$(team)"}[$(window)])'
    objective = {**AVAILABILITY, "indicator": {"errorRatio": query}}
    cluster = cluster_with(objective, parameters={"team": 'a"} or up{'})
    assert told(cluster)[0].error_ratio == 'sum(x{team="a\\x22} or up{"}[$(window)])'


def test_an_unknown_placeholder_leaves_out_the_objective_and_says_so() -> None:
    other = {**AVAILABILITY, "name": "other", "indicator": {"errorRatio": "x[$(window)] + $(y)"}}
    cluster = cluster_with(AVAILABILITY, other)
    assert [one.name for one in told(cluster)] == ["availability"]
    found = {one["name"]: one for one in cluster.status()["objectives"]}
    assert found["other"]["state"] == "Inconclusive"
    assert found["other"]["explanation"].startswith("A query uses $(y); known are $(service)")
    assert (
        "Objective other is not evaluated. A query uses $(y)"
        in cluster.condition("SLOMet")["message"]
    )


def test_a_csv_source_has_no_objectives_and_says_so() -> None:
    files = MetricsSource(name="default", type=SourceType.CSV)
    cluster = Cluster(settings=Settings(sources={"default": files}))
    metric = {"name": "latency", "role": "Latency", "query": "latency", "unit": "Milliseconds"}
    serving(cluster, sloPolicyRef=POLICY, metrics=[metric])
    cluster.put("SLOPolicy", "web", spec={"objectives": [AVAILABILITY]})
    cluster.settle()
    assert told(cluster) == ()
    text = "The source default is CSV, and objectives need a Prometheus source."
    assert cluster.status()["objectives"][0]["explanation"] == text
    assert text in cluster.condition("SLOMet")["message"]


def test_a_burning_budget_reaches_the_service_its_condition_and_the_policy() -> None:
    cluster = cluster_with(AVAILABILITY)
    reported(cluster, **BURNING)
    assert cluster.status()["objectives"] == [
        {
            "name": "availability",
            "state": "Burning",
            "tier": "PageFast",
            "budgetLeft": "60%",
            "since": to_text(cluster.now),
            "explanation": "availability: 20x what the target of 99.9% allows",
        }
    ]
    condition = cluster.condition("SLOMet")
    assert (condition["status"], condition["reason"]) == ("False", "ErrorBudgetBurning")
    assert "20x what the target of 99.9% allows (at 2026" in condition["message"]
    cluster.reconcile_policy("web")
    assert status(cluster)["burning"] == 1
    assert status(cluster)["objectives"][0]["service"] == "checkout"


def test_a_policy_of_objectives_alone_is_met_while_all_of_them_are() -> None:
    cluster = cluster_with(AVAILABILITY)
    assert cluster.condition("SLOMet")["status"] == "Unknown"
    reported(cluster, ObjectiveState.OK, "90%")
    condition = cluster.condition("SLOMet")
    assert (condition["status"], condition["reason"]) == ("True", "WithinObjectives")
    reported(cluster, ObjectiveState.EXHAUSTED, "-3%", explanation="availability: used up")
    assert cluster.condition("SLOMet")["reason"] == "ErrorBudgetExhausted"


def test_windows_that_change_nothing_write_nothing() -> None:
    cluster = cluster_with(AVAILABILITY)
    reported(cluster, **BURNING)
    before = cluster.writes
    for rate in (21, 22, 23):
        words = f"availability: {rate}x what the target of 99.9% allows"
        found = ObjectiveReport(
            "availability",
            "d",
            ObjectiveState.BURNING,
            cluster.status()["objectives"][0]["since"],
            tier=TierName.PAGE_FAST,
            budget_left=f"60.{rate}%",
            explanation=words,
        )
        cluster.now += 60
        cluster.detect(scoredThrough=to_text(cluster.now - 60), objectives=[encode(found)])
        cluster.settle()
    assert cluster.writes == before


def test_a_service_without_objectives_has_none_in_its_status_or_config() -> None:
    cluster = serving(Cluster())
    assert "objectives" not in cluster.status()
    config = cluster.get("ConfigMap", cluster.status()["references"]["config"])
    assert "objectives" not in json.loads(config["data"]["run.json"])


def test_a_policy_is_woken_by_a_state_and_not_by_a_budget() -> None:
    cluster = cluster_with(AVAILABILITY)
    changes: list[Change] = []
    cluster.listen(changes.append)

    def woken() -> set[str]:
        found = {key[0] for change in changes for key, _ in routing.wishes(change, cluster.cache)}
        changes.clear()
        return found

    reported(cluster, ObjectiveState.OK, "90%")
    assert "SLOPolicy" in woken()
    reported(cluster, ObjectiveState.OK, "80%")
    assert woken() == {"AnomalyService"}
    assert cluster.reconcile_policy("web").requeue_after == 600


def test_a_policy_writes_moving_budgets_every_ten_minutes() -> None:
    cluster = cluster_with(AVAILABILITY)
    reported(cluster, ObjectiveState.OK, "90%")
    cluster.reconcile_policy("web")
    before = cluster.writes
    reported(cluster, ObjectiveState.OK, "80%")
    written = cluster.writes - before
    cluster.reconcile_policy("web")
    assert cluster.writes - before == written, "too early"
    cluster.now += 600
    cluster.reconcile_policy("web")
    assert status(cluster)["objectives"][0]["budgetLeft"] == "80%"
    cluster.reconcile_policy("web")
    assert cluster.writes - before == written + 1


def test_a_burning_budget_opens_an_incident_that_raises_no_alert_level() -> None:
    cluster = cluster_with(AVAILABILITY)
    for _ in range(3):
        cluster.now += 60
        end = to_text(cluster.now - 60)
        window = {
            "end": end,
            "verdict": "Anomalous",
            "score": "0.3",
            "severity": "Medium",
            "confidence": "100%",
            "patterns": ["error_budget_burn"],
        }
        cluster.detect(scoredThrough=end, windows=[window])
        cluster.settle()
    (anomaly,) = cluster.of_kind("Anomaly")
    assert anomaly["spec"]["openingPattern"] == "error_budget_burn"
    assert anomaly["status"]["severity"] == "Medium"
    cluster.now += 86_400
    cluster.detect(scoredThrough=to_text(cluster.now - 60))
    cluster.settle()
    assert cluster.status()["falseIncidents"]["observedPerWeek"] == "0"
