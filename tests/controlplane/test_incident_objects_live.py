"""Anomaly objects on a real API server: nothing is pruned, nothing written twice, people keep
what is theirs.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from anomaly_operator.anomalies.objects import AnomalyWorld, plan_anomalies
from anomaly_operator.api import resources
from anomaly_operator.api.errors import ApiError
from anomaly_operator.api.text import to_text
from anomaly_operator.client.kube import Kube
from anomaly_operator.client.login import KubeconfigLogin
from anomaly_operator.client.throttle import TokenBucket
from anomaly_operator.client.transport import Transport
from anomaly_operator.controller.execute import Executor
from anomaly_operator.incidents.cycles import Cycle
from anomaly_operator.incidents.fold import fold_windows
from anomaly_operator.incidents.settings import incident_settings
from anomaly_operator.incidents.state import Incident, IncidentState
from anomaly_operator.incidents.wire import parse, render
from anomaly_operator.observe import read
from anomaly_operator.observe.cache import Cache
from anomaly_operator.observe.intake import Intake
from anomaly_operator.spec.service import IncidentPlan
from anomaly_operator.world.objects import AnomalyObject, Meta
from anomaly_sandbox.cluster import Sandbox
from detector_runtime.contract.detection import (
    Contribution,
    Finding,
    MetricComparison,
    SLOEvaluation,
    WindowReport,
)
from detector_runtime.contract.vocabulary import Severity, SLOStatus, Verdict

pytestmark = pytest.mark.controlplane

NOW = 1_763_800_020
LIMITS = IncidentPlan(retention_seconds=86_400, max_kept=10)


def hit(minute: int, *patterns: str) -> Cycle:
    """An anomalous window with everything that a document can say about it."""
    names = patterns or ("metric_latency",)
    metric = Contribution(
        "latency", "812", "Milliseconds", "100", "", "4.1x the upper end", "1", "tail"
    )
    finding = Finding(
        names[0], Severity.HIGH, Severity.HIGH, "90%", "7.4", "slow", "", (metric,), ("look",)
    )
    end = NOW + 60 * minute
    report = WindowReport(
        to_text(end), Verdict.ANOMALOUS, "night", Severity.HIGH, "90%", "7.4", "0", "", (finding,)
    )
    return Cycle(
        end,
        Verdict.ANOMALOUS,
        Severity.HIGH,
        "7.4",
        "90%",
        names,
        SLOStatus.BREACHED,
        "1.31",
        Severity.CRITICAL,
        report,
    )


def quiet(minute: int) -> Cycle:
    return Cycle(NOW + 60 * minute, Verdict.NORMAL)


def newest(minute: int) -> WindowReport:
    metric = MetricComparison("latency", "120", "110", "0.4", "190")
    return WindowReport(
        to_text(NOW + 60 * minute),
        Verdict.NORMAL,
        "night",
        Severity.NONE,
        "90%",
        "0",
        "1",
        slo=SLOEvaluation(SLOStatus.OK, "0.4"),
        comparison=(metric,),
    )


@dataclass
class Shop:
    """One AnomalyService and the operator's two hands for its Anomaly objects."""

    kube: Kube
    executor: Executor
    sandbox: Sandbox
    service: Meta
    state: IncidentState = field(default_factory=IncidentState)

    def fold(self, *windows: Cycle, report: WindowReport | None = None) -> None:
        self.state, _ = fold_windows(self.state, windows, self.world().settings, report)

    def world(self, *observed: AnomalyObject) -> AnomalyWorld:
        settings = incident_settings(self.service.name, self.service.uid, 60, LIMITS)
        return AnomalyWorld(self.service, settings, LIMITS, observed)

    async def observed(self) -> tuple[AnomalyObject, ...]:
        pages = self.kube.pages(resources.ANOMALY, self.service.namespace)
        found = [read.anomaly_object(raw) async for page in pages for raw in page]
        kind = {"api_version": resources.ANOMALY.api_version, "kind": resources.ANOMALY.kind}
        return tuple(replace(one, meta=replace(one.meta, **kind)) for one in found)

    async def reconcile(self, now: int = NOW) -> int:
        world = self.world(*await self.observed())
        asked = plan_anomalies(self.state, world, now).lookups
        answers = {question: await self.executor.answer(question) for question in asked}
        plan = plan_anomalies(self.state, replace(world, lookups=answers), now)
        return await self.executor.run(plan.actions)

    async def read(self, incident: Incident) -> dict[str, Any]:
        raw = await self.kube.get(resources.ANOMALY, self.service.namespace, incident.anomaly)
        assert raw is not None
        return dict(raw)


@pytest.fixture
async def shop(crds: Sandbox, namespace: str) -> AsyncIterator[Shop]:
    kube = Kube(Transport(KubeconfigLogin(crds.kubeconfig), TokenBucket(100, 200)))
    cache = Cache()
    made = await kube.create(
        {
            "apiVersion": resources.SERVICE.api_version,
            "kind": resources.SERVICE.kind,
            "metadata": {"name": "checkout", "namespace": namespace},
            "spec": {"preset": "OpenTelemetrySpanMetrics"},
        }
    )
    executor = Executor(kube, Intake(cache, lambda _: None))
    yield Shop(kube, executor, crds, read.metadata(made))
    await kube.close()


