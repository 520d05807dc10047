"""`kubectl anomaly run` against a real API server, whose schema admits what a pod reports."""

from __future__ import annotations

import json
from typing import Any

import pytest

from anomaly_cli.__main__ import main
from anomaly_sandbox.cluster import Sandbox
from detector_runtime.contract.vocabulary import DETECTION_FIELD_MANAGER
from pretend.followed_service import OPEN, REPORT, service

pytestmark = pytest.mark.controlplane


@pytest.fixture
def told(crds: Sandbox, namespace: str) -> list[str]:
    """The options that name a namespace with a run that must go back, and its open Anomaly."""
    raw, anomaly = service(), dict(OPEN)
    body = {key: raw[key] for key in ("apiVersion", "kind")}
    spec = {"profile": "TrainingRun", "trainingRun": {"log": {"claim": "c", "path": "train.jsonl"}}}
    crds.api.create("asvc", {**body, "metadata": {"name": "llama"}, "spec": spec}, namespace)
    _apply(crds, namespace, "asvc", {**body, "status": {"trainingRun": REPORT}}, "llama")
    head = {key: anomaly[key] for key in ("apiVersion", "kind")}
    spec = {**anomaly["spec"], "fingerprint": "0123456789ab"}
    crds.api.create("anomalies", {**head, "metadata": {"name": "llama-1"}, "spec": spec}, namespace)
    _apply(crds, namespace, "anomalies", {**head, "status": anomaly["status"]}, "llama-1")
    return ["-n", namespace, "--kubeconfig", str(crds.kubeconfig)]


def _apply(crds: Sandbox, namespace: str, resource: str, body: dict[str, Any], name: str) -> None:
    crds.api.request(
        "PATCH",
        crds.api.resource(resource).path(namespace, name, "status"),
        {**body, "metadata": {"name": name}},
        query={
            "fieldManager": DETECTION_FIELD_MANAGER,
            "force": "true",
            "fieldValidation": "Strict",
        },
        content_type="application/apply-patch+yaml",
    )


def test_someone_who_trains_reads_what_to_do(told: list[str], capsys: Any) -> None:
    assert main(["run", "show", "llama", *told]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("GO BACK to step 14000 (checkpoints/checkpoint-14000): ")
    assert "llama-1, Critical" in shown
    assert main(["run", "show", "llama", *told, "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["trainingRun"] == REPORT
    assert main(["run", "timeline", "llama", *told]) == 0
    assert "MULTIPLE_TRIGGERS" in capsys.readouterr().out
    assert main(["run", "stats", "llama", *told]) == 0
    assert "8 triggers in all" in capsys.readouterr().out
    assert main(["run", "show", "absent", *told]) == 1
    assert "no AnomalyService absent" in capsys.readouterr().err


def test_the_names_of_runs_are_completed(told: list[str], capsys: Any) -> None:
    assert main(["__complete", "run", "show", *told, ""]) == 0
    assert capsys.readouterr().out.splitlines() == ["llama", ":4"]
