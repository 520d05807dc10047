"""PrometheusRules by the operator's own loop: what the API server lacks or refuses is no loop."""

from __future__ import annotations

from typing import Any

import pytest

from anomaly_operator.api.errors import InvalidError
from anomaly_operator.api.reasons import Reason
from anomaly_operator.world.plan import Write, object_of
from tests.pretend.cluster import Cluster
from tests.pretend.loop import Loop

QUERY = "sum(increase(http_requests_total[$(window)]))"
SPEC = {
    "objectives": [
        {
            "name": "availability",
            "target": "99.9%",
            "indicator": {"ratio": {"good": QUERY, "total": QUERY}},
        }
    ],
    "export": {"prometheusRule": True},
}


def cluster_of(*services: str) -> Cluster:
    cluster = Cluster()
    for name in services:
        cluster.service(name, sloPolicyRef={"name": "web"})
    cluster.put("SLOPolicy", "web", spec=SPEC)
    return cluster


def condition(cluster: Cluster) -> dict[str, Any]:
    conditions = cluster.get("SLOPolicy", "web").get("status", {}).get("conditions", ())
    return next((one for one in conditions if one["type"] == "RulesExported"), {})


async def test_the_rules_are_written_once() -> None:
    cluster = cluster_of("checkout", "payments")
    loop = Loop(cluster)
    await loop.calm()
    counts = loop.kube.counts
    assert sum(times for (kind, _), times in counts.items() if kind == "PrometheusRule") == 2
    assert condition(cluster)["reason"] == "Exported"
    before = len(loop.kube.written)
    cluster.service("books")
    await loop.calm()
    assert {kind for kind, _ in loop.kube.written[before:]}.isdisjoint({"PrometheusRule"})


@pytest.mark.parametrize("reason", [Reason.KIND_NOT_SERVED, Reason.FORBIDDEN])
async def test_a_kind_that_cannot_be_listed_is_asked_for_once_and_said(reason: Reason) -> None:
    cluster = cluster_of("checkout")
    cluster.unlisted = reason
    loop = Loop(cluster)
    await loop.calm()
    assert condition(cluster)["reason"] == reason
    asked = loop.kube.listed["PrometheusRule"]
    await loop.calm(0.3)
    assert loop.kube.listed["PrometheusRule"] == asked
    assert "retries_total 0.0" in loop.metrics.exposition().decode()


async def test_a_rule_that_is_refused_leaves_the_others_and_the_status() -> None:
    cluster = cluster_of("checkout", "payments")
    loop = Loop(cluster)

    def refuse(action: Write) -> None:
        kind, name = object_of(action)
        if kind == "PrometheusRule" and "checkout" in name:
            raise InvalidError(422, "422 Invalid: parse error at char 7", f"apply {name}")

    loop.kube.before = refuse
    await loop.until(lambda: condition(cluster).get("reason") == "Rejected")
    assert "parse error at char 7" in condition(cluster)["message"]
    (rule,) = cluster.of_kind("PrometheusRule")
    assert rule["metadata"]["labels"]["anomaly-operator.dev/service"] == "payments"
    loop.kube.before = lambda _action: None
    # A change of the spec is a reason to try again at once.
    cluster.put("SLOPolicy", "web", spec={**SPEC, "busyPeriodFactor": "2"})
    await loop.until(lambda: condition(cluster).get("reason") == "Exported")
    assert len(cluster.of_kind("PrometheusRule")) == 2
