"""What a user finds out about the API with kubectl alone."""

from __future__ import annotations

from typing import Any

import pytest

from anomaly_sandbox.cluster import Sandbox

pytestmark = pytest.mark.controlplane


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("asvc.spec.training.lookback", "Length of the training history"),
        ("asvc.spec.periods.confidence", "applied to the confidence of findings"),
        ("asvc.status.detection.report.findings.contributions.share", "Share of the evidence"),
        ("asvc.spec.patterns.when.level", "VeryLow is below the 5th percentile"),
        (
            "asvc.spec.patterns.message",
            "A clause (up to ; or :) whose value",
        ),
        ("asvc.status.detection.windows.modelSeverity", "before the SLO is applied"),
        ("asvc.status.incidents.tracked.modelSeverity", "the worst window so far before the SLO"),
        ("slop.spec.overrides.latency.critical", "From this value on the SLO is Breached"),
        ("anom.spec.feedback.verdict", "FalsePositive: nothing was wrong"),
    ],
)
def test_explain_has_words_down_to_the_leaf(crds: Sandbox, field: str, words: str) -> None:
    told = crds.kubectl("explain", field, check=True).stdout
    assert words in " ".join(told.split())


def test_the_server_publishes_the_words_of_every_field(crds: Sandbox) -> None:
    path = "/openapi/v3/apis/anomaly-operator.dev/v1alpha1"
    published = crds.wait_for(lambda: crds.api.request("GET", path), 90, "the OpenAPI document")
    schemas = published["components"]["schemas"]
    ours = {name: s for name, s in schemas.items() if name.startswith("dev.anomaly-operator")}
    assert len(ours) == 6  # three kinds and their lists
    silent = [
        f"{name}{path}"
        for name, schema in ours.items()
        for part in ("spec", "status")
        for path in _silent(schema["properties"].get(part, {}), f".{part}")
    ]
    assert silent == []


def _silent(node: dict[str, Any], path: str) -> list[str]:
    own = [path] if node and not node.get("description") else []
    found = own + [
        hit
        for name, child in node.get("properties", {}).items()
        for hit in _silent(child, f"{path}.{name}")
    ]
    return found + (_silent(node["items"], f"{path}[]") if "items" in node else [])


def test_one_word_lists_all_that_is_observed(crds: Sandbox) -> None:
    listed = crds.kubectl("api-resources", "--categories=observability", "-o", "name", check=True)
    assert sorted(listed.stdout.split()) == [
        "anomalies.anomaly-operator.dev",
        "anomalyservices.anomaly-operator.dev",
        "slopolicies.anomaly-operator.dev",
    ]


def test_the_tables_have_the_promised_columns(crds: Sandbox, namespace: str) -> None:
    preset = {"preset": "OpenTelemetrySpanMetrics"}
    crds.apply(
        {
            "apiVersion": "anomaly-operator.dev/v1alpha1",
            "kind": "AnomalyService",
            "metadata": {"name": "checkout", "namespace": namespace},
            "spec": preset,
        }
    )
    table = crds.kubectl("get", "asvc", "-n", namespace, check=True).stdout.splitlines()
    assert " ".join(table[0].split()) == (
        "NAME CATEGORY STATE SEVERITY SLO OPEN MODEL TRAINED CHECKED READY AGE"
    )
    assert table[1].split()[:2] == ["checkout", "Standard"]


def test_incidents_are_selectable_by_state_and_service(crds: Sandbox, namespace: str) -> None:
    for name, service, state in (
        ("one", "checkout", "Open"),
        ("two", "checkout", "Closed"),
        ("three", "payments", "Open"),
    ):
        facts = {
            "serviceRef": {"name": service},
            "openingPattern": "metric_latency",
            "fingerprint": "9f2c1a7be01d",
            "firstSeen": "2026-11-22T10:40:00Z",
        }
        body = {
            "apiVersion": "anomaly-operator.dev/v1alpha1",
            "kind": "Anomaly",
            "metadata": {"name": name},
            "spec": facts,
        }
        crds.api.create("anomalies", body, namespace)
        status = {"status": {"state": state}}
        crds.api.patch("anomalies", name, namespace, status, sub="status")

    def found(selector: str) -> list[str]:
        return [o["metadata"]["name"] for o in crds.api.list("anom", namespace, fields=selector)]

    assert found("status.state=Open") == ["one", "three"]
    assert found("spec.serviceRef.name=checkout,status.state=Open") == ["one"]
