"""The form of Explore: a few fields of a draft that people turn most often. Pure.

Everything else is written as YAML; both give the same documents.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from anomaly_dashboard.explore.draft import Draft, Path, at, check
from anomaly_dashboard.explore.manifest import Raw


@dataclass(frozen=True, slots=True)
class Input:
    """One input of the form: `choices` of a list, each value with its label; empty: free text.
    `hint`: what holds where it is left empty."""

    name: str
    label: str
    value: str
    choices: tuple[tuple[str, str], ...] = ()
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Inputs under one heading."""

    title: str
    inputs: tuple[Input, ...] = field(default=())


_DETECTOR: Path = ("spec", "detector")
_INCIDENTS: Path = ("spec", "incidents")
_LIMITS: Path = ("spec", "thresholds")
_SCALARS: dict[str, tuple[Path, bool]] = {
    # the input, where its value goes, and whether that is a number
    "falseIncidentsPerWeek": ((*_DETECTOR, "falseIncidentsPerWeek"), False),
    "vote": ((*_DETECTOR, "vote", "rule"), False),
    "periodPreset": (("spec", "periodPreset"), False),
    "confirmationCycles": ((*_INCIDENTS, "confirmationCycles"), True),
    "resolutionGraceCycles": ((*_INCIDENTS, "resolutionGraceCycles"), True),
}
THRESHOLDS: tuple[tuple[str, str], ...] = (
    ("latency", "acceptable"),
    ("latency", "warning"),
    ("latency", "critical"),
    ("errorRate", "acceptable"),
    ("errorRate", "warning"),
    ("errorRate", "critical"),
    ("databaseLatency", "warning"),
    ("databaseLatency", "critical"),
    ("requestRate", "surge"),
    ("requestRate", "cliff"),
)
_MEMBERS = "members"


def changes(fields: Mapping[str, str]) -> dict[str, str]:
    """What a person changed: inputs are called `set.NAME`, and `was.NAME` has what stood there, so
    that an input left alone does not undo what was written in the YAML beside it."""
    return {
        name.removeprefix("set."): value
        for name, value in fields.items()
        if name.startswith("set.") and value != fields.get("was." + name.removeprefix("set."))
    }


def with_form(draft: Draft, form: Mapping[str, str]) -> Draft:
    """The draft with what the form says; an empty input takes the field away. Inputs that are not
    in `form` change nothing. Raises DraftError."""
    service = copy.deepcopy(dict(draft.service))
    policy = None if draft.policy is None else copy.deepcopy(dict(draft.policy))
    for name, (path, is_number) in _SCALARS.items():
        if name in form:
            _put(service, path, _value(form[name].strip(), is_number=is_number))
    if _MEMBERS in form:
        _put(service, (*_DETECTOR, _MEMBERS), _members(form[_MEMBERS], service))
    for metric in at(service, ("spec", "metrics")) or ():
        key = f"direction.{metric.get('name')}" if isinstance(metric, dict) else ""
        if key in form:
            _put(metric, ("direction",), form[key].strip())
    if policy is not None:
        for of, level in THRESHOLDS:
            if f"{of}.{level}" in form:
                _put(policy, (*_LIMITS, of, level), form[f"{of}.{level}"].strip())
    changed = Draft(service, policy)
    check(changed)
    return changed


def inputs(draft: Draft) -> tuple[Group, ...]:
    """The form with the draft's values."""
    service = draft.service
    members = ", ".join(
        str(one.get("name")) for one in at(service, (*_DETECTOR, _MEMBERS)) or () if one
    )
    rules = ("", "Majority", "Any", "All", "Weighted", "Best")
    groups = [
        Group(
            "Detection",
            (
                _input(
                    service, "falseIncidentsPerWeek", "False incidents a week", hint="the default"
                ),
                Input(_MEMBERS, "Detectors", members, hint="Auto; or names with commas"),
                _input(service, "vote", "Vote", _choices(rules, "the default")),
                _input(
                    service, "periodPreset", "Periods", _choices(("", "WorkWeek"), "as written")
                ),
            ),
        ),
        Group(
            "Incidents",
            (
                _input(service, "confirmationCycles", "Windows that open one", hint="2"),
                _input(service, "resolutionGraceCycles", "Windows that close one", hint="3"),
            ),
        ),
    ]
    directions = tuple(
        Input(
            f"direction.{one['name']}",
            str(one["name"]),
            str(one.get("direction") or ""),
            _choices(("", "Up", "Down", "Both"), "by its role"),
        )
        for one in at(service, ("spec", "metrics")) or ()
        if isinstance(one, dict) and one.get("name")
    )
    if directions:
        groups.append(Group("Which side of a metric counts", directions))
    if draft.policy is not None:
        found = draft.policy
        limits = tuple(
            Input(
                f"{of}.{level}",
                f"{of} {level}",
                str(at(found, (*_LIMITS, of, level)) or ""),
                hint="the default",
            )
            for of, level in THRESHOLDS
            if at(found, (*_LIMITS, of)) is not None
        )
        if limits:
            groups.append(Group("Thresholds of the SLOPolicy", limits))
    return tuple(groups)


def _value(text: str, *, is_number: bool) -> str | int:
    if is_number and text.isdecimal():
        return int(text)
    return text  # the spec's own rules say what is wrong with it


def _members(text: str, service: Raw) -> list[dict[str, Any]] | str:
    """Those named, with the parameters that they have already; nothing for Auto."""
    known = {
        str(one.get("name")): one
        for one in at(service, (*_DETECTOR, _MEMBERS)) or ()
        if isinstance(one, dict)
    }
    names = [name.strip() for name in text.split(",") if name.strip()]
    return [dict(known.get(name, {"name": name})) for name in names] or ""


def _input(
    document: Raw,
    name: str,
    label: str,
    choices: tuple[tuple[str, str], ...] = (),
    hint: str = "",
) -> Input:
    value = at(document, _SCALARS[name][0])
    return Input(name, label, "" if value is None else str(value), choices, hint)


def _choices(values: Sequence[str], empty: str) -> tuple[tuple[str, str], ...]:
    return tuple((value, value or empty) for value in values)


def _put(document: dict[str, Any], path: Path, value: object) -> None:
    """Set it; an empty one is taken away, with the objects that are empty without it."""
    *way, last = path
    parents: list[dict[str, Any]] = [document]
    for key in way:
        inner = parents[-1].get(key)
        if not isinstance(inner, dict):
            if value == "":
                return
            inner = parents[-1][key] = {}
        parents.append(inner)
    if value != "":
        parents[-1][last] = value
        return
    parents[-1].pop(last, None)
    for key, parent in zip(reversed(way), reversed(parents[:-1]), strict=True):
        if not parent[key] and parent is not document:
            del parent[key]
