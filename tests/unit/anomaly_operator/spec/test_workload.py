"""`spec.workloadRef`."""

from __future__ import annotations

from typing import Any

import pytest

from anomaly_operator.spec.service_parse import parse_service
from anomaly_operator.spec.workload import WorkloadKind, WorkloadRef

PRESET = {"preset": "OpenTelemetrySpanMetrics"}


@pytest.mark.parametrize("kind", list(WorkloadKind))
def test_each_kind_is_read_with_its_version_or_without(kind: WorkloadKind) -> None:
    for extra in ({}, {"apiVersion": kind.api_version}):
        ref = {"kind": kind.value, "name": "pay", **extra}
        found, problems = parse_service({**PRESET, "workloadRef": ref})
        assert problems == ()
        assert found is not None
        assert found.workload == WorkloadRef(kind, "pay")


def test_none_is_none() -> None:
    found, _ = parse_service(PRESET)
    assert found is not None
    assert found.workload is None


@pytest.mark.parametrize(
    ("ref", "field", "said"),
    [
        ({"name": "a"}, "spec.workloadRef.kind", "is missing; write one of Deployment"),
        ({"kind": "Job", "name": "a"}, "spec.workloadRef.kind", "'Job' is none of"),
        ({"kind": "Deployment"}, "spec.workloadRef.name", "is empty"),
        (
            {"kind": "Rollout", "name": "a", "apiVersion": "apps/v1"},
            "spec.workloadRef.apiVersion",
            "write argoproj.io/v1alpha1",
        ),
    ],
)
def test_what_cannot_be_used_is_said(ref: dict[str, Any], field: str, said: str) -> None:
    found, (problem,) = parse_service({**PRESET, "workloadRef": ref})
    assert found is None
    assert problem.field == field
    assert said in problem.message
