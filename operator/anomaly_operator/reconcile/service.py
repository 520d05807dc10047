"""One AnomalyService: what is and what time it is, in; what to do, out. Pure and level-triggered.

Whatever happened before, and however often this has run, the same world gives the same plan, and
a world that is as it should be gives an empty one. The order of a plan matters: children, then
the status, then the Anomaly objects that the status names.
"""

from __future__ import annotations

from anomaly_operator.anomalies.folding import Folded, Terms, fold_detection
from anomaly_operator.anomalies.opened import opened
from anomaly_operator.api.errors import NewerStatusError
from anomaly_operator.api.fields import SpecError
from anomaly_operator.api.names import STATUS_FORMAT_VERSION
from anomaly_operator.api.resources import ANOMALY
from anomaly_operator.incidents.level_control import Control, control
from anomaly_operator.incidents.state import IncidentState
from anomaly_operator.manifests.run_config import Resolved, resolve, training_inputs
from anomaly_operator.reconcile.children import Children, jobs_of
from anomaly_operator.reconcile.service_children import (
    Run,
    ensure_run,
    ensure_shared,
    lost_claim,
)
from anomaly_operator.settings.values import Settings
from anomaly_operator.slo import choice as policy_choice
from anomaly_operator.spec.service import ServiceSpec
from anomaly_operator.status import document as service_status
from anomaly_operator.status import events as service_events
from anomaly_operator.status.conditions import model_lost
from anomaly_operator.status.facts import Facts
from anomaly_operator.status.staleness import Freshness, allowed_lag, freshness
from anomaly_operator.status.stored import Status, read_detection, read_status, same
from anomaly_operator.training import promotion
from anomaly_operator.training.decide import (
    Circumstances,
    Phase,
    TrainingStep,
    not_started,
    scheduled,
    step,
)
from anomaly_operator.training.exclusions import incident_windows
from anomaly_operator.world.plan import Action, ApplyStatus, Lookup, Plan, object_of
from anomaly_operator.world.view import ServiceWorld
from detector_runtime.contract.run_config import Interval

QUEUE_RECHECK_SECONDS = 60
"""Who waits for a training is woken when one ends; this is for the case that nobody is."""
CONFLICT_RECHECK_SECONDS = 30
"""Objects that are not ours are not watched, so nobody tells when one goes out of the way."""


def reconcile(world: ServiceWorld, now: float, settings: Settings) -> Plan:
    """The plan for one service. `now` in unix seconds. Raises NewerStatusError for a status of a
    newer format: what it says is unknown here, so there is nothing to plan from.
    """
    service = world.service
    if service.meta.deleting:
        return Plan()
    before = read_status(service.status)
    if before.newer:
        raise _newer(world, before)
    if service.spec is None:
        return _unusable(world, before, settings, int(now))
    try:
        resolved = resolve(service.meta, service.spec, settings)
    except SpecError as error:
        return _unusable(world, before, settings, int(now), error)
    return _Pass(world, before, resolved, settings, int(now)).plan()


def _newer(world: ServiceWorld, before: Status) -> NewerStatusError:
    meta = world.service.meta
    return NewerStatusError(
        f"{meta.kind} {meta.namespace}/{meta.name}: status.formatVersion is "
        f"{before.raw['formatVersion']} and this operator writes {STATUS_FORMAT_VERSION}, so it "
        "leaves the service as it is; upgrade the operator again, or remove the status, and "
        "incidents and models begin anew"
    )


