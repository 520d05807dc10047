"""`status.incidents`: the incidents as the API server keeps them.

The types in `state` say how each field is written; here are only the counts that people read beside
them. `parse` refuses what it does not understand rather than forget an incident silently.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from anomaly_operator.incidents.state import ExpectedRule, IncidentPhase, IncidentState
from detector_runtime.contract.codec import decode, encode
from detector_runtime.contract.vocabulary import ContractError

JSON = dict[str, Any]


def render(state: IncidentState) -> JSON:
    """The value of `status.incidents`. `open` counts what is not over yet, recovering included."""
    recovering = state.count(IncidentPhase.RECOVERING)
    document: JSON = encode(replace(state, expected=()))
    return {
        "open": state.count(IncidentPhase.OPEN) + recovering,
        "suspected": state.count(IncidentPhase.SUSPECTED),
        "recovering": recovering,
        **document,
    }


def render_expected(state: IncidentState) -> list[JSON]:
    """The value of `status.expected`."""
    return [encode(rule) for rule in state.expected]


def parse(document: Mapping[str, Any] | None, expected: Any = None) -> IncidentState:
    """Read what `render` and `render_expected` wrote; None or an empty value is nothing.

    Raises ContractError that names the field and the value.
    """
    state = decode(IncidentState, dict(document), "incidents") if document else IncidentState()
    if not expected:
        return state
    if not isinstance(expected, list):
        raise ContractError(f"expected: expected a list, got {expected!r}")
    rules = tuple(decode(ExpectedRule, rule, f"expected[{n}]") for n, rule in enumerate(expected))
    return replace(state, expected=rules)
