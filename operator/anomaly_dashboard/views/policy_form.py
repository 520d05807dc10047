"""The form of an SLOPolicy: from a spec to fields, and from fields back into the spec.

The YAML is what counts. The form knows thresholds, objectives and the selector; whatever else the
spec says stays as it is. An emptied field is removed, so that its default holds.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from anomaly_cli.cluster_reading import items, part, text
from detector_runtime.contract.objectives import MAX_OBJECTIVES

MAX_VALUE = 2048
"""Characters of a value, as many as a query may have."""

_GROUPS: tuple[tuple[str, str, tuple[tuple[str, str, str], ...]], ...] = (
    (
        "latency",
        "Latency",
        (
            ("acceptable", "Acceptable", "500ms"),
            ("warning", "Warning", "800ms"),
            ("critical", "Critical", "1s"),
        ),
    ),
    (
        "errorRate",
        "Error rate",
        (
            ("acceptable", "Acceptable", "0.5%"),
            ("warning", "Warning", "1%"),
            ("critical", "Critical", "2%"),
        ),
    ),
    (
        "databaseLatency",
        "Database latency, times the usual",
        (
            ("informational", "Informational", "1.5"),
            ("warning", "Warning", "2"),
            ("high", "High", "3"),
            ("critical", "Critical", "5"),
            ("floor", "Not below", "5ms"),
        ),
    ),
    (
        "requestRate",
        "Traffic, times the usual",
        (("surge", "Surge from", "2"), ("cliff", "Cliff at", "0.5")),
    ),
)
_OBJECTIVE = (
    ("name", "Name", "availability"),
    ("type", "Type", "Availability"),
    ("target", "Target", "99.9%"),
    ("window", "Window", "30d"),
)
_RATIO = (
    ("errors", "Query of bad events", ""),
    ("good", "or of good events", ""),
    ("total", "Query of all events", ""),
)


@dataclass(frozen=True, slots=True)
class FormField:
    """`name` in the form; `hint`: the default, or an example; `query`: wants a wide field."""

    name: str
    label: str
    value: str
    hint: str
    query: bool = False


@dataclass(frozen=True, slots=True)
class FieldGroup:
    label: str
    fields: tuple[FormField, ...]


@dataclass(frozen=True, slots=True)
class PolicyForm:
    """`objectives`: those that are there and an empty one, where one more fits."""

    selector: str
    thresholds: tuple[FieldGroup, ...]
    objectives: tuple[FieldGroup, ...]


def form_of(spec: Mapping[str, Any]) -> PolicyForm:
    """The form with the values of `spec`; what has another type is shown as empty."""
    thresholds = part(spec, "thresholds")
    known = list(items(spec, "objectives"))[:MAX_OBJECTIVES]
    shown = [*known, {}] if len(known) < MAX_OBJECTIVES else known
    labels = part(part(spec, "serviceSelector"), "matchLabels")
    return PolicyForm(
        selector=", ".join(f"{key}={value}" for key, value in labels.items()),
        thresholds=tuple(
            FieldGroup(
                label,
                tuple(
                    FormField(f"{group}.{key}", named, text(part(thresholds, group), key), hint)
                    for key, named, hint in fields
                ),
            )
            for group, label, fields in _GROUPS
        ),
        objectives=tuple(_objective(at, one) for at, one in enumerate(shown)),
    )


def overlaid(spec: Mapping[str, Any], form: Mapping[str, str]) -> dict[str, Any]:
    """`spec` with the values of a form that was sent."""
    found: dict[str, Any] = copy.deepcopy(dict(spec))
    thresholds = dict(part(found, "thresholds"))
    for group, _, fields in _GROUPS:
        values = dict(part(thresholds, group))
        for key, _, _ in fields:
            _put(values, key, form.get(f"{group}.{key}", text(values, key)))
        _put(thresholds, group, values)
    _put(found, "thresholds", thresholds)
    _put(found, "objectives", _objectives(list(items(found, "objectives")), form))
    if "selector" in form:
        labels = _labels(form["selector"])
        _put(found, "serviceSelector", {"matchLabels": labels} if labels else {})
    return found


def _objective(at: int, one: Mapping[str, Any]) -> FieldGroup:
    indicator = part(one, "indicator")
    ratio = part(indicator, "ratio")
    name = f"objective.{at}"
    plain = (
        FormField(f"{name}.{key}", label, text(one, key), hint) for key, label, hint in _OBJECTIVE
    )
    queries = (
        FormField(f"{name}.{key}", label, text(ratio, key), hint, query=True)
        for key, label, hint in _RATIO
    )
    share = text(indicator, "errorRatio")
    return FieldGroup(
        f"Objective {text(one, 'name')}" if one else "One more objective",
        (
            *plain,
            *queries,
            FormField(f"{name}.errorRatio", "or one query of the share", share, "", query=True),
        ),
    )


def _objectives(known: list[Mapping[str, Any]], form: Mapping[str, str]) -> list[dict[str, Any]]:
    found = []
    for at in range(max(len(known), MAX_OBJECTIVES)):
        before = known[at] if at < len(known) else {}
        name = f"objective.{at}"
        if f"{name}.name" not in form:
            found += [dict(before)] if before else []
            continue
        if not form[f"{name}.name"].strip():
            continue
        one = dict(before)
        for key, _, _ in _OBJECTIVE:
            _put(one, key, form.get(f"{name}.{key}", ""))
        indicator = dict(part(before, "indicator"))
        ratio = dict(part(indicator, "ratio"))
        for key, _, _ in _RATIO:
            _put(ratio, key, form.get(f"{name}.{key}", ""))
        _put(indicator, "ratio", ratio)
        _put(indicator, "errorRatio", form.get(f"{name}.errorRatio", ""))
        one["indicator"] = indicator
        found.append(one)
    return found


def _labels(said: str) -> dict[str, str]:
    pairs = (one.partition("=") for one in said.split(",") if one.strip())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _put(values: dict[str, Any], key: str, value: object) -> None:
    """An empty value is none."""
    said = value.strip()[:MAX_VALUE] if isinstance(value, str) else value
    if said:
        values[key] = said
    else:
        values.pop(key, None)
