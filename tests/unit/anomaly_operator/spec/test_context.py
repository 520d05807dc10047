"""`spec.context`."""

from __future__ import annotations

from typing import Any

import pytest

from anomaly_operator.spec.context import ContextPlan, ContextPreset
from anomaly_operator.spec.service_parse import parse_service
from detector_runtime.contract.vocabulary import Role, Unit

PRESET = {"preset": "OpenTelemetrySpanMetrics"}


def test_a_query_and_a_preset_are_read() -> None:
    written = [
        {
            "name": "queue",
            "query": "max by (queue) (depth)",
            "unit": "Count",
            "top": 3,
            "when": {"roles": ["Traffic"], "patterns": ["traffic_cliff"]},
        },
        {"name": "exceptions", "preset": "ExceptionsByType"},
    ]
    found, problems = parse_service({**PRESET, "context": written})
    assert problems == ()
    assert found is not None
    first = ContextPlan(
        "queue", "max by (queue) (depth)", None, Unit.COUNT, 3, (Role.TRAFFIC,), ("traffic_cliff",)
    )
    second = ContextPlan("exceptions", preset=ContextPreset.EXCEPTIONS_BY_TYPE)
    assert found.context == (first, second)


@pytest.mark.parametrize(
    ("written", "field", "said"),
    [
        ([{"query": "up"}], "spec.context[0].name", "is empty"),
        ([{"name": "a"}], "spec.context[0].query", "either query or preset"),
        (
            [{"name": "a", "query": "up", "preset": "SlowestRoutes"}],
            "spec.context[0].query",
            "not both",
        ),
        ([{"name": "a", "preset": "Fastest"}], "spec.context[0].preset", "is none of"),
        ([{"name": "a", "query": "up", "top": 11}], "spec.context[0].top", "not between 1 and 10"),
        (
            [{"name": "a", "query": "up", "when": {"roles": ["Speed"]}}],
            "spec.context[0].when.roles",
            "'Speed' is none of",
        ),
        ([{"name": "a", "query": "up"}] * 2, "spec.context", "two queries of the name a"),
        (
            [{"name": f"a{n}", "query": "up"} for n in range(7)],
            "spec.context",
            "has 7 queries, at most 6 fit",
        ),
    ],
)
def test_what_cannot_be_used_is_said(written: list[Any], field: str, said: str) -> None:
    found, (problem,) = parse_service({**PRESET, "context": written})
    assert found is None
    assert problem.field == field
    assert said in problem.message
