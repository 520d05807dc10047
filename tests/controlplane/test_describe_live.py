"""`kubectl describe` of a busy service fits two screens, and says what is wrong before the rest."""

from __future__ import annotations

from typing import Any

import pytest

from anomaly_operator.api.conditions import same_status
from anomaly_operator.api.names import STATUS_FIELD_MANAGER
from anomaly_operator.observe.read import service_object
from anomaly_operator.status.packing import stored_form
from anomaly_operator.status.scoring import read_scoring
from anomaly_operator.status.stored import read_status
from anomaly_sandbox.cluster import Sandbox
from detector_runtime.contract.record import shown_detection
from detector_runtime.contract.vocabulary import DETECTION_FIELD_MANAGER
from pretend.described import METRICS, POLICY, STATUS_LINES, busy_service, describe

pytestmark = pytest.mark.controlplane

EVENTS = 6
PRESET = {"preset": "OpenTelemetrySpanMetrics"}
API = "anomaly-operator.dev/v1alpha1"


def created(crds: Sandbox, namespace: str, spec: dict[str, Any]) -> dict[str, Any]:
    body = {"apiVersion": API, "kind": "SLOPolicy", "metadata": {"name": "web"}, "spec": POLICY}
    crds.api.create("slop", body, namespace)
    wanted = {"sloPolicyRef": {"name": "web"}, "dependsOn": [{"name": "payments"}], **spec}
    body = {"apiVersion": API, "kind": "AnomalyService", "spec": wanted}
    return crds.api.create("asvc", {**body, "metadata": {"name": "checkout"}}, namespace)


def apply(crds: Sandbox, service: dict[str, Any], manager: str, status: Any) -> dict[str, Any]:
    meta = service["metadata"]
    path = crds.api.resource("asvc").path(meta["namespace"], meta["name"], "status")
    body = {
        "apiVersion": API,
        "kind": "AnomalyService",
        "metadata": {"name": meta["name"]},
        "status": status,
    }
    query = {"fieldManager": manager, "force": "true", "fieldValidation": "Strict"}
    kind = "application/apply-patch+yaml"
    found: dict[str, Any] = crds.api.request("PATCH", path, body, query=query, content_type=kind)
    return found


def tell(crds: Sandbox, service: dict[str, Any]) -> None:
    meta = service["metadata"]
    involved = {"apiVersion": API, "kind": "AnomalyService"}
    involved |= {key: meta[key] for key in ("name", "namespace", "uid")}
    for number in range(EVENTS):
        body = {
            "metadata": {"name": f"checkout.{number}"},
            "involvedObject": involved,
            "type": "Warning",
            "reason": f"AnomalyOpened{number}",
            "message": "Anomaly checkout-1 opened after 2 anomalous windows.",
        }
        crds.api.create("events", body, meta["namespace"])


@pytest.mark.parametrize(
    ("spec", "spec_lines"), [(PRESET, 32), ({"metrics": METRICS}, 62)], ids=["preset", "metrics"]
)
def test_describe_of_a_busy_service_fits_two_screens(
    crds: Sandbox, namespace: str, spec: dict[str, Any], spec_lines: int
) -> None:
    status = dict(busy_service().status())
    detection = status.pop("detection")
    service = created(crds, namespace, spec)
    apply(crds, service, STATUS_FIELD_MANAGER, stored_form(status))
    written = apply(
        crds, service, DETECTION_FIELD_MANAGER, {"detection": shown_detection(detection)}
    )
    tell(crds, service)
    lines = crds.kubectl("describe", "asvc", "checkout", "-n", namespace, check=True).stdout
    shown = [line for line in lines.splitlines() if line.strip()]
    begin = next(n for n, line in enumerate(shown) if line.startswith("Status:"))
    until = next(n for n, line in enumerate(shown) if line.startswith("Events:"))
    assert shown[begin + 1].split(":")[0].strip() == "Assessment"
    assert "Anomalous, High, SLO Breached, since" in shown[begin + 1]
    assert until - begin <= STATUS_LINES
    assert len(shown) <= STATUS_LINES + spec_lines + 11 + EVENTS + 3
    assert sum("anomaly" in line.lower() and "Opened" in line for line in shown) == EVENTS
    # What the unit test counts is what kubectl prints.
    assert abs(len(describe(written, EVENTS)) - len(shown)) <= 1
    whole = service_object(written)
    assert same_status(status, read_status(whole.status).raw)
    assert read_scoring(whole.detection).error == ""
    assert read_scoring(whole.detection).detection is not None
    print(len(shown), until - begin)
