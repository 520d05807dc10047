"""The queries of operator/examples: what people copy must not lose the metric that is at zero."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from anomaly_operator.settings.yaml_text import load_all
from anomaly_operator.spec.service_parse import parse_service
from detector_runtime.contract.run_config import MetricSpec
from detector_runtime.contract.vocabulary import Role, Unit

EXAMPLES = Path(__file__).parents[4] / "operator" / "examples"


def services() -> list[Any]:
    return [
        pytest.param(document["spec"], id=f"{file.name}-{document['metadata']['name']}")
        for file in sorted(EXAMPLES.rglob("*.yaml"))
        for document in load_all(file.read_text())
        if document["kind"] == "AnomalyService"
    ]


def may_be_absent(metric: MetricSpec) -> bool:
    """Whether the query selects a part of the requests, which has no series before the first."""
    part = re.search(r"code|status|error|outcome|failed", metric.query) is not None
    counted = metric.role is Role.ERRORS or (metric.unit is Unit.RATIO and "/" in metric.query)
    return counted and part


@pytest.mark.parametrize("spec", services())
def test_a_share_of_an_example_is_zero_where_nothing_failed(spec: dict[str, Any]) -> None:
    parsed, problems = parse_service(spec)
    assert parsed is not None, problems
    for metric in parsed.metrics:
        if may_be_absent(metric):
            whole = re.search(r"or 0 \* (.+)\)\s*/ (.+)", metric.query)
            assert whole is not None, f"{metric.name} is absent until something fails"
            assert whole[1].strip() == whole[2].strip()


def test_an_example_has_such_a_query() -> None:
    parsed = [parse_service(one.values[0])[0] for one in services()]
    found = [metric for spec in parsed if spec for metric in spec.metrics if may_be_absent(metric)]
    assert found
