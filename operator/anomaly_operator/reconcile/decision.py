"""What is decided about a service: whether it trains, what serves, which policy judges it."""

from __future__ import annotations

from dataclasses import dataclass

from anomaly_operator.anomalies.opened import opened
from anomaly_operator.incidents.level_control import Control, control
from anomaly_operator.incidents.state import IncidentState
from anomaly_operator.reconcile.children import jobs_of
from anomaly_operator.reconcile.situation import Situation
from anomaly_operator.slo.choice import PolicyChoice, policy_for
from anomaly_operator.slo.objectives import ServiceObjectives, service_objectives
from anomaly_operator.status.staleness import Freshness, allowed_lag, freshness
from anomaly_operator.training.decide import not_started, scheduled
from anomaly_operator.training.promotion import Serving, promote
from anomaly_operator.training.step import Circumstances, TrainingStep
from anomaly_operator.training.under_way import step
from anomaly_operator.world.plan import Lookup


@dataclass(frozen=True, slots=True)
class Decision:
    """`next_training`: unix seconds of the next one by the schedule, 0 = none is scheduled.
    `control`: how many false incidents came, and what that does to the alert level.
    """

    training: TrainingStep
    serving: Serving
    policy: PolicyChoice
    freshness: Freshness
    next_training: int
    control: Control
    objectives: ServiceObjectives

    @property
    def lookups(self) -> tuple[Lookup, ...]:
        return (*self.training.lookups, *self.freshness.lookups)


def decide(situation: Situation, incidents: IncidentState | None, *, paused: bool) -> Decision:
    """`paused`: nothing may be started, as foreign objects are in the way."""
    spec, world = situation.spec, situation.world
    circumstances = _circumstances(situation, paused=paused or spec.suspend)
    training = step(
        situation.stored.training, jobs_of(world), world.lookups, circumstances, situation.now
    )
    if world.withheld.bars_training:
        training = not_started(training, situation.stored.training)
    serving = _serving(situation, training, incidents)
    policy = policy_for(situation.service, spec.slo_policy, world.policies)
    trains_by_schedule = serving.model is not None and not spec.suspend
    return Decision(
        training=training,
        serving=serving,
        policy=policy,
        freshness=_freshness(situation, serving),
        next_training=scheduled(training.book, circumstances) if trains_by_schedule else 0,
        control=control(
            opened(world.anomalies),
            spec.detector.false_incidents_per_week,
            situation.service.created,
            situation.now,
        ),
        objectives=service_objectives(policy.objectives, situation.resolved),
    )


def _circumstances(situation: Situation, *, paused: bool) -> Circumstances:
    spec, settings, stored = situation.spec, situation.settings, situation.stored.incidents
    return Circumstances(
        service=situation.service,
        plan=spec.training,
        time_zone=spec.time_zone,
        inputs=situation.inputs,
        paused=paused,
        serving=situation.revision,
        model_lost=situation.model_lost and not spec.model_revision,
        requested=situation.world.service.train_requested,
        last_request=situation.stored.last_request,
        queue=situation.world.training,
        max_concurrent=settings.training.max_concurrent,
        deadline_seconds=settings.training.deadline_seconds,
        keep_revisions=settings.storage.keep_revisions,
        min_pause_seconds=settings.training.min_pause_seconds,
        placement_seconds=settings.training.placement_seconds,
        judged_at=(stored.judged_at or 0) if stored else 0,
    )


def _serving(
    situation: Situation, training: TrainingStep, incidents: IncidentState | None
) -> Serving:
    running = incidents.running if incidents else None
    return promote(
        training.book,
        situation.stored.model,
        pin=situation.spec.model_revision,
        shape=situation.shape,
        inputs=situation.inputs,
        incident_since=running.opened if running and running.confirmed else 0,
        current_lost=situation.model_lost,
        now=situation.now,
    )


def _freshness(situation: Situation, serving: Serving) -> Freshness:
    """Only a run that says nothing at all can be stale: one that failed has said why."""
    spec, scoring = situation.spec, situation.scoring
    if serving.model is None or spec.suspend:
        return Freshness(fresh=False)
    if scoring.failure_of(serving.model.revision) is not None:
        return Freshness(fresh=False)
    delay = situation.resolved.source.delay_seconds
    return freshness(
        situation.service,
        allowed_lag(spec.interval_seconds, situation.step_seconds, delay),
        scoring.detection,
        situation.stored,
        situation.world.lookups,
        now=situation.now,
    )
