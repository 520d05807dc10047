"""The PrometheusRules of a policy: which are to be there, and what its status says of them.

Pure. The kind is not watched, because a cluster may lack it: the rules are listed whenever the
policy is reconciled, and an hour later at the latest. Where the kind is absent that is a condition,
looked at again after a while; it fails no reconcile.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from anomaly_operator.api.conditions import Condition, Truth
from anomaly_operator.api.fields import SpecError
from anomaly_operator.api.names import ConditionType
from anomaly_operator.api.reasons import Reason
from anomaly_operator.api.resources import RULE
from anomaly_operator.manifests.containment import contained
from anomaly_operator.manifests.metadata import Json
from anomaly_operator.manifests.prometheus_rule import prometheus_rule, rule_labels
from anomaly_operator.manifests.run_config import resolve
from anomaly_operator.settings.values import Settings
from anomaly_operator.slo.objectives import service_objectives
from anomaly_operator.spec.policy import SLOPolicySpec
from anomaly_operator.world.objects import Child, ServiceObject
from anomaly_operator.world.plan import Apply, Delete, ListObjects, Lookup, Write
from anomaly_operator.world.refusal import refusal_diagnosis
from anomaly_operator.world.view import Listed, PolicyView, Unlisted

CHECK_SECONDS = 3600.0
"""Until rules that somebody changed or deleted are put right."""
ABSENT_SECONDS = 600.0
"""Until it is tried again whether the kind is there, or may be listed."""

_UNLISTED = {
    Reason.KIND_NOT_SERVED: (
        "The cluster has no PrometheusRule (monitoring.coreos.com/v1); install the CRDs of the "
        "Prometheus operator, or set `spec.export.prometheusRule` to false. The operator looks "
        "again every 10 minutes."
    ),
    Reason.FORBIDDEN: (
        "The operator may not list PrometheusRules in this namespace; set rbac.prometheusRules of "
        "its chart to true, or `spec.export.prometheusRule` to false. The operator looks again "
        "every 10 minutes."
    ),
}


@dataclass(frozen=True, slots=True)
class Export:
    """`condition` None: nothing is exported and nothing of ours is left. `requeue_after` in
    seconds."""

    condition: Condition | None = None
    lookups: tuple[Lookup, ...] = ()
    actions: tuple[Write, ...] = ()
    requeue_after: float | None = None


@dataclass(slots=True)
class _Wanted:
    """`left_out`: what of a service cannot be written as rules, and why."""

    manifests: dict[str, Json] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


def export_rules(
    world: PolicyView,
    services: Sequence[ServiceObject],
    exported: bool,
    now: float,
    settings: Settings,
) -> Export:
    """`services`: those that the policy holds for. `exported`: whether its status has a condition
    on its rules, so that some may be there.
    """
    spec = world.policy.spec
    if spec is None:
        return Export(_invalid()) if exported else Export()
    wanted = spec.export.prometheus_rule
    if not wanted and not exported:
        return Export()
    question = _question(world)
    if question not in world.lookups:
        return Export(lookups=(question,))
    answer = world.lookups[question]
    if isinstance(answer, Unlisted):
        return _unlisted(answer, wanted=wanted)
    live = {one.meta.name: one for one in answer.objects} if isinstance(answer, Listed) else {}
    found = _wanted(world, spec, services, now, settings) if wanted else _Wanted()
    actions = _actions(world, found, live)
    said = _refused(world) or (_condition(spec, found) if wanted else None)
    return Export(said, (), actions, CHECK_SECONDS if said else None)


def _question(world: PolicyView) -> ListObjects:
    meta = world.policy.meta
    labels = tuple(sorted(rule_labels(meta).items()))
    return ListObjects(RULE.api_version, RULE.kind, meta.namespace, labels)


def _unlisted(answer: Unlisted, *, wanted: bool) -> Export:
    if not wanted and answer.reason is Reason.KIND_NOT_SERVED:
        return Export()  # the rules went with their kind
    text = _UNLISTED[answer.reason]
    found = Condition(ConditionType.RULES_EXPORTED, Truth.FALSE, answer.reason, text)
    return Export(found, requeue_after=ABSENT_SECONDS)


def _wanted(
    world: PolicyView,
    spec: SLOPolicySpec,
    services: Sequence[ServiceObject],
    now: float,
    settings: Settings,
) -> _Wanted:
    found = _Wanted()
    for service in services if spec.objectives else ():
        name = service.meta.name
        assert service.spec is not None
        try:
            resolved = resolve(service.meta, service.spec, settings, int(now))
        except SpecError as error:
            found.left_out.append(f"{name}: {error}")
            continue
        objectives = service_objectives(spec.objectives, resolved)
        for problem in dict.fromkeys(objectives.problems.values()):
            found.left_out.append(f"{name}: {problem}")
        if objectives.specs:
            rule = prometheus_rule(world.policy.meta, name, objectives.specs, spec.export.labels)
            found.manifests[rule["metadata"]["name"]] = rule
    return found


def _actions(world: PolicyView, wanted: _Wanted, live: dict[str, Child]) -> tuple[Write, ...]:
    """Of a name that is not listed nothing is asked: it ends in a hash that nobody else writes."""
    actions: list[Write] = []
    for name, rule in wanted.manifests.items():
        known = live.get(name)
        if world.withheld.holds(RULE.kind, name) or (known and known.meta.deleting):
            continue
        if known is None:
            actions.append(Apply(rule))
        elif not _as_rendered(rule, known):
            actions.append(Apply(rule, known.meta.uid, known.meta.resource_version))
    actions.extend(
        Delete(one.meta.ref)
        for name, one in live.items()
        if name not in wanted.manifests
        and not one.meta.deleting
        and not world.withheld.holds(RULE.kind, name)
    )
    return tuple(actions)


def _as_rendered(rule: Json, live: Child) -> bool:
    """Hundreds of rules are compared at once, and nearly all are just as they were written; the
    comparison that allows for defaults takes ten times as long.
    """
    body = json.loads(live.body)
    if body.get("spec") == rule["spec"]:
        rule = {key: value for key, value in rule.items() if key != "spec"}
    return contained(rule, body, live.meta.owners)


def _refused(world: PolicyView) -> Condition | None:
    """What the API server refuses, be it a rule to write or one to delete."""
    found = refusal_diagnosis(world.withheld.refused)
    if found is None:
        return None
    return Condition(ConditionType.RULES_EXPORTED, Truth.FALSE, found.reason, found.message)


def _condition(spec: SLOPolicySpec, found: _Wanted) -> Condition:
    kind = ConditionType.RULES_EXPORTED
    if not found.manifests and not found.left_out:
        what = "objectives" if not spec.objectives else "services"
        text = f"The policy has no {what}, so there are no rules to write."
        return Condition(kind, Truth.FALSE, Reason.NOTHING_TO_EXPORT, text)
    services = len(found.manifests)
    text = (
        f"{services} PrometheusRule{'' if services == 1 else 's'}, one for each service, hold the "
        f"rules of {len(spec.objectives)} objective{'' if len(spec.objectives) == 1 else 's'}."
    )
    if found.left_out:
        more = len(found.left_out) - 1
        others = f", and {more} more" if more else ""
        text = f"{text} Left out: {found.left_out[0].rstrip('.')}{others}."
        return Condition(kind, Truth.FALSE, Reason.INVALID_PARAMETERS, text)
    return Condition(kind, Truth.TRUE, Reason.EXPORTED, text)


def _invalid() -> Condition:
    text = "The policy is not valid, so its rules stay as they were; correct `spec`."
    return Condition(ConditionType.RULES_EXPORTED, Truth.UNKNOWN, Reason.INVALID_SPEC, text)
