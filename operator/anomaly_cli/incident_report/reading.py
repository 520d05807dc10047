"""From an Anomaly and its AnomalyService to the parts of a report.

Both are read as they are in the cluster: a field that an earlier or a later release does not have
is left out, and nothing is asked of anybody else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from anomaly_cli.cluster_reading import fraction
from anomaly_cli.incident_report.timeline import (
    Fields,
    Moment,
    change_text,
    listed,
    part,
    text,
    timeline,
)
from anomaly_operator.anomalies.run_facts import run_examples, run_facts
from anomaly_operator.api.text import unix_seconds
from detector_runtime.contract.vocabulary import Unit
from detector_runtime.series.units import readable, readable_range

Row = tuple[str, ...]
_UNITS = {unit.value: unit for unit in Unit}


@dataclass(frozen=True, slots=True)
class Contribution:
    """`share` of the evidence, 0 to 1."""

    metric: str
    value: str
    usual: str
    deviation: str
    share: float


@dataclass(frozen=True, slots=True)
class IncidentReport:
    """`facts`: label and value. `start` and `end`: unix seconds of the first and the last anomalous
    window. `learned`: sentences. `notes`: what people wrote (what, who, words).
    """

    name: str
    namespace: str
    service: str
    headline: str
    start: int
    end: int
    facts: tuple[tuple[str, str], ...]
    timeline: tuple[Moment, ...]
    contributions: tuple[Contribution, ...]
    actions: tuple[str, ...]
    cause: tuple[tuple[str, str], ...]
    changes: tuple[Row, ...]
    context: tuple[tuple[str, tuple[Row, ...]], ...]
    notes: tuple[Row, ...]
    learned: tuple[str, ...]


def read(anomaly: Fields, service: Fields | None) -> IncidentReport:
    """`service`: None where it is gone."""
    meta, spec, status = (part(anomaly, key) for key in ("metadata", "spec", "status"))
    explanation, name = part(status, "explanation"), text(meta, "name")
    start = unix_seconds(spec.get("firstSeen"))
    return IncidentReport(
        name=name,
        namespace=text(meta, "namespace"),
        service=text(part(spec, "serviceRef"), "name"),
        headline=text(explanation, "summary") or text(status, "pattern"),
        start=start,
        end=max(unix_seconds(status.get("lastSeen")), start),
        facts=tuple((label, value) for label, value in _facts(spec, status) if value),
        timeline=timeline(spec, status),
        contributions=tuple(map(_contribution, listed(explanation.get("contributions")))),
        actions=tuple(map(str, explanation.get("recommendedActions") or ())),
        cause=tuple((label, value) for label, value in _cause(status) if value),
        changes=tuple(_changes(status)),
        context=tuple(_context(status)),
        notes=tuple(_notes(spec)),
        learned=tuple(_learned(name, status, service or {})),
    )


def _facts(spec: Fields, status: Fields) -> Iterator[tuple[str, str]]:
    slo, priority, explanation = (part(status, one) for one in ("slo", "priority", "explanation"))
    proximity = text(slo, "proximity")
    nearness = f" ({proximity} times the critical threshold)" if proximity else ""
    yield "State", text(status, "state")
    yield "Closed because", text(part(status, "resolution"), "reason")
    yield "Severity", text(status, "severity")
    yield "Model's severity", text(part(status, "model"), "severity")
    yield "Impact", text(explanation, "impact")
    yield "SLO", f"{text(slo, 'status')}{nearness}"
    yield "Pattern", text(status, "pattern")
    yield "Confidence", text(status, "confidence")
    yield "First suspicion", text(spec, "firstSeen")
    yield "Confirmed", text(status, "confirmedAt")
    yield "Closed", text(status, "closedAt")
    yield "Duration", text(status, "duration")
    yield "Anomalous windows", text(status, "occurrences")
    yield "Reopened", text(status, "reopened") if status.get("reopened") else ""
    tier = f"{text(priority, 'tier')} ({text(priority, 'value')} of 100)"
    yield "Priority", tier if priority else ""
    yield "Owner", text(priority, "owner")
    yield "Next step", text(priority, "nextStep")


def _cause(status: Fields) -> Iterator[tuple[str, str]]:
    root = part(status, "rootCause")
    confidence = text(root, "confidence")
    named = _named(root) + (f", confidence {confidence}" if confidence else "")
    yield "Root cause", named if root.get("service") else ""
    yield "Incident of the root", text(root, "anomaly")
    path = root.get("path")
    yield "Path", " -> ".join(map(_path_step, path)) if isinstance(path, list) else ""
    yield "Verdict", text(root, "verdict")
    yield "Symptom of", text(status, "symptomOf")
    symptoms = [_symptom(one) for one in listed(status.get("symptoms"))]
    count = status.get("symptomCount")
    more = f" ({count} in all)" if isinstance(count, int) and count > len(symptoms) else ""
    yield "Symptoms", f"{', '.join(symptoms)}{more}"


def _path_step(step: Any) -> str:
    return _named(step) if isinstance(step, Mapping) else str(step)


def _named(found: Fields) -> str:
    return "/".join(one for one in (text(found, "namespace"), text(found, "service")) if one)


def _symptom(found: Fields) -> str:
    severity = text(found, "severity")
    return f"{_named(found)}{f' ({severity})' if severity else ''}"


def _changes(status: Fields) -> Iterator[Row]:
    for change in listed(status.get("changes")):
        yield text(change, "at"), change_text(change)


def _context(status: Fields) -> Iterator[tuple[str, tuple[Row, ...]]]:
    for name, facts in (
        ("Training run", run_facts(status)),
        ("Examples of the training", run_examples(status)),
    ):
        if facts:
            yield name, facts
    for one in listed(status.get("context")):
        rows = ((text(row, "label"), text(row, "value")) for row in listed(one.get("rows")))
        yield text(one, "name"), tuple(rows)


def _notes(spec: Fields) -> Iterator[Row]:
    for key, label, words in (
        ("acknowledgement", "Acknowledged", "comment"),
        ("feedback", "Feedback", "comment"),
        ("resolution", "Resolution", "note"),
    ):
        if found := part(spec, key):
            said = ", ".join(one for one in (text(found, "verdict"), text(found, words)) if one)
            yield label, text(found, "by"), said


def _learned(name: str, status: Fields, service: Fields) -> Iterator[str]:
    for condition in listed(status.get("conditions")):
        if condition.get("type") == "ExcludedFromTraining":
            yield text(condition, "message")
    of_service = part(service, "status")
    for rule in listed(of_service.get("expected")):
        if rule.get("anomaly") == name:
            yield (
                f"Until {text(rule, 'until')}, windows with {text(rule, 'pattern')} up to "
                f"{text(rule, 'severity')} open no incident."
            )
    model = part(of_service, "model")
    if model:
        yield f"The model in use is {text(model, 'revision')}, trained {text(model, 'trainedAt')}."


def _contribution(found: Fields) -> Contribution:
    unit = _UNITS.get(text(found, "unit"), Unit.NONE)
    value, low, high = (_number(found, key) for key in ("value", "usualLow", "usualHigh"))
    return Contribution(
        metric=text(found, "metric"),
        value=readable(value, unit),
        usual=readable_range(low, high, value, unit),
        deviation=text(found, "deviation"),
        share=fraction(text(found, "share")),
    )


def _number(found: Fields, key: str) -> float:
    try:
        return float(text(found, key))
    except ValueError:
        return float("nan")
