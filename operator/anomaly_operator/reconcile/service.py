"""One AnomalyService: what is and what time it is, in; what to do, out. Pure and level-triggered.

Whatever happened before, and however often this has run, the same world gives the same plan, and
a world that is as it should be gives an empty one. The order of a plan matters: children, then
the status, then the Anomaly objects that the status names.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from anomaly_operator.anomalies.folding import Folded, Terms, fold_detection
from anomaly_operator.api.errors import NewerStatusError
from anomaly_operator.api.fields import SpecError
from anomaly_operator.api.names import STATUS_FORMAT_VERSION, ConditionType
from anomaly_operator.api.problem import Problem
from anomaly_operator.api.reasons import Reason
from anomaly_operator.api.resources import ANOMALY
from anomaly_operator.evaluation.figures import evaluated
from anomaly_operator.evaluation.outcome import outcomes
from anomaly_operator.manifests.run_config import resolve
from anomaly_operator.notify.condition import NotifyTerms
from anomaly_operator.notify.subject import service_facts
from anomaly_operator.reconcile.children import Children, jobs_of
from anomaly_operator.reconcile.containment import containment_events, due_jobs
from anomaly_operator.reconcile.decision import Decision, decide
from anomaly_operator.reconcile.dependencies import (
    dependencies,
    dependency_cycle,
    neighbourhood,
    unresolved,
)
from anomaly_operator.reconcile.endpoint import EndpointStep, serve_model
from anomaly_operator.reconcile.priority import deadline_events
from anomaly_operator.reconcile.reaction import due_suspensions, suspension_events
from anomaly_operator.reconcile.root_cause import regrouping_events
from anomaly_operator.reconcile.service_children import (
    ensure_run,
    ensure_shared,
    lost_claim,
    needs_models,
)
from anomaly_operator.reconcile.situation import Situation, load
from anomaly_operator.reconcile.story import parts, unchanged
from anomaly_operator.reconcile.training_run import decide_run, ensure_follower
from anomaly_operator.settings.values import Settings
from anomaly_operator.spec.pattern_fit import unknown_quiet
from anomaly_operator.status.document import status_document, unusable_document
from anomaly_operator.status.events import incident_events, invalid_events, service_events
from anomaly_operator.status.facts import Facts, Obstacles
from anomaly_operator.status.packing import RECORD, stored_form
from anomaly_operator.status.scoring import read_scoring
from anomaly_operator.status.stored import Status, read_status
from anomaly_operator.training.jobs import leftover
from anomaly_operator.training.step import Phase
from anomaly_operator.world.plan import ApplyStatus, Plan, Write, object_of
from anomaly_operator.world.status_write import status_write
from anomaly_operator.world.view import ServiceView

QUEUE_RECHECK_SECONDS = 60
"""Who waits for a training is woken when one ends; this is for the case that nobody is."""
FAILED_RUNS = 3
"""Runs in a row that fail alike: what the operator does about it on its own has been done."""
CONFLICT_RECHECK_SECONDS = 30
"""Foreign objects are not watched, so no event says when one goes out of the way."""


def reconcile(world: ServiceView, now: float, settings: Settings) -> Plan:
    """The plan for one service. `now` in unix seconds. Raises NewerStatusError for a status of a
    newer format: what it says is unknown here, so there is nothing to plan from.
    """
    service = world.service
    if service.meta.deleting:
        return Plan()
    stored = read_status(service.status)
    if stored.newer:
        raise _newer(world, stored)
    if service.spec is None:
        return _unusable(world, stored, service.problems, settings, int(now))
    try:
        resolved = resolve(service.meta, service.spec, settings, int(now))
    except SpecError as error:
        return _unusable(world, stored, (error.problem,), settings, int(now))
    return _usable(load(world, stored, resolved, settings, int(now)))


def _usable(situation: Situation) -> Plan:
    """Fold, decide, children, status. As long as something has to be asked first, only that."""
    world = situation.world
    folded = _fold(situation)
    children, run = Children(world), situation.spec.training_run
    ensure_shared(children, world, situation.settings, models=needs_models(situation.spec))
    if run is not None:
        decision = decide_run(situation)
        references = ensure_follower(children, situation, run)
    else:
        decision = decide(situation, folded.state, paused=bool(children.conflicts))
        for job in leftover(situation.stored.training, jobs_of(world)):
            children.delete(job.meta)
        references = ensure_run(children, situation, decision, folded.state)
    served = serve_model(
        situation,
        decision.serving.model,
        decision.control.offset,
        paused=bool(children.conflicts),
    )
    lookups = (*children.lookups, *decision.lookups, *folded.anomalies.lookups, *served.lookups)
    if lookups:
        return Plan(lookups=tuple(dict.fromkeys(lookups)))
    facts = replace(_facts(situation, decision, folded, children), endpoint=served.endpoint)
    status = status_document(
        situation.service,
        situation.stored,
        facts,
        references,
        now=situation.now,
        next_training=decision.next_training,
    )
    return Plan(
        actions=(
            *children.actions,
            *served.actions,
            *_status_write(world, situation.stored, status),
            *_anomaly_writes(world, folded),
            *due_jobs(situation),
            *due_suspensions(situation),
        ),
        events=(
            *service_events(situation.service, situation.stored, facts, status, folded.transitions),
            *regrouping_events(world, folded.anomalies.actions),
            *deadline_events(world, folded.anomalies.actions),
            *containment_events(world, folded.anomalies.actions),
            *suspension_events(situation, folded.anomalies.actions),
        ),
        requeue_after=_requeue_after(situation, decision, folded, facts, served),
        waits_for_training=decision.training.phase is Phase.QUEUED,
        unplaced=decision.training.unplaced,
    )


def _fold(situation: Situation) -> Folded:
    spec = situation.spec
    told = _notify_terms(situation.world, situation.settings)
    terms = Terms(spec.incidents, spec.step_seconds, spec.suspend, parts(situation), told)
    detection, incidents = situation.scoring.detection, situation.stored.incidents
    return fold_detection(situation.world, incidents, detection, terms, situation.now)


def _notify_terms(world: ServiceView, settings: Settings) -> NotifyTerms:
    meta = world.service.meta
    facts = service_facts(meta.name, world.service.spec, settings)
    return NotifyTerms(settings.notifications, facts, meta.namespace)


def _facts(situation: Situation, decision: Decision, folded: Folded, children: Children) -> Facts:
    world, spec = situation.world, situation.spec
    graph = neighbourhood(world)
    named = unresolved(situation)
    anomalies = (f"{ANOMALY.kind} {name}" for name in folded.anomalies.conflicts)
    return Facts(
        spec=spec,
        training=decision.training,
        serving=decision.serving,
        policy=decision.policy,
        incidents=folded.state,
        control=decision.control,
        scoring=replace(
            situation.scoring,
            freshness=decision.freshness,
            error=situation.scoring.error or folded.error,
        ),
        obstacles=Obstacles(
            conflicts=(*children.conflicts, *anomalies),
            refused=tuple(one for one in world.withheld.refused if not one.of_serving),
            claim_lost=needs_models(spec) and lost_claim(world),
            missing=named.missing,
            not_allowed=named.not_allowed,
            crowded_out=folded.anomalies.crowded_out,
            gave_way=_gave_way(situation),
            cycle=dependency_cycle(situation.service.name, graph),
            unknown_quiet=unknown_quiet(spec.non_alerting_patterns, situation.resolved.patterns),
        ),
        dependencies=dependencies(situation.service.name, graph),
        objectives=decision.objectives,
        evaluation=evaluated(outcomes(world.anomalies), situation.now),
        unreadable=RECORD if RECORD in situation.stored.raw else "incidents",
        name=situation.service.name,
        namespace=situation.service.namespace,
        now=situation.now,
        failing_long=_failing_long_at(situation) <= situation.now,
        run=situation.run,
        train_requested=world.service.train_requested not in ("", situation.stored.last_request),
    )


def _gave_way(situation: Situation) -> bool:
    """Whether closed objects of the service made room for others. It is told until there is room
    again, also by an operator that was restarted since."""
    crowd = situation.world.crowd
    told = situation.stored.condition(ConditionType.DETECTING)
    before = told.get("reason") == Reason.ANOMALIES_REMOVED_EARLY
    return crowd.crowded and (crowd.gave or before)


def _failing_long_at(situation: Situation) -> float:
    """Unix seconds from which on runs that fail alike are a person's case."""
    since = situation.scoring.failing_since()
    return since + FAILED_RUNS * situation.spec.interval_seconds if since else math.inf


