"""What the operator would do for a service, before and after a change: its own reconcile, asked
about objects that need not exist.

The children are rendered as for a namespace without any, so that what differs between the two is
the change alone, and nobody needs the right to read Jobs or Roles. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from anomaly_operator.api.fields import SpecError
from anomaly_operator.api.resources import JOB, SERVICE
from anomaly_operator.manifests.run_config import Resolved, resolve
from anomaly_operator.reconcile.service import reconcile
from anomaly_operator.settings.values import MetricsSource, Settings
from anomaly_operator.slo.choice import PolicyChoice, policy_for
from anomaly_operator.spec.service import ServiceSpec
from anomaly_operator.status.stored import Status, read_status
from anomaly_operator.training.inputs import model_renamed, training_inputs, wider_inputs
from anomaly_operator.world.objects import (
    AnomalyObject,
    PolicyObject,
    ServiceObject,
    Sibling,
)
from anomaly_operator.world.peers import local_name, target_of
from anomaly_operator.world.plan import Apply, ApplyStatus, Create, GetObject, ListPods, Lookup
from anomaly_operator.world.siblings import Siblings
from anomaly_operator.world.view import Answer, Listed, ServiceView
from detector_runtime.contract.train_report import model_shape
from detector_runtime.contract.vocabulary import SourceType

MAX_ROUNDS = 4
Manifests = Mapping[tuple[str, str], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Namespace:
    """What stands around a service: the policies and services of its namespace, its incidents."""

    policies: tuple[PolicyObject, ...] = ()
    services: tuple[ServiceObject, ...] = ()
    anomalies: tuple[AnomalyObject, ...] = ()


@dataclass(frozen=True, slots=True)
class Outlook:
    """What comes of a spec. `children` by (kind, name), but for Jobs; `conditions` by type, each
    with status, reason and message; `inputs`: what a model is trained for, `shape`: what it must
    have been trained for to score; `refused`: why the spec cannot be carried out.
    """

    service: ServiceObject
    policy: PolicyChoice
    children: Manifests = field(default_factory=dict)
    conditions: Mapping[str, tuple[str, str, str]] = field(default_factory=dict)
    inputs: str = ""
    shape: str = ""
    refused: str = ""
    resolved: Resolved | None = None

    @property
    def spec(self) -> ServiceSpec:
        assert self.service.spec is not None
        return self.service.spec


def assumed(settings: Settings | None, *specs: ServiceSpec) -> Settings:
    """The settings to plan with: those given, else the built-in ones with each source that a spec
    names, as a Prometheus (an MLflow server where it asks for one) at an address that nobody dials.
    """
    if settings is not None:
        return settings
    sources = {
        spec.source: MetricsSource(spec.source, _type(spec), url="http://source.invalid")
        for spec in specs
    }
    return Settings(sources=sources)


def _type(spec: ServiceSpec) -> SourceType:
    asked = spec.training_run.rows if spec.training_run else SourceType.PROMETHEUS
    return SourceType.MLFLOW if asked is SourceType.MLFLOW else SourceType.PROMETHEUS


def outlook(service: ServiceObject, around: Namespace, settings: Settings, now: int) -> Outlook:
    """Of a service with a valid spec. Raises NewerStatusError."""
    spec = service.spec
    assert spec is not None
    # No policy holds for a training run.
    choice = (
        PolicyChoice()
        if spec.training_run
        else policy_for(service.meta, spec.slo_policy, around.policies)
    )
    try:
        resolved = resolve(service.meta, spec, settings, now)
    except SpecError as error:
        return Outlook(service, choice, refused=str(error.problem))
    actions = _planned(service, around, settings, now)
    found = [action.manifest for action in actions if isinstance(action, Apply | Create)]
    children = {(str(one["kind"]), str(one["metadata"]["name"])): one for one in found}
    return Outlook(
        service,
        choice,
        {key: one for key, one in children.items() if key[0] != JOB.kind},
        _conditions(service, actions),
        training_inputs(resolved),
        model_shape([one.name for one in resolved.metrics], spec.step_seconds),
        resolved=resolved,
    )


def serving(found: Outlook) -> Status:
    """The status as stored, with the model under the name that its inputs have today."""
    stored = read_status(found.service.status)
    if stored.model is None or found.resolved is None:
        return stored
    wider = wider_inputs(found.resolved)
    return replace(stored, model=model_renamed(stored.model, wider, found.inputs))


def _planned(
    service: ServiceObject, around: Namespace, settings: Settings, now: int
) -> tuple[object, ...]:
    others = [one for one in around.services if one.meta.name != service.meta.name]
    view = ServiceView(
        service=service,
        policies=around.policies,
        siblings=Siblings.of(_sibling(one) for one in (service, *others)),
        anomalies=around.anomalies,
    )
    answers: dict[Lookup, Answer] = {}
    for _ in range(MAX_ROUNDS):
        plan = reconcile(replace(view, lookups=answers), now, settings)
        if not plan.lookups:
            return plan.actions
        answers |= {lookup: _nothing(lookup) for lookup in plan.lookups}
    return ()


def _nothing(lookup: Lookup) -> Answer:
    """The answer of a cluster that has no such object."""
    match lookup:
        case GetObject():
            return None
        case ListPods():
            return ()
    return Listed(())


def _sibling(one: ServiceObject) -> Sibling:
    own = one.meta.namespace
    named = one.spec.depends_on if one.spec else ()
    depends = tuple(local_name(target_of(other, own), own) for other in named)
    trainer = one.spec.trainer if one.spec else None
    return Sibling(one.meta.name, one.meta.uid, depends, one.severity, one.judged, trainer=trainer)


def _conditions(
    service: ServiceObject, actions: tuple[object, ...]
) -> Mapping[str, tuple[str, str, str]]:
    """Those of the status that would be written, else those that stand there."""
    status: Mapping[str, Any] = read_status(service.status).raw
    for action in actions:
        if isinstance(action, ApplyStatus) and action.target.kind == SERVICE.kind:
            status = action.status
    found = status.get("conditions") or ()
    return {one["type"]: (one["status"], one["reason"], one["message"]) for one in found}


def run_config(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The document in a RunConfig's ConfigMap."""
    texts = list((manifest.get("data") or {}).values())
    found = json.loads(texts[0]) if texts else {}
    return found if isinstance(found, dict) else {}
