"""A user's wish and the administrator's default together make resources that a server accepts."""

from __future__ import annotations

from typing import Any

import pytest

from anomaly_operator.manifests.jobs import Attempt, training_job
from anomaly_operator.manifests.run_config import resolve
from anomaly_operator.settings.values import MetricsSource, Settings
from anomaly_operator.spec.service_parse import parse_service
from anomaly_operator.world.objects import Meta
from detector_runtime.contract.vocabulary import SourceType

SETTINGS = Settings(
    sources={"default": MetricsSource("default", SourceType.PROMETHEUS, url="http://prometheus")}
)
META = Meta(
    api_version="anomaly-operator.dev/v1alpha1",
    kind="AnomalyService",
    namespace="shop",
    name="checkout",
    uid="0b8f7a52-6d0e-4f2a-9a53-1c1d5f0e7b11",
    resource_version="1",
    generation=1,
)


def rendered(wanted: dict[str, Any]) -> dict[str, Any]:
    """Resources of the training pod; the defaults are 384Mi requested and 2Gi allowed."""
    document = {"preset": "OpenTelemetrySpanMetrics", "resources": {"training": wanted}}
    spec, problems = parse_service(document)
    assert spec is not None, problems
    attempt = Attempt("job", "FirstModel", "inputs")
    job = training_job(resolve(META, spec, SETTINGS, 0), SETTINGS, "config", attempt)
    found: dict[str, Any] = job["spec"]["template"]["spec"]["containers"][0]["resources"]
    return found


@pytest.mark.parametrize(
    ("wanted", "request_", "limit"),
    [
        ({}, "384Mi", "2Gi"),
        ({"limits": {"memory": "256Mi"}}, "256Mi", "256Mi"),
        ({"requests": {"memory": "4Gi"}}, "4Gi", "4Gi"),
        ({"limits": {"memory": "4Gi"}}, "384Mi", "4Gi"),
        ({"requests": {"memory": "64Mi"}}, "64Mi", "2Gi"),
        ({"requests": {"memory": "1Gi"}, "limits": {"memory": "3Gi"}}, "1Gi", "3Gi"),
    ],
)
def test_a_limit_is_never_below_its_request(
    wanted: dict[str, Any], request_: str, limit: str
) -> None:
    resources = rendered(wanted)
    assert resources["requests"]["memory"] == request_
    assert resources["limits"]["memory"] == limit


def test_a_quantity_may_be_an_integer() -> None:
    resources = rendered({"limits": {"cpu": 2, "memory": 1073741824}})
    assert resources["limits"]["cpu"] == "2"
    assert resources["limits"]["memory"] == "1073741824"


@pytest.mark.parametrize("wrong", [True, 0.5, ["2"]])
def test_what_is_no_quantity_is_refused_with_the_field(wrong: object) -> None:
    spec, problems = parse_service(
        {
            "preset": "OpenTelemetrySpanMetrics",
            "resources": {"training": {"limits": {"cpu": wrong}}},
        }
    )
    assert spec is None
    assert "spec.resources.training.limits" in str(problems[0])
    assert "500m, 1Gi or 2" in str(problems[0])