def _unusable(
    world: ServiceWorld,
    before: Status,
    settings: Settings,
    now: int,
    error: SpecError | None = None,
) -> Plan:
    """A spec that cannot be used starts nothing and changes no child. What runs goes on, and what
    it finds is folded."""
    service = world.service
    problems = (error.problem,) if error else service.problems
    detection, _ = read_detection(service.detection)
    step = service.spec.step_seconds if service.spec else 0
    terms = Terms(service.incidents, step, settings.max_anomalies)
    folded = fold_detection(world, before.incidents, detection, terms, now)
    if folded.anomalies.lookups:
        return Plan(lookups=folded.anomalies.lookups)
    document = service_status.unusable(service.meta, before, problems, folded.state, now)
    actions: list[Action] = [] if same(document, before.raw) else [_write(world, document)]
    return Plan(
        actions=(*actions, *_let_through(folded, world)),
        events=(
            *service_events.invalid(service.meta, before, problems),
            *service_events.incidents(service.meta, folded.transitions),
        ),
        requeue_after=None if folded.anomalies.due is None else folded.anomalies.due + 1,
    )


def _let_through(folded: Folded, world: ServiceWorld) -> list[Action]:
    """What the Anomaly objects need, without what the API server refuses."""
    held = world.withheld.holds
    return [one for one in folded.anomalies.actions if not held(*object_of(one))]


def _write(world: ServiceWorld, document: dict[str, object]) -> ApplyStatus:
    target = service_events.reference(world.service.meta)
    return ApplyStatus(target, world.service.meta.resource_version, document)


