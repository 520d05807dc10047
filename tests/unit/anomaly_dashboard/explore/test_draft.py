"""What somebody tries: form and YAML give the same, and problems name their field."""

from __future__ import annotations

from typing import Any

import pytest

from anomaly_dashboard.explore.draft import Draft, DraftError, query_draft, read_draft
from anomaly_dashboard.explore.form import inputs, with_form

TEXT = """
apiVersion: anomaly-operator.dev/v1alpha1
kind: AnomalyService
metadata: {name: checkout}
spec:
  step: 1m
  metrics:
  - {name: latency, role: Latency, unit: Seconds, query: "lat"}
  - {name: queue, query: "q"}
---
apiVersion: anomaly-operator.dev/v1alpha1
kind: SLOPolicy
metadata: {name: web}
spec:
  thresholds:
    latency: {acceptable: 500ms, warning: 800ms, critical: 1s}
"""


def draft() -> Draft:
    return read_draft(TEXT, "shop")


def value(found: Draft, name: str) -> str:
    return next(one.value for group in inputs(found) for one in group.inputs if one.name == name)


def test_a_draft_is_in_the_chosen_namespace() -> None:
    found = draft()
    assert (found.namespace, found.name) == ("shop", "checkout")
    assert found.policy is not None
    assert found.policy["metadata"] == {"name": "web", "namespace": "shop"}
    with pytest.raises(DraftError, match=r"metadata\.namespace: is other, and shop was chosen"):
        read_draft(TEXT.replace("{name: checkout}", "{name: checkout, namespace: other}"), "shop")


def test_the_form_changes_what_it_names_and_nothing_else() -> None:
    found = with_form(
        draft(),
        {
            "falseIncidentsPerWeek": "0.5",
            "members": "IsolationForest, Seasonal",
            "vote": "All",
            "confirmationCycles": "4",
            "direction.queue": "Up",
            "latency.warning": "900ms",
        },
    )
    spec = found.service["spec"]
    assert spec["detector"] == {
        "falseIncidentsPerWeek": "0.5",
        "members": [{"name": "IsolationForest"}, {"name": "Seasonal"}],
        "vote": {"rule": "All"},
    }
    assert spec["incidents"] == {"confirmationCycles": 4}
    assert spec["metrics"][1]["direction"] == "Up"
    assert found.policy is not None
    assert found.policy["spec"]["thresholds"]["latency"]["warning"] == "900ms"
    assert value(found, "members") == "IsolationForest, Seasonal"
    assert value(found, "latency.warning") == "900ms"
    assert draft().service["spec"]["step"] == spec["step"]


def test_what_the_form_writes_reads_as_the_same_yaml() -> None:
    found = with_form(draft(), {"falseIncidentsPerWeek": "2", "latency.critical": "2s"})
    assert read_draft(found.text, "shop") == found


def test_an_empty_input_takes_the_field_away() -> None:
    full = with_form(draft(), {"falseIncidentsPerWeek": "0.5", "confirmationCycles": "4"})
    empty = with_form(full, {"falseIncidentsPerWeek": "", "confirmationCycles": " ", "vote": ""})
    assert empty == draft()


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"falseIncidentsPerWeek": "many"}, "spec.detector.falseIncidentsPerWeek"),
        ({"confirmationCycles": "0"}, "spec.incidents.confirmationCycles"),
        ({"members": "Oracle"}, "spec.detector.members"),
        ({"vote": "All"}, "spec.detector.vote"),
        ({"latency.warning": "3s"}, "spec.thresholds.latency"),
    ],
)
def test_what_is_wrong_is_named_by_its_field(form: dict[str, str], field: str) -> None:
    with pytest.raises(DraftError) as caught:
        with_form(draft(), form)
    assert any(problem.startswith(field) for problem in caught.value.problems)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind: [", "not YAML: line 1"),
        ("kind: Secret", "kind: 'Secret' is not AnomalyService or SLOPolicy"),
        ("just words", "kind: 'str'"),
        ("", "0 AnomalyService"),
        (TEXT + "---\n" + TEXT, "2 AnomalyService and 2 SLOPolicy"),
        ("kind: AnomalyService\nspec: {preset: OpenTelemetrySpanMetrics}", "metadata.name"),
        ("x" * 200_000, "at most 131072"),
    ],
)
def test_what_is_no_draft_is_refused(text: str, message: str) -> None:
    with pytest.raises(DraftError, match=message):
        read_draft(text, "shop")


def test_a_typed_query_is_a_service_of_one_metric() -> None:
    found = query_draft("shop", "default", "sum(rate(x[5m]))", "")
    spec: dict[str, Any] = found.service["spec"]
    assert spec["metrics"] == [{"name": "value", "query": "sum(rate(x[5m]))"}]
    assert spec["source"] == {"name": "default"}
    with pytest.raises(DraftError, match="query"):
        query_draft("shop", "default", "", "")
