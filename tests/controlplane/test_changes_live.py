"""What changed before an incident, looked up on a real API server: a real rollout, its Events, a
pod's end; and an operator without the right.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from anomaly_operator.anomalies.changes.part import ChangeTerms, changes_part
from anomaly_operator.anomalies.objects import AnomalyWorld, plan_anomalies
from anomaly_operator.api import resources
from anomaly_operator.api.text import to_text
from anomaly_operator.client.kube import Kube
from anomaly_operator.client.login import Connection, KubeconfigLogin
from anomaly_operator.client.throttle import TokenBucket
from anomaly_operator.client.transport import Transport
from anomaly_operator.controller.execute import Executor
from anomaly_operator.incidents.cycles import Cycle
from anomaly_operator.incidents.fold import fold_windows
from anomaly_operator.incidents.settings import incident_settings
from anomaly_operator.incidents.state import IncidentState
from anomaly_operator.observe import read
from anomaly_operator.observe.cache import Cache
from anomaly_operator.observe.intake import Intake
from anomaly_operator.spec.service import IncidentPlan
from anomaly_operator.spec.workload import DEFAULT_KINDS, WorkloadKind, WorkloadRef
from anomaly_operator.world.objects import Meta
from anomaly_operator.world.plan import Lookup, ReadWorkload
from anomaly_operator.world.view import Answer
from anomaly_operator.world.workload import Workload
from anomaly_sandbox.cluster import Sandbox
from detector_runtime.contract.vocabulary import Severity, Verdict

pytestmark = pytest.mark.controlplane

Json = dict[str, Any]
STEP = 60
NAME = "checkout"
MARKS = {"app": NAME}


def deployment(kind: str = "Deployment") -> Json:
    """With pods that no node takes: only the controllers of the control plane are wanted."""
    container = {"name": "app", "image": "registry.invalid/shop/checkout:1.8.3"}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": NAME},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": MARKS},
            "template": {
                "metadata": {"labels": MARKS},
                "spec": {"nodeSelector": {"none": "such"}, "containers": [container]},
            },
        },
    }


def image(tag: str) -> Json:
    container = {"name": "app", "image": f"registry.invalid/shop/checkout:{tag}"}
    return {"spec": {"template": {"spec": {"containers": [container]}}}}


@dataclass
class Shop:
    """One service; `lookups` answers what is asked, `writes` carries out what is planned."""

    sandbox: Sandbox
    kube: Kube
    writes: Executor
    lookups: Executor
    service: Meta
    state: IncidentState
    asked: int = 0
    workload: WorkloadRef | None = None

    def hit(self, end: int) -> None:
        window = Cycle(end, Verdict.ANOMALOUS, Severity.HIGH, "7", "90%", ("metric_latency",))
        settings = incident_settings(NAME, self.service.uid, STEP, IncidentPlan())
        self.state, _ = fold_windows(self.state, (window,), settings)

    async def reconcile(self, now: int) -> int:
        """How many writes it took."""
        answers: dict[Lookup, Answer] = {}
        while True:
            plan = plan_anomalies(self.state, await self._world(answers), now)
            if not plan.lookups:
                return await self.writes.run(plan.actions)
            self.asked += sum(isinstance(one, ReadWorkload) for one in plan.lookups)
            for one in plan.lookups:
                answers[one] = await self.lookups.answer(one)

    async def _world(self, answers: dict[Lookup, Answer]) -> AnomalyWorld:
        pages = self.kube.pages(resources.ANOMALY, self.service.namespace)
        observed = tuple([read.anomaly_object(raw) async for page in pages for raw in page])
        plan = IncidentPlan()
        settings = incident_settings(NAME, self.service.uid, STEP, plan)
        refs = {NAME: self.workload} if self.workload else {}
        terms = ChangeTerms(
            self.service.namespace, NAME, STEP, 3600, workloads=refs, answers=answers
        )
        parts = (changes_part(terms),)
        return AnomalyWorld(self.service, settings, plan, observed, answers, parts=parts)

    async def status(self) -> Json:
        (incident,) = self.state.tracked
        raw = await self.kube.get(resources.ANOMALY, self.service.namespace, incident.anomaly)
        assert raw is not None
        return dict(raw["status"])

    async def look(self) -> Workload:
        lookup = ReadWorkload(self.service.namespace, NAME, DEFAULT_KINDS)
        found = await self.writes.answer(lookup)
        assert isinstance(found, Workload)
        return found

    def revisions(self) -> int:
        return len(self.sandbox.list("replicasets", self.service.namespace))

    def deploy(self) -> None:
        self.sandbox.api.create("deployments", deployment(), self.service.namespace)
        self.sandbox.wait_for(lambda: self.revisions() == 1, 60, "the first revision")

    def roll(self) -> None:
        namespace = self.service.namespace
        self.sandbox.api.patch("deployments", NAME, namespace, image("1.9.0"))
        self.sandbox.wait_for(lambda: self.revisions() == 2, 60, "the second revision")


def client(sandbox: Sandbox, authorization: str = "") -> Kube:
    class Login:
        async def connect(self) -> Connection:
            own = await KubeconfigLogin(sandbox.kubeconfig).connect()
            if not authorization:
                return own
            return replace(own, cert_file=None, key_file=None, authorization=authorization)

    return Kube(Transport(Login(), TokenBucket(100, 200)))


@pytest.fixture
async def shop(crds: Sandbox, namespace: str) -> AsyncIterator[Shop]:
    kube = client(crds)
    made = await kube.create(
        {
            "apiVersion": resources.SERVICE.api_version,
            "kind": resources.SERVICE.kind,
            "metadata": {"name": NAME, "namespace": namespace},
            "spec": {"preset": "OpenTelemetrySpanMetrics"},
        }
    )
    executor = Executor(kube, Intake(Cache(), lambda _: None))
    yield Shop(crds, kube, executor, executor, read.metadata(made), IncidentState())
    await kube.close()


def opened(shop: Shop) -> int:
    """The end of the window that confirms an incident, which began a window after the rollout."""
    end = int(time.time()) // STEP * STEP + 3 * STEP
    shop.hit(end - STEP)
    shop.hit(end)
    return end


async def test_an_incident_names_the_rollout_before_it_and_is_written_once(shop: Shop) -> None:
    shop.deploy()
    shop.roll()
    end = opened(shop)
    assert await shop.reconcile(end) == 2
    status = await shop.status()
    first = status["changes"][0]
    assert (first["kind"], first["subject"], first["from"], first["to"]) == (
        "Rollout",
        "2",
        "1.8.3",
        "1.9.0",
    )
    assert first["workload"] == f"Deployment {shop.service.namespace}/{NAME}"
    assert (
        f"rollout 2 of Deployment {shop.service.namespace}/{NAME} (image 1.8.3 -> 1.9.0)"
        in (status["explanation"]["summary"])
    )
    assert status["explanation"]["recommendedActions"][0].endswith(
        f"kubectl rollout undo deployment/{NAME} -n {shop.service.namespace}"
    )
    assert status["changeLookup"] == {"at": to_text(end)}
    assert await shop.reconcile(end + 900) == 0
    assert shop.asked == 1
    shop.hit(end + STEP)
    assert (await shop.reconcile(end + STEP), shop.asked) == (1, 1)


async def test_what_the_controllers_and_a_pod_say_is_read(shop: Shop) -> None:
    namespace = shop.service.namespace
    shop.deploy()
    shop.sandbox.api.patch("deployments", NAME, namespace, {"spec": {"replicas": 3}})
    pods = shop.sandbox.wait_for(lambda: shop.sandbox.list("pods", namespace), 60, "a pod")
    ended = {"exitCode": 137, "reason": "OOMKilled", "finishedAt": to_text(int(time.time()))}
    container = {
        "name": "app",
        "image": "a",
        "imageID": "",
        "ready": False,
        "restartCount": 1,
        "lastState": {"terminated": {**ended, "startedAt": ended["finishedAt"]}},
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
    }
    status = {"status": {"containerStatuses": [container]}}
    shop.sandbox.api.patch("pods", pods[0]["metadata"]["name"], namespace, status, sub="status")

    def scaled() -> bool:
        events = shop.sandbox.api.request("GET", resources.EVENT.path(namespace))["items"]
        notes = [one.get("note", "") for one in events]
        return any("from 1 to 3" in note or "to 3 from 1" in note for note in notes)

    shop.sandbox.wait_for(scaled, 60, "the scaling")
    shop.roll()
    found = await shop.look()
    assert [one.number for one in sorted(found.revisions, key=lambda one: one.number)] == [1, 2]
    assert [(one.container, one.reason) for one in found.ends] == [("app", "OOMKilled")]
    assert (1, 3) in {(one.before, one.after) for one in found.scalings}
    assert found.unread == ()


async def test_without_the_right_the_incident_opens_and_says_so(shop: Shop) -> None:
    namespace = shop.service.namespace
    shop.deploy()
    shop.sandbox.api.create("serviceaccounts", {"metadata": {"name": "nobody"}}, namespace)
    token = shop.sandbox.api.token("nobody", namespace)
    nobody = client(shop.sandbox, f"Bearer {token}")
    narrow = Executor(nobody, Intake(Cache(), lambda _: None))

    class Lookups:
        """The incident's own name is looked up by the operator's right, the workload by none."""

        async def answer(self, lookup: Lookup) -> Answer:
            asks = narrow if isinstance(lookup, ReadWorkload) else shop.writes
            return await asks.answer(lookup)

    shop.lookups = Lookups()  # type: ignore[assignment]
    end = opened(shop)
    assert await shop.reconcile(end) == 2
    status = await shop.status()
    assert status["state"] == "Open"
    assert "changes" not in status
    assert status["changeLookup"]["message"] == (
        f"Changes of {namespace}/{NAME} are incomplete without deployments, statefulsets, "
        "rollouts: the operator may not read them; set changes.enabled of its chart to true, or "
        "grant it."
    )
    assert await shop.reconcile(end + 900) == 0
    await nobody.close()


async def test_a_kind_that_is_not_served_and_a_name_that_is_not_there(shop: Shop) -> None:
    shop.workload = WorkloadRef(WorkloadKind.ROLLOUT, "gone")
    end = opened(shop)
    assert await shop.reconcile(end) == 2
    assert (await shop.status())["changeLookup"]["message"] == (
        f"There is no Rollout {shop.service.namespace}/gone to look for changes of; set "
        "spec.workloadRef."
    )