class _Pass:
    """One reconcile of a usable spec, in steps that each add to the facts."""

    def __init__(
        self, world: ServiceWorld, before: Status, resolved: Resolved, settings: Settings, now: int
    ) -> None:
        self._world = world
        self._before = before
        self._resolved = resolved
        self._spec: ServiceSpec = resolved.spec
        self._settings = settings
        self._now = now
        self._inputs = training_inputs(resolved)
        self._detection, self._detection_error = read_detection(world.service.detection)
        # While a changed step waits for its model, windows of the old one are scored.
        scored = self._detection.step_seconds if self._detection else 0
        self._step = max(scored, resolved.spec.step_seconds)
        self._children = Children(world)

    def plan(self) -> Plan:
        folded = self._fold()
        ensure_shared(self._children, self._world, self._settings)
        about = self._circumstances()
        training = step(
            self._before.training, jobs_of(self._world), self._world.lookups, about, self._now
        )
        if self._world.withheld.bars_training:
            training = not_started(training, self._before.training)
        serving = self._serving(training, folded.state)
        policy = policy_choice.choose(
            self._world.service.meta, self._spec.slo_policy, self._world.policies
        )
        windows = self._windows(folded.state) if training.phase is Phase.STARTING else ()
        kept = self._control()
        run = Run(
            self._resolved,
            self._settings,
            training,
            serving,
            policy.slo,
            windows,
            kept.offset,
        )
        references = ensure_run(self._children, self._world, run, self._inputs)
        fresh = self._freshness(serving)
        lookups = self._lookups(training, fresh, folded)
        if lookups:
            return Plan(lookups=lookups)
        facts = Facts(
            spec=self._spec,
            training=training,
            serving=serving,
            incidents=folded.state,
            control=kept,
            policy=policy,
            detection=self._detection,
            detection_error=self._detection_error or folded.error,
            fresh=fresh.fresh,
            stale=fresh.stale,
            claim_lost=lost_claim(self._world),
            conflicts=(
                *self._children.conflicts,
                *(f"{ANOMALY.kind} {name}" for name in folded.anomalies.conflicts),
            ),
            missing=self._missing(),
            crowded_out=folded.anomalies.crowded_out,
            refused=self._world.withheld.refused,
        )
        following = scheduled(training.book, about) if serving.model else 0
        document = service_status.document(
            self._world.service.meta,
            self._before,
            facts,
            service_status.Dates(self._now, 0 if self._spec.suspend else following),
            references,
        )
        return self._finish(facts, document, folded, fresh)

    def _fold(self) -> Folded:
        terms = Terms(
            self._spec.incidents,
            self._spec.step_seconds,
            self._settings.max_anomalies,
            self._spec.suspend,
        )
        return fold_detection(
            self._world, self._before.incidents, self._detection, terms, self._now
        )

    def _circumstances(self) -> Circumstances:
        serving = self._before.model.revision if self._before.model else ""
        scored_with = self._detection.model_revision if self._detection else ""
        outcome = self._detection.run.outcome if self._detection else None
        return Circumstances(
            service=self._world.service.meta,
            plan=self._spec.training,
            time_zone=self._spec.time_zone,
            inputs=self._inputs,
            paused=self._spec.suspend or bool(self._children.conflicts),
            serving=serving,
            model_lost=(
                not self._spec.model_revision and model_lost(outcome, scored_with, serving)
            ),
            requested=self._world.service.train_requested,
            last_request=self._before.last_request,
            queue=self._world.training,
            max_concurrent=self._settings.training.max_concurrent,
            deadline_seconds=self._settings.training.deadline_seconds,
            keep_revisions=self._settings.storage.keep_revisions,
        )

    def _serving(self, training: TrainingStep, state: IncidentState | None) -> promotion.Serving:
        current = self._before.model
        scored_with = self._detection.model_revision if self._detection else ""
        outcome = self._detection.run.outcome if self._detection else None
        running = state.running if state else None
        return promotion.choose(
            training.book,
            current,
            pin=self._spec.model_revision,
            inputs=self._inputs,
            incident_since=running.first_seen if running and running.confirmed else 0,
            current_lost=model_lost(outcome, scored_with, current.revision if current else ""),
            now=self._now,
        )

    def _windows(self, state: IncidentState | None) -> tuple[Interval, ...]:
        """Reads every incident there is."""
        plan = self._spec.training
        return incident_windows(state, self._world.anomalies, plan, self._step, self._now)

    def _control(self) -> Control:
        return control(
            opened(self._world.anomalies),
            self._spec.detector.false_incidents_per_week,
            self._world.service.meta.created,
            self._now,
        )

    def _freshness(self, serving: promotion.Serving) -> Freshness:
        """Only a run that says nothing at all can be stale: one that failed has said why."""
        failed = self._detection is not None and (
            self._detection.run.outcome not in service_status.GOOD_OUTCOMES
        )
        if serving.model is None or self._spec.suspend or failed:
            return Freshness(fresh=False)
        return freshness(
            self._world.service.meta,
            allowed_lag(
                self._spec.interval_seconds, self._step, self._resolved.source.delay_seconds
            ),
            self._detection,
            self._before,
            self._world.lookups,
            now=self._now,
        )

    def _lookups(
        self, training: TrainingStep, fresh: Freshness, folded: Folded
    ) -> tuple[Lookup, ...]:
        asked = (
            *self._children.lookups,
            *training.lookups,
            *fresh.lookups,
            *folded.anomalies.lookups,
        )
        return tuple(dict.fromkeys(asked))

    def _missing(self) -> tuple[str, ...]:
        known = {sibling.name for sibling in self._world.siblings}
        return tuple(one.name for one in self._spec.depends_on if one.name not in known)

    def _finish(
        self,
        facts: Facts,
        document: dict[str, object],
        folded: Folded,
        fresh: Freshness,
    ) -> Plan:
        actions: list[Action] = list(self._children.actions)
        if not same(document, self._before.raw):
            actions.append(_write(self._world, document))
        actions.extend(_let_through(folded, self._world))
        training = facts.training
        moments = [
            moment - self._now
            for moment in (training.due, fresh.due, facts.serving.held_until)
            if moment
        ]
        if folded.anomalies.due is not None:
            moments.append(int(folded.anomalies.due) + 1)
        if facts.conflicts:
            moments.append(CONFLICT_RECHECK_SECONDS)
        queued = training.phase is Phase.QUEUED
        if queued:
            moments.append(QUEUE_RECHECK_SECONDS)
        return Plan(
            actions=tuple(actions),
            events=service_events.events(
                self._world.service.meta, self._before, facts, document, folded.transitions
            ),
            requeue_after=float(max(min(moments), 1)) if moments else None,
            waits_for_training=queued,
        )
