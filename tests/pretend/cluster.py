"""A pretended cluster and its operator: reconciles that read the cache and write to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from anomaly_operator.api.reasons import Reason
from anomaly_operator.api.text import to_text
from anomaly_operator.controller import views
from anomaly_operator.controller.suspender import trainer_object
from anomaly_operator.observe import read
from anomaly_operator.observe.pods import pod_state
from anomaly_operator.reconcile import service, slo_policy
from anomaly_operator.settings.values import MetricsSource, Settings
from anomaly_operator.world.plan import (
    AnyService,
    EventSpec,
    GetObject,
    ListObjects,
    Lookup,
    Plan,
    ReadTrainer,
    ReadWorkload,
)
from anomaly_operator.world.refusal import Withheld
from anomaly_operator.world.view import Answer, Listed, QueuePlace, Unlisted
from anomaly_operator.world.workload import Workload
from detector_runtime.contract.train_report import TrainReport
from detector_runtime.contract.vocabulary import RunOutcome, SourceType
from tests.pretend.api_server import Json
from tests.pretend.pods import WithPods

PROMETHEUS = MetricsSource(name="default", type=SourceType.PROMETHEUS, url="http://prometheus:9090")
SETTINGS = Settings(sources={"default": PROMETHEUS})


class Killed(Exception):  # noqa: N818 - it is no error of the code under test
    """The operator was killed before its next write."""


@dataclass
class Cluster(WithPods):
    """`writes` counts requests that write; `kill_after` ends the operator before one of them.
    `unlisted`: why objects of a kind that is not watched cannot be listed; None: they can.
    `workloads`: by name, what each went through; `looked_up`: what was asked of them.
    """

    settings: Settings = SETTINGS
    writes: int = 0
    kill_after: int | None = None
    queue: QueuePlace = field(default_factory=QueuePlace)
    withheld: Withheld = field(default_factory=Withheld)
    events: list[EventSpec] = field(default_factory=list)
    requeue_after: float | None = None
    unlisted: Reason | None = None
    workloads: dict[str, Workload] = field(default_factory=dict)
    looked_up: list[ReadWorkload] = field(default_factory=list)

    # What a user or the cluster does.

    def service(self, name: str = "checkout", **spec: Any) -> Json:
        """Create an AnomalyService, or change the spec of the one there is."""
        spec = {"preset": "OpenTelemetrySpanMetrics", **spec}
        if "metrics" in spec or "trainingRun" in spec:
            del spec["preset"]
        return self.put("AnomalyService", name, spec=spec)

    # What a test looks at.

    def status(self, name: str = "checkout") -> Json:
        status: Json = self.get("AnomalyService", name).get("status", {})
        return status

    def condition(self, kind: str, name: str = "checkout") -> Json:
        return next(entry for entry in self.status(name)["conditions"] if entry["type"] == kind)

    # The operator.

    def plan(self, name: str = "checkout", answers: dict[Lookup, Answer] | None = None) -> Plan:
        found = self.cache.service("shop", name)
        assert found is not None
        answers = {} if answers is None else answers
        while True:
            world = views.service_view(
                self.cache,
                found,
                self.queue,
                answers,
                self.withheld,
                open_namespaces=self.settings.dependencies.across_namespaces,
                max_anomalies=self.settings.max_anomalies,
            )
            plan = service.reconcile(world, float(self.now), self.settings)
            asked = [lookup for lookup in plan.lookups if lookup not in answers]
            if not asked:
                return plan
            answers.update({lookup: self._answer(lookup) for lookup in asked})

    def reconcile(self, name: str = "checkout") -> Plan:
        plan = self.plan(name)
        self.carry_out(plan)
        return plan

    def reconcile_policy(self, name: str) -> Plan:
        answers: dict[Lookup, Answer] = {}
        while True:
            key = ("SLOPolicy", "shop", name)
            world = views.policy_view(self.cache, key, answers, self.withheld)
            assert world is not None
            plan = slo_policy.reconcile(world, float(self.now), self.settings)
            if not plan.lookups:
                break
            answers.update({lookup: self._answer(lookup) for lookup in plan.lookups})
        self.carry_out(plan)
        return plan

    def settle(self, name: str = "checkout") -> int:
        """Reconcile until nothing is left to write; how many writes that took."""
        before = self.writes
        for _ in range(10):
            if not self.reconcile(name).actions:
                return self.writes - before
        raise AssertionError(f"{name} does not settle: {self.plan(name).actions}")

    def carry_out(self, plan: Plan) -> None:
        for action in plan.actions:
            if self.kill_after is not None and self.writes >= self.kill_after:
                raise Killed
            self.writes += 1
            self.act(action)
        self.events.extend(plan.events)
        self.requeue_after = plan.requeue_after

    def restart(self) -> None:
        """A new operator process: an empty cache, filled from what is there."""
        self.__post_init__()
        self.kill_after = None
        for raw in self.objects.values():
            if raw["kind"] != "Pod":
                self._intake.take(self.stored(raw))

    def _answer(self, lookup: Lookup) -> Answer:
        if isinstance(lookup, GetObject):
            raw = self.objects.get((lookup.kind, lookup.namespace, lookup.name))
            return read.child_object(raw) if raw else None
        if isinstance(lookup, ListObjects):
            if self.unlisted is not None:
                return Unlisted(self.unlisted)
            marked = dict(lookup.labels).items()
            found = (
                raw
                for raw in self.of_kind(lookup.kind)
                if marked <= raw["metadata"]["labels"].items()
            )
            return Listed(tuple(read.child_object(raw) for raw in found))
        if isinstance(lookup, AnyService):
            return any(space == lookup.namespace for _, space, _ in self._services())
        if isinstance(lookup, ReadWorkload):
            self.looked_up.append(lookup)
            return self.workloads.get(lookup.name, Workload())
        if isinstance(lookup, ReadTrainer):
            raw = self.objects.get((lookup.kind, lookup.namespace, lookup.name))
            return trainer_object(raw, lookup) if raw else None
        wanted = dict(lookup.labels)
        return tuple(
            pod_state(raw)
            for raw in self.of_kind("Pod")
            if wanted.items() <= raw["metadata"]["labels"].items()
        )

    def _services(self) -> list[tuple[str, str, str]]:
        return [key for key in self.objects if key[0] == "AnomalyService"]


def trained(cluster: Cluster, number: int = 1, **fields: Any) -> TrainReport:
    """The report of a training that went well."""
    return TrainReport(
        outcome=RunOutcome.SUCCEEDED,
        message="trained",
        revision=f"20261118-10{number:02d}00-00000{number}",
        digest=f"sha256:{number:064d}",
        trained_at=to_text(cluster.now),
        grade="A",
        samples=21600,
        **fields,
    )


def serving(cluster: Cluster, **spec: Any) -> Cluster:
    """A service with a model that has scored its first window."""
    cluster.service(**spec)
    cluster.settle()
    cluster.now += 30
    cluster.end_training(trained(cluster))
    cluster.settle()
    cluster.now += 60
    cluster.detect(scoredThrough=to_text(cluster.now - 60))
    cluster.settle()
    return cluster
