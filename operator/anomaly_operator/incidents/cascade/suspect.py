"""What is known of one anomalous service: when it began, how unusual it is, and in what.

Only services with a running incident are suspects. A service without one, or without data, is none:
it is never named, and nothing is explained by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from detector_runtime.contract.vocabulary import Role, Severity


class ServiceKey(NamedTuple):
    """A service of the cluster."""

    namespace: str
    name: str


class IncidentRef(NamedTuple):
    """An incident by the name of its Anomaly object, which is in the namespace of `service`."""

    service: ServiceKey
    anomaly: str


class Side(StrEnum):
    """Where a value lies: above, below or inside its usual range."""

    UP = "Up"
    DOWN = "Down"
    INSIDE = "Inside"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One metric's part in the incident. `share` of the evidence, 0 to 1. `excess`: how far beyond
    the usual range, in seconds for a latency and as a ratio for errors; None = not known."""

    role: Role
    side: Side
    share: float
    excess: float | None = None


@dataclass(frozen=True, slots=True)
class Suspect:
    """One service with a running incident.

    `first_seen`: end of the first anomalous window, unix seconds. `score`: of the worst window,
    larger = rarer, of any unit that is the same for all suspects; 0 = not known. `measures`: the
    roles of all metrics of the service, also of those that are normal. `step_seconds`: length of
    its windows. `rate`: its usual requests a second; 0 = not
    known.
    """

    key: ServiceKey
    anomaly: str
    first_seen: int
    step_seconds: int
    severity: Severity
    score: float = 0.0
    pattern: str = ""
    evidence: tuple[Evidence, ...] = ()
    measures: frozenset[Role] = frozenset()
    rate: float = 0.0

    def share(self, role: Role, *sides: Side) -> float:
        """Of the evidence in metrics of `role` that lie on one of `sides`."""
        return sum(one.share for one in self.evidence if one.role is role and one.side in sides)

    def excess(self, *roles: Role) -> float | None:
        """The largest rise of a metric of these roles, None where none is known."""
        known = [
            one.excess
            for one in self.evidence
            if one.role in roles and one.side is Side.UP and one.excess is not None
        ]
        return max(known, default=None)

    @property
    def is_store(self) -> bool:
        """Whether it may be a database: nothing that it calls is measured."""
        return not self.measures & {Role.DATABASE_LATENCY, Role.DEPENDENCY_LATENCY}
