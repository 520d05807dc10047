"""Anomalies and services of a cluster as the verbs know them: typed, and without a decision.

What the object does not say has the default here: an empty text, 0, nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from detector_runtime.contract.vocabulary import Severity, SLOStatus

Raw = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Share:
    """One metric's part in an incident; `share` of the evidence, 0 to 1."""

    metric: str
    value: str
    unit: str
    low: str
    high: str
    deviation: str
    share: float


@dataclass(frozen=True, slots=True)
class Other:
    """Another service's incident: a root or a symptom. `namespace` is empty in one's own."""

    service: str
    namespace: str = ""
    anomaly: str = ""
    severity: str = ""
    confidence: str = ""
    path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Statement:
    """What a person said. `at`, `until`: unix seconds, 0 = not said."""

    by: str = ""
    at: int = 0
    comment: str = ""
    verdict: str = ""
    until: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """Something that changed in a workload near the start of an incident. `text`: in words, with
    its distance from the start."""

    at: int
    kind: str
    workload: str
    before: str
    after: str
    text: str


@dataclass(frozen=True, slots=True)
class Priority:
    """`value` 0 to 100, -1 = not known; `deadline` in unix seconds, 0 = none."""

    value: int = -1
    tier: str = ""
    owner: str = ""
    entry: str = ""
    next_step: str = ""
    deadline: int = 0
    missed: bool = False
    parts: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """Rows that were looked up for an incident, such as its exceptions by type. `note`: why there
    are none."""

    name: str
    rows: tuple[tuple[str, str], ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Incident:
    """An Anomaly. Times in unix seconds, 0 = not said; `raw` is the object itself. `run`: label and
    value of what is known of its training run; `votes`: how its detectors voted, in sentences."""

    name: str
    namespace: str
    service: str
    state: str
    severity: Severity
    pattern: str
    slo: SLOStatus
    proximity: str = ""
    slo_explanation: str = ""
    adjustment: str = ""
    model_severity: str = ""
    impact_level: str = ""
    confidence: str = ""
    score: str = ""
    votes: tuple[str, ...] = ()
    occurrences: int = 0
    first_seen: int = 0
    reopened_at: int = 0
    last_seen: int = 0
    closed_at: int = 0
    resolution: str = ""
    duration: str = ""
    summary: str = ""
    impact: str = ""
    now_at: int = 0
    now_severity: str = ""
    now_summary: str = ""
    shares: tuple[Share, ...] = ()
    actions: tuple[str, ...] = ()
    acknowledgement: Statement | None = None
    feedback: Statement | None = None
    note: Statement | None = None
    root: Other | None = None
    symptoms: tuple[Other, ...] = ()
    symptom_count: int = 0
    symptom_of: str = ""
    changes: tuple[Change, ...] = ()
    change_lookup: str = ""
    priority: Priority = field(default_factory=Priority)
    containment: str = ""
    run: tuple[tuple[str, str], ...] = ()
    history: tuple[tuple[int, str, str, str], ...] = ()
    tables: tuple[Table, ...] = ()
    notified: str = ""
    excluded: str = ""
    raw: Raw = field(default_factory=dict)

    @property
    def running(self) -> bool:
        return self.state != "Closed"

    @property
    def since(self) -> int:
        return self.reopened_at or self.first_seen


@dataclass(frozen=True, slots=True)
class ServiceLine:
    """An AnomalyService as a line among others. `budget`: the least share of an error budget that
    is left, such as `12%`; `scored`: end of its newest window in unix seconds."""

    name: str
    namespace: str
    state: str
    severity: Severity
    slo: SLOStatus
    summary: str
    open: int
    budget: str
    scored: int
    ready: str
    raw: Raw = field(default_factory=dict)
