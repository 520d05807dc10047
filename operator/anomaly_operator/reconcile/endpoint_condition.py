"""The condition Serving of a model that is to be served: whether pods answer, and if not, why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from anomaly_operator.api import names
from anomaly_operator.api.conditions import Condition, Truth
from anomaly_operator.api.names import ConditionType
from anomaly_operator.api.reasons import Reason
from anomaly_operator.api.text import sentence
from anomaly_operator.manifests.metadata import Component
from anomaly_operator.manifests.serving import endpoint
from anomaly_operator.reconcile.situation import Situation
from anomaly_operator.spec.serving import ServingAuth
from anomaly_operator.training.book import Model
from anomaly_operator.world.diagnosis import diagnose_pods
from anomaly_operator.world.objects import DeploymentState
from anomaly_operator.world.plan import ListPods, Lookup
from anomaly_operator.world.refusal import refusal_diagnosis


@dataclass(frozen=True, slots=True)
class Standing:
    """`condition` None: `lookups` have to be answered first."""

    condition: Condition | None = None
    lookups: tuple[Lookup, ...] = ()


def standing(
    situation: Situation,
    model: Model,
    conflicts: Sequence[str],
    state: DeploymentState | None,
) -> Standing:
    """`conflicts`: foreign objects, as `Kind name`. `state`: None where there is no Deployment."""
    if conflicts:
        text = (
            f"{' and '.join(conflicts)} is in the way and does not belong to the operator; rename "
            "or delete it."
        )
        return _said(Truth.FALSE, Reason.NAME_CONFLICT, text)
    refused = situation.world.withheld.refused
    diagnosis = refusal_diagnosis(tuple(one for one in refused if one.of_serving))
    if diagnosis is not None:
        return _said(Truth.FALSE, diagnosis.reason, diagnosis.message)
    if situation.spec.suspend:
        text = "`spec.suspend` is true, so the Deployment has no replicas."
        return _said(Truth.FALSE, Reason.SUSPENDED, text)
    if state is not None and state.available > 0:
        return _said(Truth.TRUE, Reason.AVAILABLE, _available(situation, model))
    return _unavailable(situation, state)


def _available(situation: Situation, model: Model) -> str:
    text = f"Revision {model.revision} is served at {endpoint(situation.service)}."
    wanted, most = situation.spec.serving.replicas, situation.settings.serving.max_replicas
    if wanted <= most:
        return text
    return (
        f"{text} The administrator allows {most} replica{'s' * (most != 1)} "
        f"(`serving.maxReplicas`), and `spec.serving.replicas` asks for {wanted}."
    )


def _unavailable(situation: Situation, state: DeploymentState | None) -> Standing:
    service = situation.service
    labels = (
        (names.LABEL_SERVICE_UID, service.uid),
        (names.LABEL_COMPONENT, Component.SERVING.value),
    )
    question = ListPods(service.namespace, labels)
    if question not in situation.world.lookups:
        return Standing(lookups=(question,))
    pods = situation.world.lookups[question]
    cause = diagnose_pods(pods if isinstance(pods, tuple) else (), "serving")
    if cause is not None:
        return _said(Truth.FALSE, cause.reason, sentence(cause.message))
    name = names.serving_name(service.name, service.uid)
    token = ""
    if situation.spec.serving.auth is ServingAuth.TOKEN:
        token = f" It needs the key `token` of Secret {names.SERVING_TOKEN} to be ready."
    if state is not None and state.failure:
        text = sentence(f"Deployment {name} has no pod that is ready: {state.failure}")
        return _said(Truth.FALSE, Reason.NOT_AVAILABLE, f"{text}{token}")
    text = f"No pod of Deployment {name} is ready yet.{token}"
    return _said(Truth.UNKNOWN, Reason.ROLLING_OUT, text)


def _said(truth: Truth, reason: Reason, text: str) -> Standing:
    return Standing(Condition(ConditionType.SERVING, truth, reason, text))
