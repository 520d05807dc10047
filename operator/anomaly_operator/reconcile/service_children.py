"""The children of a service: what the namespace shares, the RunConfigs, the Job, the CronJob."""

from __future__ import annotations

from dataclasses import dataclass

from anomaly_operator.api import names
from anomaly_operator.manifests.jobs import Attempt, config_map, inference_cron_job, training_job
from anomaly_operator.manifests.metadata import Json
from anomaly_operator.manifests.namespace import (
    models_claim,
    owner_references,
    role,
    role_binding,
    service_account,
)
from anomaly_operator.manifests.run_config import Resolved, scoring_config, training_config
from anomaly_operator.reconcile.children import Children, spec_of
from anomaly_operator.settings.values import Settings
from anomaly_operator.training.decide import Phase, TrainingStep
from anomaly_operator.training.promotion import Serving
from anomaly_operator.world.objects import ClaimState, CronJobState
from anomaly_operator.world.plan import Create
from anomaly_operator.world.view import ServiceWorld
from detector_runtime.contract.run_config import Interval, SLOSpec

CLAIM_KIND = "PersistentVolumeClaim"


@dataclass(frozen=True, slots=True)
class Run:
    """What the pods of this service are made of. `windows` are those that a training that starts
    leaves out; `level_offset` is what scoring adds to the model's alert level.
    """

    resolved: Resolved
    settings: Settings
    training: TrainingStep
    serving: Serving
    slo: SLOSpec | None
    windows: tuple[Interval, ...]
    level_offset: float = 0.0


def ensure_shared(children: Children, world: ServiceWorld, settings: Settings) -> None:
    """The runner's account and the claim, owned by every live service of the namespace."""
    namespace, owners = world.service.meta.namespace, owner_references(world.siblings)
    children.ensure(service_account(namespace, owners))
    children.ensure(role(namespace, owners))
    # A foreign account or Role may be anybody's: binding one to the other would grant what nobody
    # of ours has read.
    if not children.conflicts:
        children.ensure(role_binding(namespace, owners))
    live = spec_of(children.live(CLAIM_KIND, names.MODELS_CLAIM))
    children.ensure(models_claim(namespace, owners, settings.storage, live))


def lost_claim(world: ServiceWorld) -> bool:
    claim = world.children.get((CLAIM_KIND, names.MODELS_CLAIM))
    return claim is not None and claim.state == ClaimState("Lost")


def ensure_run(children: Children, world: ServiceWorld, run: Run, inputs: str) -> dict[str, str]:
    """RunConfigs, Job and CronJob; returns `status.references`."""
    service = run.resolved.meta
    references = {"claim": names.MODELS_CLAIM}
    configs = []
    if run.training.book.job:
        references["trainingJob"] = run.training.book.job
    if run.training.phase is Phase.STARTING and not children.conflicts:
        configs.append(_start_training(children, world, run))
    if run.serving.model is not None:
        config = _scoring_config(children, world, run, inputs)
        if not world.withheld.holds("ConfigMap", config):
            children.ensure(inference_cron_job(run.resolved, run.settings, config))
        references["config"] = config
        references["inferenceCronJob"] = names.cron_job_name(service.name, service.uid)
        configs.append(config)
    children.prune_configs(configs)
    return references


def _start_training(children: Children, world: ServiceWorld, run: Run) -> str:
    book, model = run.training.book, run.serving.model
    config = config_map(
        run.resolved.meta,
        training_config(
            run.resolved,
            incidents=run.windows,
            live_services=[sibling.uid for sibling in world.siblings],
            serving=model.ref if model else None,
            keep_revisions=run.settings.storage.keep_revisions,
        ),
    )
    children.ensure(config)
    name: str = config["metadata"]["name"]
    reason = book.trigger.value if book.trigger else ""
    attempt = Attempt(book.job, reason, book.inputs, book.request)
    children.actions.append(Create(training_job(run.resolved, run.settings, name, attempt)))
    return name


def _scoring_config(children: Children, world: ServiceWorld, run: Run, inputs: str) -> str:
    """Name of the RunConfig that scores. While a changed spec waits for its model, the old model
    goes on with the config that it was promoted with: it would not fit the new metrics.
    """
    model, service = run.serving.model, run.resolved.meta
    assert model is not None
    cron_job = world.children.get(("CronJob", names.cron_job_name(service.name, service.uid)))
    if model.inputs != inputs and not run.serving.pinned and cron_job is not None:
        state = cron_job.state
        live = state.config if isinstance(state, CronJobState) else ""
        if ("ConfigMap", live) in world.children:
            return live
    config: Json = config_map(
        service, scoring_config(run.resolved, run.slo, model.ref, run.level_offset)
    )
    children.ensure(config)
    name: str = config["metadata"]["name"]
    return name
