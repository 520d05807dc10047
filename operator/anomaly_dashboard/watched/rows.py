"""One line of each object, small enough to keep for every one of a large fleet.

A page that shows many objects reads these alone; the whole object is unpacked for its own page.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from detector_runtime.contract.vocabulary import Severity, SLOStatus

Place = tuple[str, str]
"""Namespace and name."""


@dataclass(frozen=True, slots=True)
class ServiceRow:
    """An AnomalyService. Times in unix seconds, 0 = not said. `budget`: the least share of an error
    budget that is left, such as `12%`; `ready`: status of the condition of that name;
    `depends_on`: places; `run`: it follows a training run; `step`: seconds of a window;
    `observed`: the generation that the operator has taken up."""

    namespace: str
    name: str
    uid: str
    generation: int
    category: str
    owner: str
    state: str
    severity: Severity
    slo: SLOStatus
    summary: str
    open: int
    budget: str
    scored: int
    ready: str
    trouble: str
    run: bool
    next_training: int
    depends_on: tuple[Place, ...]
    created: int = 0
    step: int = 0
    observed: int = 0

    @property
    def place(self) -> Place:
        return self.namespace, self.name

    @property
    def lasting(self) -> ServiceRow:
        """Without what each window changes."""
        return replace(self, scored=0, summary="")


@dataclass(frozen=True, slots=True)
class Edge:
    """Something that happened to an incident, as its history names it, or to a workload near its
    start, in words. `at` in unix seconds; `who`: a person, empty for the operator."""

    at: int
    what: str
    who: str = ""


@dataclass(frozen=True, slots=True)
class IncidentRow:
    """An Anomaly. Times in unix seconds, 0 = not said. `root`: service in which the trouble began,
    an empty name where none is known or it is this one; `priority` 0 to 100, -1 = not known.
    `first_seen` is `since` unless it was reopened. `edges`: the newest of its history, at most 4;
    `change`: the workload's change that counts most."""

    namespace: str
    name: str
    service: str
    state: str
    severity: Severity
    pattern: str
    slo: SLOStatus
    summary: str
    since: int
    last_seen: int
    closed_at: int
    root: Place
    root_anomaly: str
    symptom_of: str
    symptoms: int
    tier: str
    priority: int
    owner: str
    next_step: str
    deadline: int
    missed: bool
    acknowledged_by: str
    verdict: str
    occurrences: int
    first_seen: int = 0
    edges: tuple[Edge, ...] = ()
    change: Edge | None = None

    @property
    def place(self) -> Place:
        return self.namespace, self.name

    @property
    def lasting(self) -> IncidentRow:
        """Without what each window changes."""
        return replace(self, last_seen=0, occurrences=0, summary="")

    @property
    def running(self) -> bool:
        return self.state != "Closed"


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """An SLOPolicy. `trouble`: what its conditions complain of."""

    namespace: str
    name: str
    services: int
    burning: int
    exhausted: int
    trouble: str

    @property
    def place(self) -> Place:
        return self.namespace, self.name

    @property
    def lasting(self) -> PolicyRow:
        return self
