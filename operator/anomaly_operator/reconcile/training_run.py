"""A service of profile TrainingRun: what is decided about it, and its children.

It has no training, no model and no SLO: one CronJob follows the log. What an earlier profile left
goes: training Jobs here, and the CronJob that follows a run where a service stopped being one.
"""

from __future__ import annotations

from anomaly_operator.api import names
from anomaly_operator.api.resources import CONFIG_MAP, CRON_JOB
from anomaly_operator.incidents.level_control import Control
from anomaly_operator.manifests.jobs import config_map, inference_cron_job
from anomaly_operator.manifests.metadata import Component
from anomaly_operator.manifests.run_config import following_config
from anomaly_operator.reconcile.children import Children, component_of, jobs_of
from anomaly_operator.reconcile.decision import Decision
from anomaly_operator.reconcile.situation import Situation
from anomaly_operator.slo.choice import PolicyChoice
from anomaly_operator.slo.objectives import ServiceObjectives
from anomaly_operator.spec.training_run import TrainingRunPlan
from anomaly_operator.status.run_report import OVER
from anomaly_operator.status.staleness import Freshness, allowed_lag, freshness
from anomaly_operator.training.book import TrainingBook
from anomaly_operator.training.promotion import Serving
from anomaly_operator.training.step import Phase, TrainingStep
from anomaly_operator.world.objects import Child
from anomaly_operator.world.view import ServiceView


def decide_run(situation: Situation) -> Decision:
    return Decision(
        training=TrainingStep(TrainingBook(), Phase.IDLE),
        serving=Serving(None, needed=False),
        policy=PolicyChoice(),
        freshness=_freshness(situation),
        next_training=0,
        control=Control(),
        objectives=ServiceObjectives(),
    )


def _freshness(situation: Situation) -> Freshness:
    """A run that is over gets no window after its last row, and its log is read all the same."""
    spec, scoring, run = situation.spec, situation.scoring, situation.run
    if spec.suspend or scoring.failure is not None:
        return Freshness(fresh=False)
    if run is not None and run.state in OVER and scoring.scored:
        return Freshness(fresh=True)
    delay = situation.resolved.source.delay_seconds
    return freshness(
        situation.service,
        allowed_lag(spec.interval_seconds, situation.step_seconds, delay),
        scoring.detection,
        situation.stored,
        situation.world.lookups,
        now=situation.now,
        component=Component.FOLLOWING,
    )


def ensure_follower(
    children: Children, situation: Situation, run: TrainingRunPlan
) -> dict[str, str]:
    """RunConfig and CronJob; returns `status.references`. None of them is written while a foreign
    object is in the way: the pods would run as an account that is not ours."""
    service, world = situation.service, situation.world
    for job in jobs_of(world):
        if not job.meta.deleting:
            children.delete(job.meta)
    config = config_map(service, following_config(situation.resolved))
    name: str = config["metadata"]["name"]
    if not children.conflicts:
        children.ensure(config)
        if not world.withheld.holds(CONFIG_MAP.kind, name):
            children.ensure(inference_cron_job(situation.resolved, situation.settings, name))
    children.prune_configs([name])
    return {
        "claim": run.claim if run.writes_to_claim else names.MODELS_CLAIM,
        "config": name,
        "inferenceCronJob": names.cron_job_name(service.name, service.uid),
    }


def follower(world: ServiceView) -> Child | None:
    """The CronJob that follows the run that the service once was."""
    meta = world.service.meta
    found = world.children.get((CRON_JOB.kind, names.cron_job_name(meta.name, meta.uid)))
    if found is None or found.meta.deleting or meta.uid not in found.meta.owners:
        return None
    return found if component_of(found) == Component.FOLLOWING else None
