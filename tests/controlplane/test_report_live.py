"""`kubectl-anomaly report` against a real API server, also as a user who may not."""

from __future__ import annotations

from typing import Any

import pytest

from anomaly_cli.__main__ import main
from anomaly_cli.connection import ClusterError, connect
from anomaly_operator.api import names
from anomaly_operator.api.resources import ANOMALY
from anomaly_sandbox.cluster import Sandbox

pytestmark = pytest.mark.controlplane

Json = dict[str, Any]
HISTORY = [
    {
        "at": "2026-11-22T11:36:00Z",
        "what": "Opened",
        "who": "operator",
        "why": "High, metric_latency.",
    },
    {"at": "2026-11-22T11:20:00Z", "what": "Earlier", "why": "3 earlier entries.", "count": 3},
]


@pytest.fixture
def incident(crds: Sandbox, namespace: str) -> str:
    """The namespace of an incident with a history."""
    body = {
        "apiVersion": names.API_VERSION,
        "kind": "Anomaly",
        "metadata": {"name": "checkout-1"},
        "spec": {
            "serviceRef": {"name": "checkout"},
            "openingPattern": "metric_latency",
            "fingerprint": "9f2c1a7be01d",
            "firstSeen": "2026-11-22T11:34:00Z",
            "resolution": {"note": "The cache was full.", "by": "maria"},
        },
    }
    crds.api.create("anomalies", body, namespace)
    status = {"state": "Open", "severity": "High", "history": HISTORY}
    written = crds.api.patch("anomalies", "checkout-1", namespace, {"status": status}, sub="status")
    assert written["status"] == status, "the API server keeps every field"
    return namespace


def test_the_report_of_an_incident_in_the_cluster(
    crds: Sandbox, incident: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ("report", "checkout-1", "-n", incident, "--kubeconfig", str(crds.kubeconfig))
    assert main(given) == 0
    page = capsys.readouterr().out
    assert "| 2026-11-22T11:36:00Z | Opened |  | High, metric\\_latency. |" in page
    assert "| Resolution | maria | The cache was full. |" in page


def test_a_user_without_rights_is_told_what_is_not_allowed(
    crds: Sandbox, incident: str, capsys: pytest.CaptureFixture[str]
) -> None:
    stranger = str(crds.kubeconfig_for("default", incident))
    assert main(("report", "checkout-1", "--kubeconfig", stranger, "-n", incident)) == 1
    said = capsys.readouterr().err
    who = f"system:serviceaccount:{incident}:default"
    assert f"user {who} may not get anomalies in namespace {incident}" in said
    with connect("", incident, stranger) as cluster:
        assert cluster.user() == who
        with pytest.raises(ClusterError, match="may not patch anomalies"):
            cluster.patch(ANOMALY, "checkout-1", {"spec": {"resolution": None}})


def test_a_patch_is_of_the_command_s_own_field_manager(crds: Sandbox, incident: str) -> None:
    with connect("", incident, str(crds.kubeconfig)) as cluster:
        note = {"spec": {"resolution": {"note": "It was the disk."}}}
        changed = cluster.patch(ANOMALY, "checkout-1", note)
        (listed,) = cluster.list(ANOMALY)
    assert changed["spec"]["resolution"]["note"] == "It was the disk."
    assert listed["metadata"]["resourceVersion"] == changed["metadata"]["resourceVersion"]
    managers = {entry["manager"] for entry in changed["metadata"]["managedFields"]}
    assert "kubectl-anomaly" in managers
