"""What is known of an incident beyond its own windows: each part adds fields to its Anomaly's
status.

A part is a pure function. It sees the incident, what the object says so far and what earlier parts
have found, so one that finds nothing new returns what is there. The order of parts is that of
`reconcile.story`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from anomaly_operator.incidents.state import Incident
from anomaly_operator.world.plan import Lookup


@dataclass(frozen=True, slots=True)
class Told:
    """`fields`: of the Anomaly's status, by their names there. `lookups`: what a part has to know
    first; its fields are then those of the object so far. `due`: unix seconds at which it has to be
    told again though nothing has happened, 0 = never.
    """

    fields: Mapping[str, Any] = field(default_factory=dict)
    lookups: tuple[Lookup, ...] = ()
    due: int = 0


Part = Callable[[Incident, Mapping[str, Any], Mapping[str, Any]], Told]
"""(incident, status of its object so far, fields that earlier parts found) -> what it adds."""


def tell(parts: Sequence[Part], incident: Incident, before: Mapping[str, Any]) -> Told:
    """All parts in their order. Empty fields are left out by the document."""
    fields: dict[str, Any] = {}
    lookups: list[Lookup] = []
    moments = []
    for part in parts:
        told = part(incident, before, fields)
        fields |= told.fields
        lookups += told.lookups
        moments += [told.due] if told.due else []
    return Told(fields, tuple(dict.fromkeys(lookups)), min(moments, default=0))
