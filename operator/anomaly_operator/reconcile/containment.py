"""Containment of a service's incidents: what decides on it, the Jobs that are due, its Events."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial

from anomaly_operator.anomalies.containment import (
    CONTAINMENT,
    MAX_WAIT_SECONDS,
    ContainmentTerms,
    Outcome,
    containment_part,
)
from anomaly_operator.anomalies.story import Part
from anomaly_operator.api import names
from anomaly_operator.api.names import API_VERSION
from anomaly_operator.api.reasons import EventReason
from anomaly_operator.api.resources import ANOMALY, JOB
from anomaly_operator.api.text import sentence, unix_seconds
from anomaly_operator.incidents.state import IncidentPhase
from anomaly_operator.manifests.containment_job import Target, containment_job
from anomaly_operator.manifests.metadata import Component
from anomaly_operator.reconcile.priority import answered, playbook_of, rewritten
from anomaly_operator.reconcile.situation import Situation
from anomaly_operator.slo.choice import policy_for
from anomaly_operator.world.objects import JobState
from anomaly_operator.world.plan import (
    Create,
    EventSpec,
    EventType,
    ObjectRef,
    Write,
)
from anomaly_operator.world.view import ServiceView

_REASONS = {
    Outcome.REQUESTED.value: EventReason.CONTAINMENT_REQUESTED,
    Outcome.SUCCEEDED.value: EventReason.CONTAINMENT_SUCCEEDED,
    Outcome.FAILED.value: EventReason.CONTAINMENT_FAILED,
}


def containing(situation: Situation) -> Part:
    """The part of the story that tells `status.containment`."""
    world, spec = situation.world, situation.spec
    choice = policy_for(situation.service, spec.slo_policy, world.policies)
    terms = ContainmentTerms(
        settings=situation.settings.containment,
        playbook=playbook_of(choice),
        namespace=situation.service.namespace,
        now=situation.now,
        fresh_seconds=spec.interval_seconds + situation.step_seconds + MAX_WAIT_SECONDS,
        jobs=_jobs(world),
        refused={one.name: one.said for one in world.withheld.refused if one.kind == JOB.kind},
        answered=frozenset(answered(world)),
    )
    return partial(containment_part, terms)


def _jobs(world: ServiceView) -> dict[str, JobState]:
    uid = world.service.meta.uid
    return {
        child.meta.name: child.state
        for child in world.children.values()
        if isinstance(child.state, JobState)
        and uid in child.meta.owners
        and child.meta.labels.get(names.LABEL_COMPONENT) == Component.CONTAINMENT
    }


def due_jobs(situation: Situation) -> Iterator[Create]:
    """The Jobs of decisions that stand on their objects and have no Job yet."""
    world, settings, now = situation.world, situation.settings.containment, situation.now
    if not settings.enabled or situation.service.namespace not in settings.namespaces:
        return
    known = _jobs(world)
    for one in world.anomalies:
        if one.state == IncidentPhase.CLOSED.value:
            continue
        status = json.loads(one.status or b"{}")
        decided = status.get(CONTAINMENT) or {}
        if not any(state == decided.get("outcome") for state in Outcome if state.waiting):
            continue
        job = names.containment_job_name(one.meta.name)
        late = now - unix_seconds(decided.get("at")) > MAX_WAIT_SECONDS
        if job in known or late or world.withheld.holds(JOB.kind, job):
            continue
        facts = Target(one.meta.name, str(status.get("pattern", "")), one.severity)
        yield Create(containment_job(situation.service, situation.settings, facts))


def containment_events(world: ServiceView, writes: tuple[Write, ...]) -> Iterator[EventSpec]:
    """One when a Job is decided on, and one when it has ended."""
    service = world.service.meta
    for write, before in rewritten(world, writes):
        name, now = write.target.name, write.status.get(CONTAINMENT) or {}
        was = before.get(CONTAINMENT) or {}
        reason = _REASONS.get(str(now.get("outcome")))
        if reason is None or now.get("outcome") == was.get("outcome"):
            continue
        failed = reason is EventReason.CONTAINMENT_FAILED
        said = f": {now['message']}" if now.get("message") else ""
        what = f"Containment Job {now.get('job')} of Anomaly {name}: {now.get('outcome')}{said}"
        text = sentence(what)
        kind = EventType.WARNING if failed else EventType.NORMAL
        also = ObjectRef(API_VERSION, ANOMALY.kind, service.namespace, name)
        yield EventSpec(service.ref, kind, reason.value, text, also=also)