def _requeue_after(
    situation: Situation, decision: Decision, folded: Folded, facts: Facts, served: EndpointStep
) -> float | None:
    """Seconds until the first moment at which something has to be done without an event."""
    now, spec = situation.now, situation.spec
    moments = [decision.training.due, decision.freshness.due, decision.serving.held_until]
    ends = [rule.until for rule in (facts.incidents.expected if facts.incidents else ())]
    ends += [one.until for one in spec.incidents.expected]
    moments += [end + 1 for end in ends if end >= now]
    waits: list[float] = [moment - now for moment in moments if moment]
    if folded.anomalies.due is not None:
        waits.append(int(folded.anomalies.due) + 1)
    if math.isfinite(failing := _failing_long_at(situation)) and failing > now:
        waits.append(int(failing) - now)
    if served.requeue_after is not None:
        waits.append(served.requeue_after)
    if facts.obstacles.conflicts:
        waits.append(CONFLICT_RECHECK_SECONDS)
    if decision.training.phase is Phase.QUEUED:
        waits.append(QUEUE_RECHECK_SECONDS)
    return float(max(min(waits), 1)) if waits else None


def _unusable(
    world: ServiceView,
    stored: Status,
    problems: tuple[Problem, ...],
    settings: Settings,
    now: int,
) -> Plan:
    """A spec that cannot be used starts nothing and changes no child. What runs goes on, and what
    it finds is folded."""
    service = world.service
    step = service.spec.step_seconds if service.spec else 0
    told = _notify_terms(world, settings)
    terms = Terms(service.incidents, step, parts=(unchanged,), notify=told)
    detection = read_scoring(service.detection).detection
    folded = fold_detection(world, stored.incidents, detection, terms, now)
    if folded.anomalies.lookups:
        return Plan(lookups=folded.anomalies.lookups)
    standing = dependencies(service.meta.name, neighbourhood(world))
    status = unusable_document(
        service.meta, stored, problems, folded.state, now, dependencies=standing
    )
    return Plan(
        actions=(*_status_write(world, stored, status), *_anomaly_writes(world, folded)),
        events=(
            *invalid_events(service.meta, stored, problems),
            *incident_events(service.meta, folded.transitions),
        ),
        requeue_after=None if folded.anomalies.due is None else folded.anomalies.due + 1,
    )


def _status_write(
    world: ServiceView, stored: Status, status: dict[str, Any]
) -> tuple[ApplyStatus, ...]:
    """Compared with what is live, as reading it hides fields that the record has as well."""
    live, shown = stored.live.fields, stored_form(status, stored.live)
    return status_write(world.service.meta, status, live, shown=shown)


def _anomaly_writes(world: ServiceView, folded: Folded) -> Iterator[Write]:
    """What the Anomaly objects need, without what the API server refuses."""
    for write in folded.anomalies.actions:
        if not world.withheld.holds(*object_of(write)):
            yield write


def _newer(world: ServiceView, stored: Status) -> NewerStatusError:
    meta = world.service.meta
    return NewerStatusError(
        f"{meta.kind} {meta.namespace}/{meta.name}: status.formatVersion is "
        f"{stored.raw['formatVersion']}, but this operator writes {STATUS_FORMAT_VERSION}, so it "
        "leaves the service as it is. Upgrade the operator, or remove the status; incidents and "
        "models then begin anew."
    )
