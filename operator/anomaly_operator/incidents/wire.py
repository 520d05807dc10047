"""`status.incidents`: the incidents as the API server keeps them.

The types in `state` say how each field is written; here are only the counts that people read beside
them. `parse` refuses what it does not understand rather than forget an incident silently.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from anomaly_operator.incidents.state import IncidentPhase, IncidentState
from detector_runtime.contract.codec import decode, encode

JSON = dict[str, Any]


def render(state: IncidentState) -> JSON:
    """The value of `status.incidents`. `open` counts what is not over yet, recovering included."""
    recovering = state.count(IncidentPhase.RECOVERING)
    document: JSON = encode(state)
    return {
        "open": state.count(IncidentPhase.OPEN) + recovering,
        "suspected": state.count(IncidentPhase.SUSPECTED),
        "recovering": recovering,
        **document,
    }


def parse(document: Mapping[str, Any] | None) -> IncidentState:
    """Read what `render` wrote; None or an empty mapping is a service without any incident.

    Raises ContractError that names the field and the value.
    """
    if not document:
        return IncidentState()
    return decode(IncidentState, dict(document), "incidents")
