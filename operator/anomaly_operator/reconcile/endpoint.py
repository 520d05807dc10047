"""Has the model of a service answer requests: ConfigMap, Deployment and Service, and what becomes
of them.

Deployments and Services are read by name at each reconcile and never watched, because the operator
has no rights on them where the administrator does not let models be served. Whatever goes wrong
here stands in the condition Serving alone: training and detection go on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from anomaly_operator.api import names
from anomaly_operator.api.conditions import Condition, Truth
from anomaly_operator.api.names import ConditionType
from anomaly_operator.api.reasons import Reason
from anomaly_operator.api.resources import CONFIG_MAP, DEPLOYMENT, K8S_SERVICE, SERVING
from anomaly_operator.api.text import to_text
from anomaly_operator.manifests.serving import (
    endpoint,
    served_config,
    serving_deployment,
    serving_service,
)
from anomaly_operator.reconcile.children import Children
from anomaly_operator.reconcile.endpoint_condition import standing
from anomaly_operator.reconcile.situation import Situation
from anomaly_operator.spec.serving import ServingAuth
from anomaly_operator.status.endpoint import Endpoint
from anomaly_operator.training.book import Model
from anomaly_operator.world.objects import Child, DeploymentState
from anomaly_operator.world.plan import GetObject, Lookup, Write
from anomaly_operator.world.refusal import refusal_diagnosis
from anomaly_operator.world.view import Unlisted
from detector_runtime.contract.codec import loads
from detector_runtime.contract.serving import SERVED_FILE, Served
from detector_runtime.contract.vocabulary import ContractError

ROLLING_SECONDS = 15.0
"""Until it is looked again whether pods have become ready; nothing tells."""
TROUBLE_SECONDS = 60.0
CHECK_SECONDS = 600.0
"""Until a Deployment or Service that somebody changed is put right, where no run comes first."""


@dataclass(frozen=True, slots=True)
class EndpointStep:
    """`requeue_after` in seconds."""

    endpoint: Endpoint = field(default_factory=Endpoint)
    lookups: tuple[Lookup, ...] = ()
    actions: tuple[Write, ...] = ()
    requeue_after: float | None = None


def serve_model(
    situation: Situation, model: Model | None, level_offset: float, *, paused: bool
) -> EndpointStep:
    """`model`: what serves, and is to be served at its level raised by `level_offset`. `paused`:
    foreign objects are in the way of the service's pods."""
    plan, admin = situation.spec.serving, situation.settings.serving
    before = _mapping(situation.stored.raw.get("serving"))
    if not plan.enabled and not before:
        return EndpointStep()
    if not admin.enabled:
        return _told(before, Reason.SERVING_DISABLED, _disabled(situation, left=bool(before)))
    unasked = tuple(one for one in _questions(situation) if one not in situation.world.lookups)
    if unasked:
        return EndpointStep(lookups=unasked)
    if any(isinstance(situation.world.lookups[one], Unlisted) for one in _questions(situation)):
        return _told(before, Reason.FORBIDDEN, _FORBIDDEN)
    if not plan.enabled:
        return _removed(situation, before)
    if plan.auth is ServingAuth.TOKEN_REVIEW and not admin.account:
        return _told(before, Reason.ACCOUNT_NOT_SET, _NO_ACCOUNT)
    if model is None:
        text = "The Deployment is created with the first model; see ModelReady."
        return _told(before, Reason.NO_MODEL, text)
    if paused:
        text = "Nothing is started while objects of others are in the way; see Ready."
        return _told(before, Reason.NAME_CONFLICT, text)
    return _kept(situation, model, level_offset)


