"""The size of `status.incidents`, kept whatever a detection document holds.

Every text is cut and every list is capped first. If the whole is still too large, details go, from
the oldest closed incident on: its Anomaly object holds them already. What the life cycle itself
needs (identity, phase, times, counters, worst facts) is never given up.
"""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import TypeVar

from anomaly_operator.api.text import cut
from anomaly_operator.incidents.state import (
    MAX_CONTEXT_METRICS,
    Incident,
    IncidentState,
    PatternSight,
    SLOResult,
)
from anomaly_operator.incidents.wire import render
from detector_runtime.contract.detection import Contribution, MetricComparison
from detector_runtime.contract.vocabulary import MAX_ACTIONS, MAX_CONTRIBUTIONS

MAX_STATE_BYTES = 12_000
"""An AnomalyService's status stays far under etcd's 1.5 MiB and cheap to watch: the incidents get
this much of the 32 KiB that the whole status may take."""

NAME_BYTES = 128
SUMMARY_BYTES = 256
IMPACT_BYTES = 192
ACTION_BYTES = 192
DETAIL_BYTES = 96
ADJUSTMENT_BYTES = 192
FIGURE_BYTES = 32
SHARE_BYTES = 16

Row = TypeVar("Row", Contribution, MetricComparison)
_TEXTS = {
    "metric": NAME_BYTES,
    "deviation": DETAIL_BYTES,
    "detector": DETAIL_BYTES,
    "share": SHARE_BYTES,
}


def bounded(state: IncidentState) -> IncidentState:
    """The same incidents within the bounds; a state that fits comes back equal."""
    incidents = [_cut_incident(incident) for incident in state.tracked]
    within = replace(state, tracked=tuple(incidents))
    for level in (_without_context, _without_patterns, _without_details):
        for index in reversed(range(len(incidents))):
            if size(within) <= MAX_STATE_BYTES:
                return within
            incidents[index] = level(incidents[index])
            within = replace(state, tracked=tuple(incidents))
    return within


def size(state: IncidentState) -> int:
    """Bytes of `status.incidents` as compact JSON."""
    text = json.dumps(render(state), ensure_ascii=False, separators=(",", ":"))
    return len(text.encode())


def _cut_incident(incident: Incident) -> Incident:
    context = incident.context
    if context is not None:
        metrics = tuple(_cut_row(one) for one in context.metrics[:MAX_CONTEXT_METRICS])
        context = replace(context, metrics=metrics, slo=_cut_slo(context.slo))
    contributions = incident.contributions[:MAX_CONTRIBUTIONS]
    actions = incident.recommended_actions[:MAX_ACTIONS]
    return replace(
        incident,
        confidence=cut(incident.confidence, SHARE_BYTES),
        slo=_cut_slo(incident.slo),
        summary=cut(incident.summary, SUMMARY_BYTES),
        contributions=tuple(_cut_row(one) for one in contributions),
        recommended_actions=tuple(cut(action, ACTION_BYTES) for action in actions),
        impact=cut(incident.impact, IMPACT_BYTES),
        context=context,
        current_score=cut(incident.current_score, FIGURE_BYTES),
        current_summary=cut(incident.current_summary, SUMMARY_BYTES),
        adjustment=cut(incident.adjustment, ADJUSTMENT_BYTES),
    )


def _cut_slo(slo: SLOResult) -> SLOResult:
    return replace(
        slo,
        proximity=cut(slo.proximity, FIGURE_BYTES),
        explanation=cut(slo.explanation, SUMMARY_BYTES),
    )


def _cut_row(row: Row) -> Row:
    texts = {field.name: getattr(row, field.name) for field in fields(row)}
    return replace(row, **{k: cut(text, _TEXTS.get(k, FIGURE_BYTES)) for k, text in texts.items()})


def _without_context(incident: Incident) -> Incident:
    if incident.context is None:
        return incident
    return replace(incident, context=replace(incident.context, metrics=()))


def _without_patterns(incident: Incident) -> Incident:
    """Only the opening pattern and the worst one, which say what the incident is."""
    lasting = {incident.opening_pattern, incident.pattern}
    kept: tuple[PatternSight, ...] = tuple(s for s in incident.patterns if s.name in lasting)
    return replace(incident, patterns=kept)


def _without_details(incident: Incident) -> Incident:
    return replace(
        incident,
        slo=replace(incident.slo, explanation=""),
        contributions=(),
        recommended_actions=(),
        impact="",
        current_summary="",
        adjustment="",
    )
