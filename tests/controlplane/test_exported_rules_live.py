"""PrometheusRules on a real API server: without the kind, and with it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from anomaly_operator.api.conditions import Truth
from anomaly_operator.api.reasons import Reason
from anomaly_operator.api.resources import POLICY, RULE, SERVICE
from anomaly_operator.client.kube import Kube
from anomaly_operator.client.login import KubeconfigLogin
from anomaly_operator.client.throttle import TokenBucket
from anomaly_operator.client.transport import Transport
from anomaly_operator.controller import views
from anomaly_operator.controller.execute import Executor
from anomaly_operator.observe.cache import Cache
from anomaly_operator.observe.intake import Intake
from anomaly_operator.reconcile import slo_policy
from anomaly_operator.settings.values import MetricsSource, Settings
from anomaly_operator.world.plan import Lookup, Plan
from anomaly_operator.world.view import Answer
from anomaly_sandbox.cluster import Sandbox
from detector_runtime.contract.vocabulary import SourceType
from watched.rule_kind import rule_kind

pytestmark = pytest.mark.controlplane

Json = dict[str, Any]
NOW = 1_800_000_000.0
SETTINGS = Settings(
    sources={"default": MetricsSource("default", SourceType.PROMETHEUS, "http://prometheus:9090")}
)
QUERY = 'sum(increase(http_requests_total{service="$(service)"}[$(window)]))'
INDICATOR = {"ratio": {"good": QUERY, "total": QUERY}}
SPEC = {
    "objectives": [{"name": "availability", "target": "99.9%", "indicator": INDICATOR}],
    "export": {"prometheusRule": True, "labels": {"release": "prometheus"}},
}


class Operator:
    """Reconciles the policy as the controller does, without its queue."""

    def __init__(self, kube: Kube, namespace: str) -> None:
        self.kube, self.namespace = kube, namespace
        self.cache = Cache()
        self.executor = Executor(kube, Intake(self.cache, lambda _change: None))

    async def reconcile(self) -> Plan:
        await self._look()
        answers: dict[Lookup, Answer] = {}
        while True:
            key = (POLICY.kind, self.namespace, "web")
            world = views.policy_view(self.cache, key, answers)
            assert world is not None
            plan = slo_policy.reconcile(world, NOW, SETTINGS)
            if not plan.lookups:
                await self.executor.run(plan.actions)
                return plan
            for lookup in plan.lookups:
                answers[lookup] = await self.executor.answer(lookup)

    async def condition(self) -> Json:
        raw = await self.kube.get(POLICY, self.namespace, "web")
        assert raw is not None
        conditions = raw["status"]["conditions"]
        return next((one for one in conditions if one["type"] == "RulesExported"), {})

    async def rules(self) -> list[Json]:
        return [raw async for page in self.kube.pages(RULE, self.namespace) for raw in page]

    async def _look(self) -> None:
        intake = Intake(self.cache, lambda _change: None)
        for resource in (SERVICE, POLICY):
            async for page in self.kube.pages(resource, self.namespace):
                for raw in page:
                    intake.take(raw)


@pytest.fixture
async def operator(crds: Sandbox, namespace: str) -> AsyncIterator[Operator]:
    kube = Kube(Transport(KubeconfigLogin(crds.kubeconfig), TokenBucket(200, 200)))
    kinds = ({"apiVersion": one.api_version, "kind": one.kind} for one in (SERVICE, POLICY))
    service = {
        **next(kinds),
        "metadata": {"name": "checkout"},
        "spec": {"preset": "OpenTelemetrySpanMetrics", "sloPolicyRef": {"name": "web"}},
    }
    crds.api.create("asvc", service, namespace)
    policy = {**next(kinds), "metadata": {"name": "web"}, "spec": SPEC}
    crds.api.create("slop", policy, namespace)
    yield Operator(kube, namespace)
    await kube.close()


@pytest.fixture
def served(crds: Sandbox) -> Iterator[None]:
    with rule_kind(crds):
        yield


async def test_without_the_kind_the_policy_says_so(operator: Operator) -> None:
    plan = await operator.reconcile()
    said = await operator.condition()
    assert (said["status"], said["reason"]) == (Truth.FALSE, Reason.KIND_NOT_SERVED)
    assert plan.requeue_after == 600
    assert (await operator.reconcile()).actions == ()


@pytest.mark.usefixtures("served")
async def test_with_the_kind_the_rules_are_written_put_right_and_deleted(
    operator: Operator, crds: Sandbox
) -> None:
    await operator.reconcile()
    assert (await operator.condition())["reason"] == Reason.EXPORTED
    (rule,) = await operator.rules()
    assert rule["metadata"]["labels"]["release"] == "prometheus"
    (owner,) = rule["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["controller"]) == ("SLOPolicy", True)
    assert 'service="checkout"' in json.dumps(rule["spec"])[:2000].replace('\\"', '"')
    assert (await operator.reconcile()).actions == ()

    name, version = rule["metadata"]["name"], rule["metadata"]["resourceVersion"]
    path = RULE.path(operator.namespace, name)
    merge = "application/merge-patch+json"
    crds.api.request("PATCH", path, {"spec": {"groups": []}}, content_type=merge)
    await operator.reconcile()
    (repaired,) = await operator.rules()
    assert repaired["spec"] == rule["spec"]
    assert repaired["metadata"]["resourceVersion"] != version

    crds.api.patch("slop", "web", operator.namespace, {"spec": {"export": None}})
    await operator.reconcile()
    assert await operator.rules() == []
    assert await operator.condition() == {}
