"""A policy's objectives as PrometheusRules: written once, put right, removed, and never a loop."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from anomaly_operator.api.reasons import Reason
from anomaly_operator.settings.values import MetricsSource, Settings
from anomaly_operator.world.plan import Apply, Delete
from anomaly_operator.world.refusal import Refusal, Withheld
from detector_runtime.contract.vocabulary import SourceType
from pretend.cluster import SETTINGS, Cluster

TOTAL = 'sum(increase(http_requests_total{service="$(service)"}[$(window)]))'
ERRORS = 'sum(increase(http_requests_total{service="$(service)",code=~"5.."}[$(window)]))'
AVAILABILITY = {
    "name": "availability",
    "target": "99.9%",
    "indicator": {"ratio": {"errors": ERRORS, "total": TOTAL}},
}
EXPORT = {"prometheusRule": True, "labels": {"release": "prometheus"}}


def cluster_of(*services: str, settings: Settings = SETTINGS, **spec: Any) -> Cluster:
    cluster = Cluster(settings=settings)
    for name in services:
        cluster.service(name, sloPolicyRef={"name": "web"})
    write(cluster, **spec)
    return cluster


def write(cluster: Cluster, **spec: Any) -> None:
    cluster.put("SLOPolicy", "web", spec={"objectives": [AVAILABILITY], "export": EXPORT, **spec})


def settled(cluster: Cluster) -> int:
    """Reconcile the policy until nothing is left to write; how many writes that took."""
    before = cluster.writes
    while cluster.reconcile_policy("web").actions:
        assert cluster.writes - before < 20
    return cluster.writes - before


def rules(cluster: Cluster) -> dict[str, dict[str, Any]]:
    """By the name of their service."""
    found = cluster.of_kind("PrometheusRule")
    return {one["metadata"]["labels"]["anomaly-operator.dev/service"]: one for one in found}


def condition(cluster: Cluster) -> dict[str, Any] | None:
    conditions = cluster.get("SLOPolicy", "web")["status"]["conditions"]
    return next((one for one in conditions if one["type"] == "RulesExported"), None)


def test_each_service_has_an_object_owned_by_the_policy() -> None:
    cluster = cluster_of("checkout", "payments")
    assert settled(cluster) == 3, "two rules and the status"
    found = rules(cluster)
    assert set(found) == {"checkout", "payments"}
    metadata = found["checkout"]["metadata"]
    (owner,) = metadata["ownerReferences"]
    policy = cluster.get("SLOPolicy", "web")
    assert (owner["kind"], owner["uid"]) == ("SLOPolicy", policy["metadata"]["uid"])
    assert owner["controller"] is True
    assert metadata["labels"]["release"] == "prometheus"
    (group,) = found["checkout"]["spec"]["groups"]
    assert 'service="checkout",code=~"5.."' in group["rules"][0]["expr"]
    said = condition(cluster)
    assert said is not None
    assert (said["status"], said["reason"]) == ("True", "Exported")
    assert said["message"] == (
        "2 PrometheusRules, one for each service, hold the rules of 1 objective."
    )


def test_nothing_is_written_when_nothing_changed() -> None:
    cluster = cluster_of("checkout")
    settled(cluster)
    cluster.now += 7200
    assert cluster.reconcile_policy("web").actions == ()
    assert cluster.requeue_after == 3600


def test_without_export_nothing_is_asked_and_nothing_said() -> None:
    cluster = cluster_of("checkout", export={})
    cluster.unlisted = Reason.KIND_NOT_SERVED
    assert settled(cluster) == 1
    assert rules(cluster) == {}
    assert condition(cluster) is None
    assert cluster.requeue_after is None


def test_what_somebody_changed_or_deleted_is_put_right() -> None:
    cluster = cluster_of("checkout", "payments")
    settled(cluster)
    names = {service: one["metadata"]["name"] for service, one in rules(cluster).items()}
    cluster.put("PrometheusRule", names["checkout"], spec={"groups": []})
    cluster.remove("PrometheusRule", names["payments"])
    (repaired, made) = cluster.reconcile_policy("web").actions
    assert isinstance(repaired, Apply)
    assert isinstance(made, Apply)
    assert (repaired.manifest["metadata"]["name"], bool(repaired.uid)) == (names["checkout"], True)
    assert (made.manifest["metadata"]["name"], made.uid) == (names["payments"], "")
    assert settled(cluster) == 0


def test_the_rules_of_a_service_that_left_are_deleted() -> None:
    cluster = cluster_of("checkout", "payments")
    settled(cluster)
    cluster.service("payments")
    assert any(isinstance(one, Delete) for one in cluster.reconcile_policy("web").actions)
    assert set(rules(cluster)) == {"checkout"}
    assert settled(cluster) == 0


def test_switching_off_deletes_all_and_then_says_no_more() -> None:
    cluster = cluster_of("checkout", "payments")
    settled(cluster)
    write(cluster, export={"prometheusRule": False})
    assert settled(cluster) == 3
    assert rules(cluster) == {}
    assert condition(cluster) is None


def test_a_failed_deletion_is_tried_again() -> None:
    cluster = cluster_of("checkout")
    settled(cluster)
    write(cluster, export={"prometheusRule": False})
    name = rules(cluster)["checkout"]["metadata"]["name"]
    refused = Refusal("PrometheusRule", name, Reason.FORBIDDEN, "no")
    cluster.withheld = Withheld((refused,))
    settled(cluster)
    said = condition(cluster)
    assert said is not None
    assert said["reason"] == "Forbidden"
    cluster.withheld = Withheld()
    settled(cluster)
    assert rules(cluster) == {}
    assert condition(cluster) is None


@pytest.mark.parametrize(
    ("reason", "cure"),
    [
        (Reason.KIND_NOT_SERVED, "install the CRDs of the Prometheus operator"),
        (Reason.FORBIDDEN, "set rbac.prometheusRules of its chart to true"),
    ],
)
def test_an_absent_kind_is_a_condition_and_no_loop(reason: Reason, cure: str) -> None:
    cluster = cluster_of("checkout")
    cluster.unlisted = reason
    assert settled(cluster) == 1
    said = condition(cluster)
    assert said is not None
    assert (said["status"], said["reason"]) == ("False", reason.value)
    assert cure in said["message"]
    assert cluster.requeue_after == 600
    cluster.now += 600
    assert cluster.reconcile_policy("web").actions == ()
    cluster.unlisted = None
    settled(cluster)
    assert set(rules(cluster)) == {"checkout"}


def test_a_kind_that_went_takes_the_condition_with_it() -> None:
    cluster = cluster_of("checkout")
    settled(cluster)
    cluster.unlisted = Reason.KIND_NOT_SERVED
    write(cluster, export={})
    settled(cluster)
    assert condition(cluster) is None


def test_a_refused_rule_is_left_out_and_said() -> None:
    cluster = cluster_of("checkout", "payments")
    settled(cluster)
    name = rules(cluster)["checkout"]["metadata"]["name"]
    cluster.remove("PrometheusRule", name)
    refused = Refusal("PrometheusRule", name, Reason.REJECTED, "422 Invalid: parse error at char 7")
    cluster.withheld = Withheld((refused,))
    settled(cluster)
    assert set(rules(cluster)) == {"payments"}
    said = condition(cluster)
    assert said is not None
    assert (said["status"], said["reason"]) == ("False", "Rejected")
    assert "parse error at char 7" in said["message"]


def test_an_invalid_policy_keeps_its_rules() -> None:
    cluster = cluster_of("checkout")
    settled(cluster)
    write(cluster, objectives=[{**AVAILABILITY, "target": "200%"}])
    settled(cluster)
    assert set(rules(cluster)) == {"checkout"}
    said = condition(cluster)
    assert said is not None
    assert (said["status"], said["reason"]) == ("Unknown", "InvalidSpec")


def test_services_whose_queries_cannot_be_filled_in_are_named() -> None:
    total = TOTAL.replace("$(service)", "$(team)")
    indicator = {"ratio": {"errors": ERRORS, "total": total}}
    cluster = cluster_of("checkout", objectives=[{**AVAILABILITY, "indicator": indicator}])
    cluster.service("payments", sloPolicyRef={"name": "web"}, parameters={"team": 'a"b'})
    settled(cluster)
    (only,) = rules(cluster).values()
    assert "a\\x22b" in only["spec"]["groups"][0]["rules"][1]["expr"]
    said = condition(cluster)
    assert said is not None
    assert said["reason"] == "InvalidParameters"
    assert "Left out: checkout: " in said["message"]
    assert "$(team)" in said["message"]


def test_a_service_that_reads_a_file_has_no_rules() -> None:
    file = MetricsSource(name="default", type=SourceType.CSV, config_map="files")
    cluster = cluster_of("checkout", settings=replace(SETTINGS, sources={"default": file}))
    settled(cluster)
    assert rules(cluster) == {}
    said = condition(cluster)
    assert said is not None
    assert "needs a Prometheus source" in said["message"]


@pytest.mark.parametrize(
    ("services", "objectives", "what"),
    [((), [AVAILABILITY], "services"), (("checkout",), [], "objectives")],
)
def test_nothing_to_export_is_said(
    services: tuple[str, ...], objectives: list[dict[str, Any]], what: str
) -> None:
    cluster = cluster_of(*services, objectives=objectives)
    settled(cluster)
    said = condition(cluster)
    assert said is not None
    assert (said["status"], said["reason"]) == ("False", "NothingToExport")
    assert f"no {what}" in said["message"]


def test_our_labels_stand_in_the_place_of_the_users() -> None:
    labels = {"app.kubernetes.io/managed-by": "me", "team": "web"}
    cluster = cluster_of("checkout", export={"prometheusRule": True, "labels": labels})
    settled(cluster)
    found = rules(cluster)["checkout"]["metadata"]["labels"]
    assert found["app.kubernetes.io/managed-by"] == "anomaly-operator"
    assert found["team"] == "web"
