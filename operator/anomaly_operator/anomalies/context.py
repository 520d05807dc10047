"""What context queries found during an incident, from the detection into its Anomaly.

A result belongs to the incident that its window lies in; one of a later window replaces it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from anomaly_operator.anomalies.story import Part, Told
from anomaly_operator.api.text import cut, unix_seconds
from anomaly_operator.incidents.state import Incident
from detector_runtime.contract.codec import encode
from detector_runtime.contract.context import (
    MAX_CONTEXT,
    MAX_LABEL,
    MAX_NOTE,
    MAX_ROWS,
    MAX_VALUE,
    ContextResult,
    ContextRow,
)

CONTEXT = "context"


def context_part(results: Sequence[ContextResult]) -> Part:
    """`results`: of the newest detection, which a pod of the service wrote."""

    def part(incident: Incident, before: Mapping[str, Any], _found: Mapping[str, Any]) -> Told:
        known = {str(one.get("name", "")): one for one in _listed(before)}
        for one in results:
            at = unix_seconds(one.at)
            newer = at >= unix_seconds(known.get(one.name, {}).get("at"))
            if one.name and newer and incident.opened <= at <= incident.last_seen:
                known[one.name] = encode(_bounded(one))
        return Told({CONTEXT: list(known.values())[:MAX_CONTEXT]} if known else {})

    return part


def _listed(before: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    listed = before.get(CONTEXT)
    items = listed if isinstance(listed, list) else []
    return [item for item in items if isinstance(item, Mapping)]


def _bounded(one: ContextResult) -> ContextResult:
    rows = tuple(
        ContextRow(cut(row.label, MAX_LABEL), cut(row.value, MAX_VALUE))
        for row in one.rows[:MAX_ROWS]
    )
    return ContextResult(cut(one.name, 63), cut(one.at, 40), cut(one.note, MAX_NOTE), rows)
