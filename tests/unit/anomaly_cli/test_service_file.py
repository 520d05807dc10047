"""A service as kubectl prints it: in a list, in several documents, with what the server adds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from anomaly_cli.service_file import ServiceFileError, planned, service

SPEC = (
    "{step: 1h, timeZone: Europe/Berlin, incidents: {separation: 6h}, "
    "metrics: [{name: a, query: a}, {name: b, query: b}]}"
)
FROM_SERVER = """
apiVersion: anomaly-operator.dev/v1alpha1
kind: AnomalyService
metadata:
  name: checkout
  namespace: shop
  creationTimestamp: "2026-11-25T16:18:56Z"
  managedFields:
  - fieldsV1: {"f:spec": {".": {}, 'k:{"name":"latency"}': {}}}
    manager: kubectl
  uid: d109577a-da00-4a79-b8a9-d9dc9bae2873
spec:
  inference: {}
  modelRevision: ""
  preset: OpenTelemetrySpanMetrics
  step: 1m
  timeZone: Etc/UTC
status:
  state: Normal
"""


def one(name: str, namespace: str = "") -> str:
    where = f", namespace: {namespace}" if namespace else ""
    return f"kind: AnomalyService\nmetadata: {{name: {name}{where}}}\nspec: {SPEC}\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "services.yaml"
    path.write_text(text)
    return path


def listed(*services: str, kind: str = "List") -> str:
    items = "".join("- " + one.strip().replace("\n", "\n  ") + "\n" for one in services)
    return f"apiVersion: v1\nkind: {kind}\nitems:\n{items}"


@pytest.mark.parametrize(
    "text",
    [
        one("a"),
        listed(one("a")),
        listed(one("a"), kind="AnomalyServiceList"),
        listed(one("a").replace("kind: AnomalyService\n", ""), kind="AnomalyServiceList"),
        "kind: ConfigMap\n---\n" + one("a") + "---\nkind: SLOPolicy\n",
        "---\n" + listed("kind: SLOPolicy", one("a")),
    ],
)
def test_the_one_service_of_a_file_is_found(tmp_path: Path, text: str) -> None:
    found = service(written(tmp_path, text))
    assert found.time_zone == "Europe/Berlin"
    assert found.step_seconds == 3600


def test_json_is_read_also_with_tabs(tmp_path: Path) -> None:
    spec = {"preset": "OpenTelemetrySpanMetrics", "timeZone": "Europe/Berlin"}
    item = {"kind": "AnomalyService", "metadata": {"name": "a"}, "spec": spec}
    for document in (item, {"kind": "List", "items": [item]}):
        path = written(tmp_path, json.dumps(document, indent="\t"))
        assert service(path).time_zone == "Europe/Berlin"


def test_what_the_server_adds_is_passed_over(tmp_path: Path) -> None:
    found = service(written(tmp_path, FROM_SERVER))
    assert found.step_seconds == 60
    assert planned(found, ("a", "b")).columns == ("a", "b")


def test_of_several_services_one_is_chosen_by_name(tmp_path: Path) -> None:
    path = written(tmp_path, one("a", "shop").replace("1h", "30m") + "---\n" + one("b"))
    with pytest.raises(ServiceFileError, match=r"2 AnomalyServices; choose one .*: shop/a, b"):
        service(path)
    assert service(path, "a").step_seconds == service(path, "shop/a").step_seconds == 1800
    assert service(path, "b").step_seconds == 3600
    with pytest.raises(ServiceFileError, match=r"0 AnomalyServices are called 'c'.*: shop/a, b"):
        service(path, "c")


def test_a_step_of_a_day_is_refused_before_what_follows_from_it(tmp_path: Path) -> None:
    with pytest.raises(ServiceFileError, match=r"spec.step is 1d, .* up to 1h; .* daily data"):
        service(written(tmp_path, one("a").replace("1h", "1d")))


def test_a_file_without_a_service_is_refused_with_the_next_step(tmp_path: Path) -> None:
    with pytest.raises(ServiceFileError, match="has no AnomalyService; give a file with one"):
        service(written(tmp_path, "kind: SLOPolicy\n"))


def test_a_single_metric_takes_a_single_column(tmp_path: Path) -> None:
    """A series without a name, as `query_range` returns it, has no name to match."""
    metrics = "[{name: latency, role: Latency, query: whatever}]"
    text = f"kind: AnomalyService\nspec: {{metrics: {metrics}}}\n"
    found = service(written(tmp_path, text))
    plan = planned(found, ("value",))
    assert plan.columns == ("value",)
    assert plan.notes == ("column 'value', the only one, is read as metric 'latency'",)
    with pytest.raises(ServiceFileError, match="no column 'latency'; it has a, b; rename"):
        planned(found, ("a", "b"))
