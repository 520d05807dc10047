"""Objects, uids, resourceVersions and a clock in memory, fed back through the operator's cache.

Strict where the API server is: uid and resourceVersion preconditions, immutable names, a write
that changes nothing changes no version. Time moves only when a test moves it.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from anomaly_operator.api import names
from anomaly_operator.api.reasons import Reason
from anomaly_operator.api.resources import CUSTOM, SERVICE
from anomaly_operator.api.text import to_text
from anomaly_operator.controller import views
from anomaly_operator.controller.suspender import trainer_object
from anomaly_operator.manifests.metadata import Component
from anomaly_operator.observe import read
from anomaly_operator.observe.cache import Cache, Change
from anomaly_operator.observe.intake import Intake
from anomaly_operator.observe.pods import pod_state
from anomaly_operator.reconcile import service, slo_policy
from anomaly_operator.settings.values import MetricsSource, Settings
from anomaly_operator.status.packing import stored_form
from anomaly_operator.world.plan import (
    AnyService,
    Apply,
    ApplyStatus,
    Create,
    Delete,
    Disown,
    EventSpec,
    GetObject,
    ListObjects,
    Lookup,
    ObjectRef,
    Plan,
    ReadTrainer,
    ReadWorkload,
    Suspend,
    Write,
)
from anomaly_operator.world.refusal import Withheld
from anomaly_operator.world.view import Answer, Listed, QueuePlace, Unlisted
from anomaly_operator.world.workload import Workload
from detector_runtime.contract.codec import dumps
from detector_runtime.contract.train_report import TrainReport
from detector_runtime.contract.vocabulary import RunOutcome, SourceType

Json = dict[str, Any]
START = 1_795_000_000
"""2026-11-18T11:06:40Z, a Wednesday."""

PROMETHEUS = MetricsSource(name="default", type=SourceType.PROMETHEUS, url="http://prometheus:9090")
SETTINGS = Settings(sources={"default": PROMETHEUS})


class Killed(Exception):  # noqa: N818 - it is no error of the code under test
    """The operator was killed before its next write."""


class Conflict(Exception):  # noqa: N818 - named as the API server names it
    """409."""


@dataclass
class Cluster:
    """`writes` counts requests that write; `kill_after` ends the operator before one of them.
    `unlisted`: why objects of a kind that is not watched cannot be listed; None: they can.
    `workloads`: by name, what each went through; `looked_up`: what was asked of them.
    """

    settings: Settings = SETTINGS
    now: int = START
    writes: int = 0
    kill_after: int | None = None
    queue: QueuePlace = field(default_factory=QueuePlace)
    withheld: Withheld = field(default_factory=Withheld)
    events: list[EventSpec] = field(default_factory=list)
    requeue_after: float | None = None
    unlisted: Reason | None = None
    workloads: dict[str, Workload] = field(default_factory=dict)
    looked_up: list[ReadWorkload] = field(default_factory=list)
    suspensions: int = 0
    objects: dict[tuple[str, str, str], Json] = field(default_factory=dict)
    _versions: int = 0

    def __post_init__(self) -> None:
        self.cache = Cache()
        self._intake = Intake(self.cache, lambda change: None)

    def listen(self, listener: Callable[[Change], None]) -> Intake:
        """Tell `listener` of every change from now on."""
        self._intake = Intake(self.cache, listener)
        return self._intake

    # What a user or the cluster does.

    def service(self, name: str = "checkout", **spec: Any) -> Json:
        """Create an AnomalyService, or change the spec of the one there is."""
        spec = {"preset": "OpenTelemetrySpanMetrics", **spec}
        if "metrics" in spec or "trainingRun" in spec:
            del spec["preset"]
        return self.put("AnomalyService", name, spec=spec)

    def put(self, kind: str, name: str, namespace: str = "shop", **parts: Any) -> Json:
        known = self.objects.get((kind, namespace, name))
        version = names.API_VERSION if kind in _OURS else "v1"
        raw: Json = copy.deepcopy(known) if known else self._new(version, kind, namespace, name)
        labels = parts.pop("labels", None)
        annotations = parts.pop("annotations", None)
        if labels is not None:
            raw["metadata"]["labels"] = labels
        if annotations is not None:
            raw["metadata"]["annotations"] = annotations
        if known and parts.get("spec", known.get("spec")) != known.get("spec"):
            raw["metadata"]["generation"] += 1
        raw.update(parts)
        return self._store(raw)

    def remove(self, kind: str, name: str, namespace: str = "shop") -> None:
        """Delete, with what nobody else owns."""
        gone = self.objects.pop((kind, namespace, name))
        self._intake.remove(read.metadata(gone))
        uid = gone["metadata"]["uid"]
        for other in list(self.objects.values()):
            owners = other["metadata"].get("ownerReferences", [])
            left = [owner for owner in owners if owner["uid"] != uid]
            if owners and not left:
                self.remove(other["kind"], other["metadata"]["name"], namespace)
            elif len(left) != len(owners):
                other["metadata"]["ownerReferences"] = left
                self._store(other)

    def end_training(self, report: TrainReport | None, succeeded: bool = True) -> Json:
        """The newest training Job ends; its pod leaves `report`."""
        job = self.jobs()[-1]
        ended = "Complete" if succeeded else "Failed"
        job["status"] = {
            "startTime": to_text(self.now),
            "conditions": [
                {"type": ended, "status": "True", "lastTransitionTime": to_text(self.now)}
            ],
        }
        message = dumps(report) if report else ""
        self.pod_of(job, terminated={"exitCode": 0 if succeeded else 1, "message": message})
        return self._store(job)

    def end_process(self, report: TrainReport | None, code: int = 0) -> Json:
        """The newest training's process ends; an injected sidecar keeps its pod running."""
        job = self.jobs()[-1]
        job["status"] = {"startTime": job["metadata"]["creationTimestamp"], "active": 1, "ready": 0}
        message = dumps(report) if report else ""
        ended = {"exitCode": code, "message": message, "finishedAt": to_text(self.now)}
        self.pod_of(job, terminated=ended)
        pod = self.objects["Pod", "shop", f"{job['metadata']['name']}-pod"]
        pod["status"] = {
            "phase": "Running",
            "containerStatuses": [
                {"name": "istio-proxy", "state": {"running": {}}},
                {"name": names.CONTAINER, "state": {"terminated": ended}},
            ],
        }
        return self._store(job)

    def pod_of(self, job: Json, **state: Any) -> None:
        name = job["metadata"]["name"]
        pod = self._new("v1", "Pod", job["metadata"]["namespace"], f"{name}-pod")
        pod["metadata"]["labels"] = {
            **job["spec"]["template"]["metadata"]["labels"],
            "batch.kubernetes.io/job-name": name,
        }
        pod["status"] = {"phase": "Pending", "containerStatuses": [{"state": state}]}
        self.objects["Pod", "shop", f"{name}-pod"] = pod

    def scoring_pod(self, name: str = "checkout", **state: Any) -> None:
        """The pod of an inference Job, with its container in that state."""
        service = self.objects["AnomalyService", "shop", name]
        pod = self._new("v1", "Pod", "shop", f"{name}-inf-pod")
        pod["metadata"]["labels"] = {
            names.LABEL_SERVICE_UID: service["metadata"]["uid"],
            names.LABEL_COMPONENT: Component.INFERENCE.value,
        }
        pod["status"] = {"phase": "Pending", "containerStatuses": [{"state": state}]}
        self.objects["Pod", "shop", f"{name}-inf-pod"] = pod

    def detect(self, name: str = "checkout", **detection: Any) -> None:
        """The scoring pod applies `.status.detection`."""
        raw = copy.deepcopy(self.objects["AnomalyService", "shop", name])
        status = raw.setdefault("status", {})
        status["detection"] = {
            "formatVersion": 1,
            "modelRevision": status.get("model", {}).get("revision", ""),
            "run": {"outcome": "Succeeded"},
            **detection,
        }
        self._store(raw)

    def report_run(self, name: str = "checkout", **report: Any) -> None:
        """The pod that follows a training run applies `.status.trainingRun`."""
        raw = copy.deepcopy(self.objects["AnomalyService", "shop", name])
        raw.setdefault("status", {})["trainingRun"] = {"formatVersion": 1, **report}
        self._store(raw)

    def follow(self, state: str, *rows: str, name: str = "checkout", **detection: Any) -> None:
        """The pod of a training run applies `.status.detection` and `.status.trainingRun`; `rows`:
        names of triggers in the newest window, each of which is critical."""
        through = to_text(self.now - self.now % 60)
        window = {"end": through, "verdict": "Anomalous", "severity": "Critical", "score": "10"}
        found = [{**window, "patterns": list(rows)}] if rows else []
        known = {"stepSeconds": 60, "scoredFrom": to_text(self.now - self.now % 60 - 60)}
        known |= {"scoredThrough": through, "windows": found}
        self.detect(name, modelRevision="", **{**known, **detection})
        raw = copy.deepcopy(self.objects["AnomalyService", "shop", name])
        run = {"formatVersion": 1, "state": state, "since": through, "step": self.now % 10_000}
        raw["status"]["trainingRun"] = {**run, "lastRowAt": through}
        self._store(raw)

    # What a test looks at.

    def get(self, kind: str, name: str, namespace: str = "shop") -> Json:
        return self.objects[kind, namespace, name]

    def of_kind(self, kind: str) -> list[Json]:
        return [raw for (known, _, _), raw in self.objects.items() if known == kind]

    def jobs(self) -> list[Json]:
        return sorted(self.of_kind("Job"), key=lambda raw: int(raw["metadata"]["resourceVersion"]))

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
            self._act(action)
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

    def _delete(self, action: Delete) -> None:
        target, version = action.target, action.resource_version
        known = self.objects.get((target.kind, target.namespace, target.name))
        if known and known["metadata"]["uid"] == target.uid:
            if version not in ("", known["metadata"]["resourceVersion"]):
                raise Conflict(target)
            if action.owner:
                self.cache.holdings.gave(action.owner)
            self.remove(target.kind, target.name, target.namespace)

    def _act(self, action: Write) -> None:
        match action:
            case Apply(manifest, uid):
                self._apply(manifest, uid)
            case Create(manifest):
                metadata = manifest["metadata"]
                key = (manifest["kind"], metadata["namespace"], metadata["name"])
                if key not in self.objects:
                    self._apply(manifest, "")
            case Delete():
                self._delete(action)
            case Disown(target):
                self._disown(target)
            case Suspend():
                self._suspend(action)
            case ApplyStatus(target, version, status):
                raw = copy.deepcopy(self.get(target.kind, target.name, target.namespace))
                if version and raw["metadata"]["resourceVersion"] != version:
                    raise Conflict(target)
                kept = {name: raw.get("status", {}).get(name) for name in _OF_OTHERS}
                raw["status"] = json.loads(json.dumps(status))
                for name, value in kept.items():
                    if value and name not in raw["status"]:
                        raw["status"][name] = value
                self._store(raw)

    def _disown(self, target: ObjectRef) -> None:
        raw = copy.deepcopy(self.get(target.kind, target.name, target.namespace))
        owners = raw["metadata"].pop("ownerReferences", [])
        kept = [one for one in owners if one["kind"] != "AnomalyService"]
        if kept:
            raw["metadata"]["ownerReferences"] = kept
        self._store(raw)

    def _suspend(self, action: Suspend) -> None:
        target = action.target
        raw = copy.deepcopy(self.get(target.kind, target.name, target.namespace))
        if raw["metadata"]["resourceVersion"] != action.resource_version:
            raise Conflict(target)
        marked = raw["metadata"].setdefault("annotations", {})
        marked[names.ANNOTATION_SUSPENDED_FOR] = action.anomaly
        raw["spec"] = {**raw.get("spec", {}), "suspend": True}
        self.suspensions += 1
        self._store(raw)

    def _apply(self, manifest: Mapping[str, Any], uid: str) -> None:
        metadata = manifest["metadata"]
        kind, namespace, name = manifest["kind"], metadata["namespace"], metadata["name"]
        known = self.objects.get((kind, namespace, name))
        if uid and (known is None or known["metadata"]["uid"] != uid):
            raise Conflict(name)
        raw = copy.deepcopy(known) or self._new(manifest["apiVersion"], kind, namespace, name)
        applied = json.loads(json.dumps(manifest))
        for key, value in applied.pop("metadata").items():
            raw["metadata"][key] = value
        raw.update(applied)
        self._store(raw)

    def _new(self, version: str, kind: str, namespace: str, name: str) -> Json:
        self._versions += 1
        metadata = {
            "name": name,
            "namespace": namespace,
            "uid": f"{kind.lower()}-{self._versions:08d}",
            "generation": 1,
            "creationTimestamp": to_text(self.now),
        }
        return {"apiVersion": version, "kind": kind, "metadata": metadata}

    def stored(self, raw: Json) -> Json:
        """`raw` as the operator gets it: tests read the status of a service in fields."""
        found = copy.deepcopy(raw)
        if found["kind"] == SERVICE.kind and "status" in found:
            found["status"] = stored_form(found["status"])
        return found

    def _store(self, raw: Json) -> Json:
        key = (raw["kind"], raw["metadata"]["namespace"], raw["metadata"]["name"])
        known = self.objects.get(key)
        if known is not None and known is not raw and known == raw:
            return known
        self._versions += 1
        raw["metadata"]["resourceVersion"] = str(self._versions)
        self.objects[key] = raw
        self._intake.take(self.stored(raw))
        return raw


_OF_OTHERS = ("detection", "trainingRun", "notifications")
"""What an apply of a status leaves alone: it belongs to another field manager."""
_OURS = tuple(resource.kind for resource in CUSTOM)


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
