"""What is asked of whom: the settings name the address, never an object of the cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from anomaly_dashboard.series.sources import MAX_BYTES, SeriesRefusedError, Sources
from anomaly_operator.settings.file import parse_settings

SETTINGS = """
sources:
  default: {url: "http://prometheus.monitoring:9090", timeout: 2m}
  tenant: {url: "http://mimir:8080", headers: {X-Scope-OrgID: "$(namespace)"}}
  files: {type: CSV, claim: data}
"""


def sources() -> Sources:
    return Sources(parse_settings(SETTINGS), Path("/mounts"))


def service(**spec: Any) -> dict[str, Any]:
    metadata = {"name": "checkout", "namespace": "shop", "uid": "u1", "generation": 3}
    return {"metadata": metadata, "spec": {"preset": "OpenTelemetrySpanMetrics", **spec}}


def test_the_queries_are_the_services_own_and_complete() -> None:
    found = sources().queries(service())
    assert found.key == ("u1", 3)
    assert [one.name for one in found.metrics][:2] == ["request_rate", "application_latency"]
    assert 'service_name="checkout"' in found.metrics[0].query
    assert "$(" not in found.metrics[0].query
    assert found.source.url == "http://prometheus.monitoring:9090"
    assert found.source.timeout_seconds == 20.0
    assert found.source.max_response_bytes == MAX_BYTES
    assert found.mounts.auth == Path("/mounts/default/auth")


def test_a_tenant_is_that_of_the_namespace() -> None:
    found = sources().queries(service(source={"name": "tenant"}))
    assert found.source.request is not None
    assert found.source.request.headers == (("X-Scope-OrgID", "shop"),)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"source": {"name": "http://169.254.169.254"}}, "source.name"),
        ({"source": {"name": "elsewhere"}}, "known: default, files, tenant"),
        (
            {"source": {"name": "files"}, "preset": None, "metrics": [{"name": "a", "query": "a"}]},
            "reads a source of type CSV",
        ),
        ({"step": "1s"}, "spec.step"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_the_field(spec: dict[str, Any], message: str) -> None:
    document = service(**spec)
    document["spec"] = {key: value for key, value in document["spec"].items() if value is not None}
    with pytest.raises(SeriesRefusedError, match=message):
        sources().queries(document)


def test_names_are_those_of_sources_that_answer_promql() -> None:
    assert sources().names() == ("default", "tenant")
