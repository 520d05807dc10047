"""`spec.context`: queries that explain an anomalous window, written out or by a preset's name."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from anomaly_operator.api.fields import Fields
from detector_runtime.contract.context import DEFAULT_ROWS, MAX_CONTEXT, MAX_ROWS
from detector_runtime.contract.vocabulary import Role, Unit


class ContextPreset(StrEnum):
    EXCEPTIONS_BY_TYPE = "ExceptionsByType"
    SLOWEST_ROUTES = "SlowestRoutes"
    STATUS_CLASSES = "StatusClasses"


@dataclass(frozen=True, slots=True)
class ContextPlan:
    """Either `query`, with its placeholders, or `preset`. `unit` None: that of the preset."""

    name: str
    query: str = ""
    preset: ContextPreset | None = None
    unit: Unit | None = None
    top: int = DEFAULT_ROWS
    roles: tuple[Role, ...] = ()
    patterns: tuple[str, ...] = ()


def parse_context(fields: Fields) -> tuple[ContextPlan, ...]:
    """`fields` is the spec. Raises SpecError."""
    plans = tuple(map(_plan, fields.items("context")))
    if len(plans) > MAX_CONTEXT:
        raise fields.refuse("context", f"has {len(plans)} queries, at most {MAX_CONTEXT} fit")
    names = [one.name for one in plans]
    twice = next((name for name in names if names.count(name) > 1), "")
    if twice:
        raise fields.refuse("context", f"has two queries of the name {twice}; rename one")
    return plans


def _plan(item: Fields) -> ContextPlan:
    name, query = item.text("name"), item.text("query")
    preset = item.optional_choice("preset", ContextPreset)
    if not name:
        raise item.refuse("name", "is empty; write a name such as exceptions")
    if bool(query.strip()) == (preset is not None):
        raise item.refuse("query", "write either query or preset, and not both")
    when = item.child("when")
    return ContextPlan(
        name=name,
        query=query,
        preset=preset,
        unit=item.optional_choice("unit", Unit),
        top=item.integer("top", DEFAULT_ROWS, 1, MAX_ROWS),
        roles=_roles(when),
        patterns=when.texts("patterns"),
    )


def _roles(when: Fields) -> tuple[Role, ...]:
    found = []
    for text in when.texts("roles"):
        if text not in set(Role):
            raise when.refuse("roles", f"{text!r} is none of {', '.join(Role)}")
        found.append(Role(text))
    return tuple(found)
