"""What a tool answers: a text for reading and a document with a schema, of the same facts.

The documents say less than the objects: what an assistant decides by. Times are ISO 8601 in UTC and
empty where they are not known, numbers are null there; nothing missing is zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mcp.types import CallToolResult, TextContent
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from anomaly_cli.mcp.bounds import NOTE, bounded, cut, visible


class Document(BaseModel):
    """A part of an answer. Its names are camel case, as in the objects of the cluster."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)


class Answer(Document):
    """A whole answer. `note`: what was left out of it."""

    note: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """An answer in words and as a document."""

    text: str
    document: Answer


class AnomalyLine(Document):
    """An incident as a line among others. `root`: the service that is the cause, where it is
    another one; `acknowledged`: by whom."""

    name: str
    namespace: str
    service: str
    severity: str
    state: str
    pattern: str
    slo: str
    root: str
    since: str
    acknowledged: str
    tier: str
    summary: str


class ServiceLine(Document):
    """A service as a line among others. `score` of its newest window, 0 to 10; from `alert_level`
    on a window is anomalous; `budget_left`: the least of its error budgets."""

    name: str
    namespace: str
    state: str
    severity: str
    score: float | None
    alert_level: float | None
    slo: str
    budget_left: str
    open_anomalies: int
    scored_through: str
    summary: str


class Listing(Answer):
    """`total`: how many match, also those that are not listed."""

    total: int
    anomalies: list[AnomalyLine] = Field(default_factory=list)
    services: list[ServiceLine] = Field(default_factory=list)


class Contribution(Document):
    """A metric's part in an incident. `share` of the evidence, 0 to 1."""

    metric: str
    value: str
    unit: str
    usual_low: str
    usual_high: str
    deviation: str
    share: float


class Peer(Document):
    """Another service's incident. `namespace` is empty in one's own."""

    service: str
    namespace: str
    anomaly: str
    severity: str
    path: list[str]


class Change(Document):
    """Something that changed in a workload near the start of the incident."""

    at: str
    kind: str
    workload: str
    text: str


class Said(Document):
    """What a person said."""

    by: str
    at: str
    verdict: str
    comment: str


class AnomalyStory(Answer):
    """One incident."""

    name: str
    namespace: str
    service: str
    severity: str
    state: str
    pattern: str
    slo: str
    confidence: str
    score: str
    first_seen: str
    last_seen: str
    closed_at: str
    resolution: str
    summary: str
    impact: str
    contributions: list[Contribution]
    root: Peer | None
    symptoms: list[Peer]
    symptom_count: int
    changes: list[Change]
    recommended_actions: list[str]
    tier: str
    owner: str
    next_step: str
    deadline: str
    acknowledgement: Said | None
    feedback: Said | None


class Explanation(Answer):
    """Why a service has its verdict. `report`: the newest window as it is stored."""

    service: str
    namespace: str
    state: str
    score: float | None
    alert_level: float | None
    metrics: list[dict[str, Any]]
    windows: dict[str, int]
    to_alert: list[str]
    report: dict[str, Any] | None


class PlannedChange(Answer):
    """What a changed manifest would change, by area; empty: nothing. `refused`: why the operator
    could not carry it out."""

    service: str
    namespace: str
    is_new: bool
    refused: str
    changes: dict[str, list[str]]


class TrialIncident(Document):
    """An incident that the recording would have opened."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore"
    )
    name: str
    begin: str = Field(alias="from")
    to: str
    open: bool
    severity: str
    metric: str
    pattern: str
    sentence: str
    anomalous_windows: int


class TrialRate(Document):
    """False incidents a week to expect at a change of the alert level."""

    alert_level_change: float
    per_week: float | None


class Trial(Answer):
    """What a recording would have shown, as `kubectl-anomaly backtest --json` says it."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore"
    )
    service: str
    slo_policy: str | None
    notes: list[str]
    warnings: list[str]
    step_seconds: int
    windows: int
    warmup_windows: int
    models_trained: int
    models_failed_checks: int
    scored: dict[str, int | float]
    incidents: list[TrialIncident]
    objectives: list[dict[str, Any]]
    false_incidents: list[dict[str, Any]]
    expected_false_incidents_per_week: list[TrialRate]
    labels: dict[str, int | float | None] | None


class Written(Answer):
    """What was written of an incident."""

    name: str
    namespace: str
    said: str


def result(told: Told) -> CallToolResult:
    """An answer as the protocol has it: bounded, and without what cannot be seen."""
    document, shortened = bounded(told.document.model_dump(mode="json", by_alias=True))
    if shortened:
        document["note"] = f"{document['note']} {NOTE}".strip()
    return CallToolResult(
        content=[TextContent(type="text", text=visible(cut(told.text)))],
        structured_content=document,
    )


def refusal(text: str) -> CallToolResult:
    """Why a tool has no answer."""
    return CallToolResult(
        content=[TextContent(type="text", text=visible(cut(text)))], is_error=True
    )
