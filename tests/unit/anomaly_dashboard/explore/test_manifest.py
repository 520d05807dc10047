"""The manifest is what its author wrote, and a diff is what Git would show."""

from __future__ import annotations

import json
from typing import Any

from anomaly_dashboard.explore.manifest import LAST_APPLIED, as_written, difference, yaml_of

WRITTEN: dict[str, Any] = {
    "apiVersion": "anomaly-operator.dev/v1alpha1",
    "kind": "AnomalyService",
    "metadata": {"name": "checkout", "namespace": "shop"},
    "spec": {"preset": "OpenTelemetrySpanMetrics", "step": "2m", "timeZone": "Europe/Zagreb"},
}


def live(applied: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    """As the API server has it, with defaults and what it manages."""
    annotations = {"team": "payments"}
    if applied is not None:
        annotations[LAST_APPLIED] = json.dumps(applied)
    return {
        "apiVersion": "anomaly-operator.dev/v1alpha1",
        "kind": "AnomalyService",
        "metadata": {
            "name": "checkout",
            "namespace": "shop",
            "uid": "u",
            "resourceVersion": "7",
            "generation": 2,
            "managedFields": [{}],
            "annotations": annotations,
        },
        "spec": {
            **WRITTEN["spec"],
            "detector": {"seed": 42},
            "incidents": {"separation": "30m", "maxKept": 100},
            **spec,
        },
        "status": {"state": "Healthy"},
    }


def test_what_the_api_server_adds_is_left_out() -> None:
    found = as_written(live(), "AnomalyService")
    assert found["metadata"] == {
        "name": "checkout",
        "namespace": "shop",
        "annotations": {"team": "payments"},
    }
    # 2m is the default, and nobody can tell who wrote it.
    assert found["spec"] == {"preset": "OpenTelemetrySpanMetrics", "timeZone": "Europe/Zagreb"}
    assert "status" not in found


def test_what_kubectl_applied_is_taken_word_for_word() -> None:
    assert as_written(live(WRITTEN), "AnomalyService")["spec"] == WRITTEN["spec"]


def test_what_was_applied_long_ago_is_not_taken_for_what_holds() -> None:
    found = as_written(live(WRITTEN, timeZone="Europe/Vienna"), "AnomalyService")
    assert found["spec"]["timeZone"] == "Europe/Vienna"
    broken = live()
    broken["metadata"]["annotations"][LAST_APPLIED] = "{"
    assert as_written(broken, "AnomalyService")["spec"]["timeZone"] == "Europe/Zagreb"


def test_the_diff_has_what_changes_and_is_empty_where_nothing_does() -> None:
    new = {**WRITTEN, "spec": {**WRITTEN["spec"], "detector": {"falseIncidentsPerWeek": "0.5"}}}
    found = difference([WRITTEN], [new], "checkout.yaml")
    assert found.startswith("--- a/checkout.yaml\n+++ b/checkout.yaml\n")
    assert "+    falseIncidentsPerWeek: '0.5'\n" in found
    assert not any(line.startswith("-") for line in found.splitlines()[2:])
    assert difference([WRITTEN], [WRITTEN], "checkout.yaml") == ""
    assert difference([], [WRITTEN], "checkout.yaml").startswith("--- /dev/null\n")


def test_times_stay_text_for_every_reader_of_yaml() -> None:
    assert "start: '18:00'" in yaml_of([{"start": "18:00"}])
