"""The incidents of one SLOPolicy that people have judged, from objects as the API server has them.

`Expected` is neither right nor wrong: the deviation was there. The parts of a priority are points;
divided by the most that a part can have, they are levels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from anomaly_cli.recalibration.fit import Example
from anomaly_cli.refusal import InputError
from anomaly_operator.api.resources import ANOMALY, POLICY, SERVICE
from anomaly_operator.incidents.priority import DEFAULT_WEIGHTS, Part, scaled
from anomaly_operator.incidents.state import Verdict
from anomaly_operator.observe.read import policy_object, service_object
from anomaly_operator.slo.choice import policy_for
from anomaly_operator.spec.playbook import WEIGHT_FIELDS

Raw = Mapping[str, Any]
_PARTS = {part.value: part for part in Part}


class NoPolicyError(InputError):
    """The SLOPolicy to calibrate is not clear; the message says how to name it."""


@dataclass(frozen=True, slots=True)
class Judged:
    """`policy`: the object, None where none is known. `weights`: those in force."""

    policy: Raw | None
    weights: Mapping[Part, int]
    examples: tuple[Example, ...]

    @property
    def confirmed(self) -> int:
        return sum(one.confirmed for one in self.examples)


def judged(objects: Sequence[Raw], name: str) -> Judged:
    """`objects` of any kind; `name` of the SLOPolicy, empty = the only one. Without any policy all
    incidents count, with the default weights. Raises NoPolicyError.
    """
    objects = [one for one in objects if _mapping(one.get("metadata")).get("name")]
    policies = [one for one in objects if one.get("kind") == POLICY.kind]
    policy = _chosen(policies, name)
    weights = _weights(policy)
    anomalies = [one for one in objects if one.get("kind") == ANOMALY.kind]
    if policy is not None:
        users = _users(objects, policies, policy)
        if users is not None:
            anomalies = [one for one in anomalies if _service(one) in users]
    most = scaled(weights)
    examples = (_example(one, most) for one in anomalies)
    return Judged(policy, weights, tuple(one for one in examples if one is not None))


def _chosen(policies: Sequence[Raw], name: str) -> Raw | None:
    named = [one for one in policies if not name or one["metadata"]["name"] == name]
    if len(named) == 1:
        return named[0]
    known = ", ".join(sorted(str(one["metadata"]["name"]) for one in policies))
    if name:
        raise NoPolicyError(f"--policy {name}: no such {POLICY.kind}; there is {known or 'none'}")
    if named:
        raise NoPolicyError(f"there are several of {POLICY.kind} ({known}); name one by --policy")
    return None


def _weights(policy: Raw | None) -> Mapping[Part, int]:
    if policy is None:
        return DEFAULT_WEIGHTS
    found = policy_object({**policy, "spec": policy.get("spec") or {}})
    if found.spec is None:
        problem = "; ".join(str(one) for one in found.problems)
        raise NoPolicyError(f"{POLICY.kind} {found.meta.name}: {problem}")
    return found.spec.playbook.weights


def _users(
    objects: Sequence[Raw], policies: Sequence[Raw], policy: Raw
) -> frozenset[tuple[str, str]] | None:
    """Namespace and name of the services that the policy holds for; None where no services are
    known, so that all incidents count."""
    services = [service_object(one) for one in objects if one.get("kind") == SERVICE.kind]
    if not services:
        return None
    read = [policy_object({**one, "spec": one.get("spec") or {}}) for one in policies]
    wanted = policy["metadata"]
    users = set()
    for service in services:
        meta = service.meta
        near = [one for one in read if one.meta.namespace == meta.namespace]
        reference = service.spec.slo_policy if service.spec else ""
        choice = policy_for(meta, reference, near).policy
        if choice and (choice.meta.namespace, choice.meta.name) == (
            str(wanted.get("namespace", "")),
            wanted["name"],
        ):
            users.add((meta.namespace, meta.name))
    return frozenset(users)


def _service(anomaly: Raw) -> tuple[str, str]:
    spec = _mapping(anomaly.get("spec"))
    name = str(_mapping(spec.get("serviceRef")).get("name", ""))
    return str(_mapping(anomaly.get("metadata")).get("namespace", "")), name


def _example(anomaly: Raw, most: Mapping[Part, int]) -> Example | None:
    spec, status = _mapping(anomaly.get("spec")), _mapping(anomaly.get("status"))
    verdict = _mapping(spec.get("feedback")).get("verdict")
    parts = _mapping(status.get("priority")).get("parts")
    if verdict not in (Verdict.TRUE_POSITIVE, Verdict.FALSE_POSITIVE) or not parts:
        return None
    return Example(dict(_levels(parts, most)), verdict == Verdict.TRUE_POSITIVE)


def _levels(parts: Any, most: Mapping[Part, int]) -> Iterator[tuple[Part, float]]:
    for one in parts if isinstance(parts, list) else ():
        item = _mapping(one)
        part, points = _PARTS.get(str(item.get("name"))), item.get("points")
        if part is not None and isinstance(points, int) and most[part]:
            yield part, min(points / most[part], 1.0)


def written(weights: Mapping[Part, int]) -> dict[str, int]:
    """As in `spec.playbook.weights`."""
    return {field: weights.get(part, 0) for part, field in WEIGHT_FIELDS.items()}


def _mapping(value: Any) -> Raw:
    return value if isinstance(value, Mapping) else {}
