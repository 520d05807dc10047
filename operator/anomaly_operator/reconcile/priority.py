"""The priority of a service's incidents: what decides it, and the Event of a missed deadline."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from anomaly_operator.anomalies.priority import PRIORITY, PriorityTerms, priority_part
from anomaly_operator.anomalies.story import Part
from anomaly_operator.api.names import API_VERSION
from anomaly_operator.api.reasons import EventReason
from anomaly_operator.api.resources import ANOMALY
from anomaly_operator.api.text import sentence
from anomaly_operator.incidents.playbook import Playbook
from anomaly_operator.incidents.priority import BudgetFact
from anomaly_operator.incidents.state import IncidentPhase
from anomaly_operator.reconcile.situation import Situation
from anomaly_operator.slo.choice import PolicyChoice, policy_for
from anomaly_operator.world.objects import AnomalyObject, Meta
from anomaly_operator.world.plan import ApplyStatus, EventSpec, EventType, ObjectRef, Write
from anomaly_operator.world.view import ServiceView
from detector_runtime.contract.objectives import ObjectiveReport, ObjectiveState, TierName

_ANSWERS = ("acknowledgement", "feedback", "resolution")


def prioritised(situation: Situation) -> Part:
    """The part of the story that tells `status.priority`."""
    choice = policy_for(situation.service, situation.spec.slo_policy, situation.world.policies)
    model = situation.stored.model
    terms = PriorityTerms(
        playbook=playbook_of(choice),
        category=situation.spec.category,
        step_seconds=situation.scoring.step_seconds or situation.spec.step_seconds,
        now=situation.now,
        budget=_worst_budget(situation, choice),
        busy_periods=choice.slo.busy_periods if choice.slo else (),
        trained_at=(model.trained_at or 0) if model else 0,
        answered=frozenset(answered(situation.world)),
        trains=situation.spec.training_run is None,
    )
    return partial(priority_part, terms)


def playbook_of(choice: PolicyChoice) -> Playbook:
    """That of the policy that holds; the default one without any or with an invalid one."""
    spec = choice.policy.spec if choice.policy else None
    return spec.playbook if spec else Playbook()


def answered(world: ServiceView) -> Iterator[str]:
    """Names of the incidents that are not over and on which a person has said something."""
    for one in world.anomalies:
        if one.state != IncidentPhase.CLOSED.value and _answered(one):
            yield one.meta.name


def _answered(one: AnomalyObject) -> bool:
    said = json.loads(one.spec or b"{}")
    return any(said.get(key) for key in _ANSWERS)


def _worst_budget(situation: Situation, choice: PolicyChoice) -> BudgetFact | None:
    """Of the newest run; None where no objective of the policy was evaluated."""
    detection = situation.scoring.detection
    names = {one.name for one in choice.objectives}
    found = [
        one
        for one in (detection.objectives if detection else ())
        if one.name in names and one.state is not ObjectiveState.INCONCLUSIVE
    ]
    if not found:
        return None
    worst = max(found, key=_urgency)
    return BudgetFact(worst.state, worst.tier)


def _urgency(one: ObjectiveReport) -> tuple[int, int]:
    tiers = list(TierName)
    return one.state.rank, -tiers.index(one.tier) if one.tier else -len(tiers)


def deadline_events(world: ServiceView, writes: tuple[Write, ...]) -> Iterator[EventSpec]:
    """One for each incident whose deadline these writes call missed."""
    for write, before in rewritten(world, writes):
        was, now = before.get(PRIORITY) or {}, write.status.get(PRIORITY) or {}
        if now.get("missed") and not was.get("missed"):
            yield _event(world.service.meta, write.target.name, now)


def rewritten(
    world: ServiceView, writes: tuple[Write, ...]
) -> Iterator[tuple[ApplyStatus, Mapping[str, Any]]]:
    """The status writes of Anomaly objects, each with what the object says; only these are read."""
    known = {one.meta.name: one.status for one in world.anomalies}
    for write in writes:
        if isinstance(write, ApplyStatus) and write.target.kind == ANOMALY.kind:
            yield write, json.loads(known.get(write.target.name) or b"{}")


def _event(service: Meta, anomaly: str, priority: Mapping[str, Any]) -> EventSpec:
    owner = f" Owner: {priority['owner']}." if priority.get("owner") else ""
    step = sentence(str(priority.get("nextStep") or "acknowledge it"))
    text = (
        f"Anomaly {anomaly} ({priority.get('tier')}) was not acknowledged or closed by "
        f"{priority.get('deadline')}.{owner} Next step: {step}"
    )
    also = ObjectRef(API_VERSION, ANOMALY.kind, service.namespace, anomaly)
    reason = EventReason.DEADLINE_MISSED.value
    return EventSpec(service.ref, EventType.WARNING, reason, text, also=also)
