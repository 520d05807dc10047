"""The children of a service: what the namespace shares, the RunConfigs, the Job, the CronJob."""

from __future__ import annotations

from anomaly_operator.api import names
from anomaly_operator.api.resources import CLAIM, CONFIG_MAP, CRON_JOB
from anomaly_operator.incidents.state import IncidentState
from anomaly_operator.manifests.jobs import Attempt, config_map, inference_cron_job, training_job
from anomaly_operator.manifests.namespace import (
    models_claim,
    role,
    role_binding,
    service_account,
)
from anomaly_operator.manifests.run_config import scoring_config, training_config
from anomaly_operator.reconcile.children import Children, spec_of
from anomaly_operator.reconcile.decision import Decision
from anomaly_operator.reconcile.situation import Situation
from anomaly_operator.reconcile.training_run import follower
from anomaly_operator.settings.values import Settings
from anomaly_operator.spec.service import ServiceSpec
from anomaly_operator.training.book import Model
from anomaly_operator.training.exclusions import incident_windows
from anomaly_operator.training.step import Phase
from anomaly_operator.world.objects import ClaimState, CronJobState
from anomaly_operator.world.plan import Create
from anomaly_operator.world.view import ServiceView


def ensure_shared(
    children: Children, world: ServiceView, settings: Settings, *, models: bool
) -> None:
    """The runner's account and the claim. `models`: the service needs the claim; a training run
    that keeps its state beside its log does not."""
    namespace = world.service.meta.namespace
    children.ensure(service_account(namespace))
    children.ensure(role(namespace, world.siblings.trainers))
    # A foreign account or Role may be anybody's: binding one to the other would grant what nobody
    # of ours has read.
    if not children.conflicts:
        children.ensure(role_binding(namespace))
    if models:
        live = spec_of(children.live(CLAIM.kind, names.MODELS_CLAIM))
        children.ensure(models_claim(namespace, settings.storage, live))


def needs_models(spec: ServiceSpec) -> bool:
    """Whether its pods mount the claim of models."""
    return spec.training_run is None or not spec.training_run.writes_to_claim


def lost_claim(world: ServiceView) -> bool:
    claim = world.children.get((CLAIM.kind, names.MODELS_CLAIM))
    return claim is not None and claim.state == ClaimState("Lost")


def ensure_run(
    children: Children,
    situation: Situation,
    decision: Decision,
    incidents: IncidentState | None,
) -> dict[str, str]:
    """RunConfigs, Job and CronJob; returns `status.references`."""
    service, training = situation.service, decision.training
    references = {"claim": names.MODELS_CLAIM}
    configs = []
    if training.book.job:
        references["trainingJob"] = training.book.job
    if training.phase is Phase.STARTING and not children.conflicts:
        configs.append(_start_training(children, situation, decision, incidents))
    if decision.serving.model is not None:
        config = _scoring_config(children, situation, decision, decision.serving.model)
        if not situation.world.withheld.holds(CONFIG_MAP.kind, config):
            children.ensure(inference_cron_job(situation.resolved, situation.settings, config))
        references["config"] = config
        references["inferenceCronJob"] = names.cron_job_name(service.name, service.uid)
        configs.append(config)
    elif (left := follower(situation.world)) is not None:
        children.delete(left.meta)
    children.prune_configs(configs)
    return references


def _start_training(
    children: Children,
    situation: Situation,
    decision: Decision,
    incidents: IncidentState | None,
) -> str:
    """Have the Job and its RunConfig made; the name of the RunConfig. Only here is every Anomaly
    object of the service read.
    """
    book, model, world = decision.training.book, decision.serving.model, situation.world
    plan, step = situation.spec.training, situation.step_seconds
    after = situation.spec.incidents.learn_after_seconds
    spans = incident_windows(
        incidents, world.anomalies, plan, step, situation.now, learn_after=after
    )
    config = config_map(
        situation.service,
        training_config(
            situation.resolved,
            incidents=spans.left_out,
            accepted=spans.accepted,
            live_services=world.siblings.uids,
            serving=model.ref if model else None,
            keep_revisions=situation.settings.storage.keep_revisions,
            slo=decision.policy.slo,
        ),
    )
    children.ensure(config)
    name: str = config["metadata"]["name"]
    reason = book.trigger.value if book.trigger else ""
    attempt = Attempt(book.job, reason, book.inputs, book.request)
    job = training_job(situation.resolved, situation.settings, name, attempt)
    children.actions.append(Create(job))
    return name


def _scoring_config(
    children: Children, situation: Situation, decision: Decision, model: Model
) -> str:
    """Name of the RunConfig that scores. While a changed spec waits for its model, the old model
    goes on with the config that it was promoted with: it would not fit the new metrics.
    """
    service, live = situation.service, situation.world.children
    cron_job = live.get((CRON_JOB.kind, names.cron_job_name(service.name, service.uid)))
    if model.inputs != situation.inputs and not decision.serving.pinned and cron_job is not None:
        state = cron_job.state
        promoted_with = state.config if isinstance(state, CronJobState) else ""
        if (CONFIG_MAP.kind, promoted_with) in live:
            return promoted_with
    scoring = scoring_config(
        situation.resolved,
        decision.policy.slo,
        model.ref,
        decision.control.offset,
        decision.objectives.specs,
    )
    config = config_map(service, scoring)
    children.ensure(config)
    name: str = config["metadata"]["name"]
    return name
