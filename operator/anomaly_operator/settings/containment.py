"""What the admin decides about containment: whether a Job may start for an incident, in
which namespaces, at which tiers, under which account, and what it runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

CONTAINMENT_RESOURCES: Mapping[str, Mapping[str, str]] = {
    "requests": {"cpu": "50m", "memory": "64Mi"},
    "limits": {"memory": "128Mi"},
}


@dataclass(frozen=True, slots=True)
class JobTemplate:
    """The one container of the Job."""

    image: str = ""
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    resources: Mapping[str, Mapping[str, str]] = field(
        default_factory=lambda: CONTAINMENT_RESOURCES
    )
    deadline_seconds: int = 300


@dataclass(frozen=True, slots=True)
class ContainmentSettings:
    """Off by default. `account`: a ServiceAccount that the admin made in each of `namespaces`;
    what the Job may do is what that account may do.
    """

    enabled: bool = False
    namespaces: tuple[str, ...] = ()
    tiers: tuple[str, ...] = ("P1",)
    account: str = ""
    template: JobTemplate = field(default_factory=JobTemplate)

    def allows(self, namespace: str, tier: str) -> bool:
        return self.enabled and namespace in self.namespaces and tier in self.tiers
