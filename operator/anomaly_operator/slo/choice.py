"""Which SLOPolicy holds for a service: the one it names, else the oldest that selects it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from anomaly_operator.api.reasons import Reason
from anomaly_operator.api.resources import POLICY
from anomaly_operator.api.text import sentence
from anomaly_operator.spec.policy import for_service
from anomaly_operator.world.objects import Meta, PolicyObject
from detector_runtime.contract.objectives import ObjectiveSpec
from detector_runtime.contract.run_config import SLOSpec


@dataclass(frozen=True, slots=True)
class PolicyChoice:
    """`policy` None: none holds. `reason` and `message` are set when something is amiss;
    `rivals` are younger policies that select the service too.
    """

    policy: PolicyObject | None = None
    slo: SLOSpec | None = None
    reason: Reason | None = None
    message: str = ""
    rivals: tuple[str, ...] = ()

    @property
    def objectives(self) -> tuple[ObjectiveSpec, ...]:
        """Of the policy that holds, as it states them for all its services."""
        return self.policy.spec.objectives if self.policy and self.policy.spec else ()


def policy_for(service: Meta, reference: str, policies: Sequence[PolicyObject]) -> PolicyChoice:
    """The policy for `service`, whose spec names `reference` (empty = none)."""
    alive = [policy for policy in policies if not policy.meta.deleting]
    if reference:
        named = next((policy for policy in alive if policy.meta.name == reference), None)
        if named is None:
            text = (
                f"`spec.sloPolicyRef` names {POLICY.kind} {reference}, which does not exist in "
                "this namespace; create it or correct the name."
            )
            return PolicyChoice(reason=Reason.POLICY_NOT_FOUND, message=text)
        return _resolved(named, service)
    selecting = sorted(
        (policy for policy in alive if policy.spec and policy.spec.selects(service.labels)),
        key=lambda policy: (policy.meta.created, policy.meta.name),
    )
    if not selecting:
        return PolicyChoice()
    first, *others = selecting
    choice = _resolved(first, service)
    if not others:
        return choice
    rivals = tuple(policy.meta.name for policy in others)
    text = (
        f"{POLICY.kind} {first.meta.name} applies because it is the oldest; {', '.join(rivals)} "
        f"{'selects' if len(rivals) == 1 else 'select'} the service too. "
        "Name one in `spec.sloPolicyRef`."
    )
    return PolicyChoice(choice.policy, choice.slo, Reason.POLICY_CONFLICT, text, rivals)


def _resolved(policy: PolicyObject, service: Meta) -> PolicyChoice:
    if policy.spec is None:
        problem = policy.problems[0] if policy.problems else "its spec cannot be read"
        text = sentence(f"{POLICY.kind} {policy.meta.name} is not valid: {problem}")
        return PolicyChoice(policy, None, Reason.POLICY_INVALID, text)
    return PolicyChoice(policy, for_service(policy.meta.name, policy.spec, service.name))
