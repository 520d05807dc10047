"""One SLOPolicy: is it valid, how many services does it hold for. Pure.

The services that use it are reconciled by themselves when it changes; nothing of theirs is
written here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from anomaly_operator.api.conditions import Condition, Truth, dated
from anomaly_operator.api.names import ConditionType
from anomaly_operator.api.problem import listed
from anomaly_operator.api.reasons import Reason
from anomaly_operator.reconcile.rule_export import export_rules
from anomaly_operator.settings.values import Settings
from anomaly_operator.slo.budgets import Budget, read_budgets
from anomaly_operator.slo.choice import policy_for
from anomaly_operator.slo.fleet import WRITE_SECONDS, fleet
from anomaly_operator.world.objects import Meta, ServiceObject
from anomaly_operator.world.plan import Plan
from anomaly_operator.world.status_write import status_write
from anomaly_operator.world.view import PolicyView


def reconcile(world: PolicyView, now: float, settings: Settings) -> Plan:
    """The plan for one policy: its rules, if they are exported, and its status, when that says
    something else than is true.
    """
    meta = world.policy.meta
    if meta.deleting:
        return Plan()
    before: dict[str, Any] = json.loads(world.policy.status) if world.policy.status else {}
    services, rivals = _held(world)
    export = export_rules(world, services, _tells_of_rules(before), now, settings)
    if export.lookups:
        return Plan(lookups=export.lookups)
    budgets = _budgets(world, services)
    conditions = (*_conditions(world, rivals), *((export.condition,) if export.condition else ()))
    status = {
        "observedGeneration": meta.generation,
        "services": len(services),
        **fleet(budgets, before, int(now)),
        "conditions": dated(conditions, before.get("conditions", ()), meta.generation, int(now)),
    }
    waits = (WRITE_SECONDS if budgets else None, export.requeue_after)
    again = min((wait for wait in waits if wait is not None), default=None)
    write = status_write(meta, status, before)
    return Plan(actions=(*export.actions, *write), requeue_after=again)


def _tells_of_rules(status: dict[str, Any]) -> bool:
    return any(
        one.get("type") == ConditionType.RULES_EXPORTED for one in status.get("conditions", ())
    )


def _budgets(world: PolicyView, services: Sequence[ServiceObject]) -> dict[str, tuple[Budget, ...]]:
    """What the statuses of `services` say of the policy's objectives, by the service's name."""
    spec = world.policy.spec
    if spec is None or not spec.objectives:
        return {}
    names = {one.name for one in spec.objectives}
    return {
        one.meta.name: tuple(
            found for found in read_budgets(json.loads(one.objectives)) if found.name in names
        )
        for one in services
        if one.objectives
    }


def _held(world: PolicyView) -> tuple[tuple[ServiceObject, ...], tuple[str, ...]]:
    """The services it holds for, and those that it selects but an older policy holds for. For a
    training run no policy holds."""
    held, lost = [], []
    for service in world.services:
        if service.spec is None or service.meta.deleting or service.spec.training_run is not None:
            continue
        choice = policy_for(service.meta, service.spec.slo_policy, world.policies)
        if _is(choice.policy.meta if choice.policy else None, world.policy.meta):
            held.append(service)
        elif world.policy.meta.name in choice.rivals:
            lost.append(service.meta.name)
    return tuple(held), tuple(sorted(lost))


def _is(one: Meta | None, other: Meta) -> bool:
    return one is not None and one.uid == other.uid


def _conditions(world: PolicyView, rivals: tuple[str, ...]) -> tuple[Condition, Condition]:
    if world.policy.spec is None:
        text = listed(world.policy.problems)
        reason = world.policy.problems[0].reason if world.policy.problems else Reason.INVALID_SPEC
        return (
            Condition(ConditionType.READY, Truth.FALSE, reason, text),
            Condition(ConditionType.VALID, Truth.FALSE, reason, text),
        )
    valid = Condition(ConditionType.VALID, Truth.TRUE, Reason.VALID, "The spec is usable.")
    if rivals:
        shown = ", ".join(rivals[:5]) + (" and others" if len(rivals) > 5 else "")
        text = (
            f"An older policy also selects {shown} and applies there; narrow a selector, or name "
            "this policy in `spec.sloPolicyRef` of the service."
        )
        return Condition(ConditionType.READY, Truth.TRUE, Reason.POLICY_CONFLICT, text), valid
    text = "Applies to the services that name it or that it selects."
    return Condition(ConditionType.READY, Truth.TRUE, Reason.READY, text), valid
