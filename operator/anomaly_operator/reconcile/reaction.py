"""The suspension of a service's training workload: what decides on it, the patch that is due, its
Events.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial

from anomaly_operator.anomalies.reaction import (
    MAX_WAIT_SECONDS,
    REACTION,
    Outcome,
    ReactionTerms,
    reaction_part,
)
from anomaly_operator.anomalies.story import Part
from anomaly_operator.api.names import API_VERSION
from anomaly_operator.api.reasons import EventReason
from anomaly_operator.api.resources import ANOMALY
from anomaly_operator.api.text import sentence, unix_seconds
from anomaly_operator.incidents.state import IncidentPhase
from anomaly_operator.reconcile.priority import answered, rewritten
from anomaly_operator.reconcile.situation import Situation
from anomaly_operator.spec.training_run import SuspendOn
from anomaly_operator.world.plan import EventSpec, EventType, ObjectRef, ReadTrainer, Suspend, Write
from anomaly_operator.world.trainer import TrainerObject

_REASONS = {
    Outcome.SUSPENDED.value: EventReason.TRAINER_SUSPENDED,
    Outcome.FAILED.value: EventReason.TRAINER_NOT_SUSPENDED,
    Outcome.REFUSED.value: EventReason.TRAINER_NOT_SUSPENDED,
}


def reacting(situation: Situation) -> Part:
    """The part of the story that tells `status.reaction`."""
    world, spec, asked = situation.world, situation.spec, trainer(situation)
    refused = [
        one.said
        for one in world.withheld.refused
        if asked is not None and (one.kind, one.name) == (asked.kind, asked.name)
    ]
    terms = ReactionTerms(
        settings=situation.settings.suspend,
        trainer=asked,
        now=situation.now,
        fresh_seconds=spec.interval_seconds + situation.step_seconds + MAX_WAIT_SECONDS,
        answers=world.lookups,
        refused=refused[0] if refused else "",
        answered=frozenset(answered(world)),
    )
    return partial(reaction_part, terms)


def trainer(situation: Situation) -> ReadTrainer | None:
    """The workload that the service's spec wants suspended; None where it wants none."""
    plan = situation.spec.training_run
    if plan is None or plan.suspend_on is not SuspendOn.CRITICAL or plan.run.trainer is None:
        return None
    named = plan.run.trainer
    return ReadTrainer(named.kind.value, situation.service.namespace, named.name)


def due_suspensions(situation: Situation) -> Iterator[Suspend]:
    """The patch of a decision that stands on its object and has not been carried out."""
    world, asked, settings = situation.world, trainer(situation), situation.settings.suspend
    if asked is None or not settings.enabled or asked.namespace not in settings.namespaces:
        return
    found = world.lookups.get(asked)
    if not isinstance(found, TrainerObject) or not found.allowed or found.suspended or found.ended:
        return
    for one in world.anomalies:
        decided = json.loads(one.status or b"{}").get(REACTION) or {}
        due = decided.get("outcome") == Outcome.REQUESTED and one.state != IncidentPhase.CLOSED
        late = situation.now - unix_seconds(decided.get("at")) > MAX_WAIT_SECONDS
        again = found.suspended_for == one.meta.name
        if due and not late and not again and not world.withheld.holds(asked.kind, asked.name):
            yield Suspend(_ref(asked, found), found.resource_version, one.meta.name)
            return


def suspension_events(situation: Situation, writes: tuple[Write, ...]) -> Iterator[EventSpec]:
    """One when the workload is suspended, on it as well, and one when it is not."""
    world, asked = situation.world, trainer(situation)
    service = world.service.meta
    for write, before in rewritten(world, writes):
        name, now = write.target.name, write.status.get(REACTION) or {}
        was = before.get(REACTION) or {}
        reason = _REASONS.get(str(now.get("outcome")))
        changed = any(now.get(key) != was.get(key) for key in ("outcome", "message"))
        if reason is None or not changed:
            continue
        done = reason is EventReason.TRAINER_SUSPENDED
        text = _text(str(now.get("workload")), name, str(now.get("message") or ""), done=done)
        also = ObjectRef(API_VERSION, ANOMALY.kind, service.namespace, name)
        yield EventSpec(service.ref, EventType.WARNING, reason.value, text, "Suspend", also)
        found = world.lookups.get(asked) if asked else None
        if asked is not None and done and isinstance(found, TrainerObject):
            ref = _ref(asked, found)
            yield EventSpec(ref, EventType.WARNING, reason.value, text, "Suspend")


def _text(workload: str, anomaly: str, message: str, *, done: bool) -> str:
    if done:
        return (
            f"{workload} was suspended for Anomaly {anomaly}, which ends its pods. To let it go "
            "on, set its spec.suspend to false."
        )
    return sentence(f"{workload} was not suspended for Anomaly {anomaly}: {message}")


def _ref(asked: ReadTrainer, found: TrainerObject) -> ObjectRef:
    return ObjectRef(asked.api_version, asked.kind, asked.namespace, asked.name, found.uid)