async def test_an_incident_from_opening_to_closing_is_written_once_each(shop: Shop) -> None:
    shop.fold(hit(1), hit(2, "metric_errors", "metric_latency"))
    assert await shop.reconcile() == 2
    assert await shop.reconcile(NOW + 600) == 0
    shop.fold(hit(3, "slo_breach"))
    assert await shop.reconcile(NOW + 700) == 1
    assert await shop.reconcile(NOW + 800) == 0
    shop.fold(quiet(4), quiet(5), quiet(6), report=newest(6))
    assert await shop.reconcile(NOW + 900) == 1
    assert await shop.reconcile(NOW + 1000) == 0
    (incident,) = shop.state.tracked
    status = (await shop.read(incident))["status"]
    assert (status["state"], status["occurrences"]) == ("Closed", 3)
    assert status["resolution"]["context"]["metrics"][0]["value"] == "120"
    assert {one["name"] for one in status["patterns"]} == {
        "metric_latency",
        "metric_errors",
        "slo_breach",
    }
    shop.fold(hit(8))
    assert await shop.reconcile(NOW + 1100) == 1
    reopened = (await shop.read(incident))["status"]
    assert (reopened["state"], reopened["reopened"]) == ("Open", 1)
    assert not {"closedAt", "resolution"} & set(reopened)
    assert await shop.reconcile(NOW + 1200) == 0


async def test_the_incidents_of_a_service_survive_its_status_unpruned(shop: Shop) -> None:
    shop.fold(hit(1), hit(2, "metric_errors"), quiet(3), quiet(4), quiet(5), report=newest(5))
    raw = await shop.kube.apply_status(
        resources.SERVICE,
        shop.service.namespace,
        "checkout",
        uid=shop.service.uid,
        resource_version="",
        status={"incidents": render(shop.state)},
    )
    assert parse(raw["status"]["incidents"]) == shop.state


async def test_what_a_person_says_stays_and_is_answered(shop: Shop) -> None:
    shop.fold(hit(1), hit(2))
    await shop.reconcile()
    (incident,) = shop.state.tracked
    acknowledgement = '{"spec":{"acknowledgement":{"by":"maria","comment":"looking"}}}'
    shop.sandbox.kubectl(
        *("patch", "anomaly", incident.anomaly, "-n", shop.service.namespace),
        *("--type=merge", "-p", acknowledgement),
        check=True,
    )
    assert await shop.reconcile() == 1
    shop.fold(hit(3))
    assert await shop.reconcile() == 1
    found = await shop.read(incident)
    assert found["spec"]["acknowledgement"]["by"] == "maria"
    conditions = {one["type"]: one for one in found["status"]["conditions"]}
    assert conditions["Acknowledged"]["message"] == "Acknowledged by maria: looking."
    assert conditions["Resolved"]["status"] == "False"


async def test_a_stripped_label_is_repaired_without_touching_the_rest(shop: Shop) -> None:
    shop.fold(hit(1), hit(2))
    await shop.reconcile()
    (incident,) = shop.state.tracked
    before = await shop.read(incident)
    shop.sandbox.kubectl(
        *("label", "anomaly", incident.anomaly, "-n", shop.service.namespace),
        "anomaly-operator.dev/service-",
        check=True,
    )
    assert await shop.reconcile() == 1
    after = await shop.read(incident)
    assert after["metadata"]["labels"] == before["metadata"]["labels"]
    assert after["status"] == before["status"]
    assert await shop.reconcile() == 0


async def test_a_foreign_object_of_that_name_stays_as_it_is(shop: Shop) -> None:
    shop.fold(hit(1), hit(2))
    (incident,) = shop.state.tracked
    foreign = {
        "apiVersion": resources.ANOMALY.api_version,
        "kind": resources.ANOMALY.kind,
        "metadata": {"name": incident.anomaly, "namespace": shop.service.namespace},
        "spec": {
            "serviceRef": {"name": "other"},
            "openingPattern": "theirs",
            "fingerprint": "0123456789ab",
            "firstSeen": to_text(NOW),
        },
    }
    made = await shop.kube.create(foreign)
    assert await shop.reconcile() == 0
    assert (await shop.read(incident))["metadata"]["resourceVersion"] == (
        made["metadata"]["resourceVersion"]
    )


async def test_a_status_computed_from_an_older_object_is_refused(shop: Shop) -> None:
    shop.fold(hit(1), hit(2))
    await shop.reconcile()
    seen = await shop.observed()
    shop.fold(hit(3))
    await shop.reconcile()
    late = plan_anomalies(shop.state, shop.world(*seen), NOW)
    assert len(late.actions) == 1
    with pytest.raises(ApiError):
        await shop.executor.run(late.actions)


async def test_closed_objects_go_after_their_retention(shop: Shop) -> None:
    shop.fold(hit(1), hit(2), quiet(3), quiet(4), quiet(5))
    await shop.reconcile()
    over = NOW + 5 * 60 + LIMITS.retention_seconds
    assert await shop.reconcile(over - 60) == 0
    assert await shop.reconcile(over) == 1
    assert await shop.observed() == ()
    assert await shop.reconcile(over + 60) == 0