def _kept(situation: Situation, model: Model, level_offset: float) -> EndpointStep:
    service, children = situation.service, Children(situation.world)
    children.ensure(served_config(service, _served(children, situation, model, level_offset)))
    children.ensure(serving_service(service))
    children.ensure(serving_deployment(situation.resolved, situation.settings))
    found = children.live(DEPLOYMENT.kind, names.serving_name(service.name, service.uid))
    state = found.state if found and isinstance(found.state, DeploymentState) else None
    said = standing(situation, model, children.conflicts, state)
    if children.lookups or said.lookups:
        return EndpointStep(lookups=(*children.lookups, *said.lookups))
    shown = {
        "revision": model.revision,
        "endpoint": endpoint(service),
        "replicas": state.available if state else 0,
    }
    assert said.condition is not None
    settled = state is not None and state.settled and not children.actions
    troubled = said.condition.status is Truth.FALSE and not settled
    seconds = CHECK_SECONDS if settled else TROUBLE_SECONDS if troubled else ROLLING_SECONDS
    return EndpointStep(
        Endpoint(said.condition, shown), actions=tuple(children.actions), requeue_after=seconds
    )


def _served(children: Children, situation: Situation, model: Model, level_offset: float) -> Served:
    """`since` stays while the revision does."""
    service = situation.service
    live = children.live(CONFIG_MAP.kind, names.served_config_name(service.name, service.uid))
    known = _named(live)
    same = known is not None and known.revision == model.revision
    since = known.since if known and same else to_text(situation.now)
    return Served(model.revision, model.digest, since, level_offset)


def _named(live: Child | None) -> Served | None:
    if live is None:
        return None
    try:
        return loads(Served, str(_mapping(json.loads(live.body).get("data")).get(SERVED_FILE)))
    except ContractError:
        return None


def _removed(situation: Situation, before: Mapping[str, Any]) -> EndpointStep:
    """What is ours goes; `status.serving` with it, as the deletions come before the status."""
    world, service = situation.world, situation.service
    refused = refusal_diagnosis(tuple(one for one in world.withheld.refused if one.of_serving))
    if refused is not None and not world.withheld.retrying:
        return _told(before, refused.reason, refused.message)
    children = Children(world)
    name = names.served_config_name(service.name, service.uid)
    # One without its label is not watched any more.
    question = GetObject(CONFIG_MAP.api_version, CONFIG_MAP.kind, service.namespace, name)
    if (CONFIG_MAP.kind, name) not in world.children and question not in world.lookups:
        return EndpointStep(lookups=(question,))
    answers = (world.lookups[one] for one in _questions(situation))
    for child in (*answers, children.live(CONFIG_MAP.kind, name)):
        if not isinstance(child, Child) or child.meta.deleting:
            continue
        if service.uid in child.meta.owners:
            children.delete(child.meta)
    return EndpointStep(actions=tuple(children.actions))


def _questions(situation: Situation) -> tuple[GetObject, ...]:
    service = situation.service
    name = names.serving_name(service.name, service.uid)
    return tuple(
        GetObject(resource.api_version, resource.kind, service.namespace, name)
        for resource in SERVING
    )


def _told(before: Mapping[str, Any], reason: Reason, text: str) -> EndpointStep:
    """Nothing is done; what there was is as it was."""
    condition = Condition(ConditionType.SERVING, Truth.FALSE, reason, text)
    return EndpointStep(Endpoint(condition, before), requeue_after=CHECK_SECONDS)


def _disabled(situation: Situation, *, left: bool) -> str:
    if not left:
        return (
            "The administrator does not let models be served; have `serving.enabled` of the chart "
            "set to true, or set `spec.serving.enabled` to false."
        )
    service = situation.service
    name = names.serving_name(service.name, service.uid)
    return (
        "The administrator does not let models be served any more, and the operator has no right "
        "to remove what serves this one. Delete it with `kubectl delete "
        f"deployment,service {name} -n {service.namespace}`, or have `serving.enabled` of the "
        "chart set to true."
    )


_FORBIDDEN = (
    f"The operator may not read {DEPLOYMENT.kind}s and {K8S_SERVICE.kind}s in this namespace; "
    "grant it the rules that the chart creates with `serving.enabled`. The operator looks again "
    "every 10 minutes."
)
_NO_ACCOUNT = (
    "`spec.serving.auth: TokenReview` needs an account that may create TokenReviews; have the "
    "administrator name one in `serving.tokenReviewAccount`, or use `auth: Token`."
)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
