"""A service and its SLOPolicy as they stand, as the first draft of what somebody tries. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from anomaly_dashboard.explore.draft import Draft
from anomaly_dashboard.explore.manifest import as_written
from anomaly_operator.api.resources import POLICY, SERVICE
from anomaly_operator.observe.read import metadata, policy_object
from anomaly_operator.slo.choice import policy_for
from anomaly_operator.spec.service_parse import parse_service

Raw = Mapping[str, Any]


def standing(service: Raw, policies: Sequence[Raw]) -> Draft:
    """The manifests as they were written; `policies`: those of the namespace that may be seen."""
    spec, _ = parse_service(service.get("spec"))
    holds = None
    if spec is not None:
        found = policy_for(
            metadata(service), spec.slo_policy, [policy_object(one) for one in policies]
        )
        if found.policy is not None:
            name = found.policy.meta.name
            holds = next(one for one in policies if metadata(one).name == name)
    return Draft(
        as_written(service, SERVICE.kind),
        None if holds is None else as_written(holds, POLICY.kind),
    )


def with_policy(policies: Sequence[Raw], draft: Draft) -> tuple[Raw, ...]:
    """`policies` with the draft's in the place of its namesake, whose age it keeps, because the
    oldest of several holds."""
    if draft.policy is None:
        return tuple(policies)
    name = metadata(draft.policy).name
    same = [one for one in policies if metadata(one).name == name]
    age = {"creationTimestamp": same[0]["metadata"].get("creationTimestamp")} if same else {}
    new = {**draft.policy, "metadata": {**age, **draft.policy["metadata"]}}
    return (*(one for one in policies if metadata(one).name != name), new)
