"""`spec.workloadRef`: the workload behind a service, of which changes are looked up.

The kinds are a closed list, each with the one API version that the operator reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from anomaly_operator.api.fields import Fields


class WorkloadKind(StrEnum):
    DEPLOYMENT = "Deployment"
    STATEFUL_SET = "StatefulSet"
    DAEMON_SET = "DaemonSet"
    ROLLOUT = "Rollout"

    @property
    def api_version(self) -> str:
        return "argoproj.io/v1alpha1" if self is WorkloadKind.ROLLOUT else "apps/v1"


DEFAULT_KINDS = (WorkloadKind.DEPLOYMENT, WorkloadKind.STATEFUL_SET, WorkloadKind.ROLLOUT)
"""Looked for under the service's name, in this order, where the spec names no workload."""


@dataclass(frozen=True, slots=True)
class WorkloadRef:
    """A workload in the namespace of its service."""

    kind: WorkloadKind
    name: str


def parse_workload_ref(fields: Fields) -> WorkloadRef | None:
    """`fields` is the spec. Raises SpecError."""
    if not fields.has("workloadRef"):
        return None
    part = fields.child("workloadRef")
    kind, name = part.optional_choice("kind", WorkloadKind), part.text("name")
    if kind is None:
        raise part.refuse("kind", f"is missing; write one of {', '.join(WorkloadKind)}")
    if not name:
        raise part.refuse("name", f"is empty; write the name of a {kind}")
    version = part.text("apiVersion", kind.api_version)
    if version != kind.api_version:
        text = f"{version!r} has no {kind} that is read; write {kind.api_version} or leave it out"
        raise part.refuse("apiVersion", text)
    return WorkloadRef(kind, name)
