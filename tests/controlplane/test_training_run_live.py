"""A training run by its log on a claim, followed by real pods on a real control plane."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from anomaly_sandbox.cluster import Sandbox
from watched.namespace import FILES, Watched, manifest, namespace, running_operator, with_crds

pytestmark = [pytest.mark.controlplane, pytest.mark.timeout(600)]

WINDOW = 15
LOG = "logs/train.jsonl"
SPEC: dict[str, Any] = {
    "profile": "TrainingRun",
    "step": f"{WINDOW}s",
    "trainingRun": {"log": {"claim": "llama-run", "path": LOG}},
    "incidents": {"resolutionGraceCycles": 2, "separation": "10m"},
}
CLAIM = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "llama-run"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}


@dataclass
class Run:
    """A service, and the log that its trainer would write."""

    watched: Watched
    step: int = 0

    def folder(self) -> Path | None:
        """Where the claim lies on this machine, None while it is not bound."""
        cluster, space = self.watched.cluster, self.watched.name
        found = cluster.get("persistentvolumeclaims", "llama-run", space) or {}
        name = found.get("spec", {}).get("volumeName", "")
        volume = cluster.get("persistentvolumes", name) if name else None
        return Path(volume["spec"]["hostPath"]["path"]) if volume else None

    def log(self, at: float, loss: float) -> None:
        """One more row, with a time that has passed."""
        folder = self.folder()
        assert folder is not None
        path = folder / LOG
        path.parent.mkdir(parents=True, exist_ok=True)
        self.step += 1
        with path.open("a") as file:
            file.write(json.dumps({"step": self.step, "time": at, "loss": loss}) + "\n")

    def report(self) -> dict[str, Any]:
        return dict(self.watched.status("llama").get("trainingRun", {}))


@pytest.fixture(scope="module")
def run(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with_crds(sandbox)
    folder = tmp_path_factory.mktemp("run")
    with (
        namespace(sandbox, "run") as watched,
        running_operator(sandbox, folder, [watched.name], {"sources": {"files": FILES}}),
    ):
        watched.apply(CLAIM, manifest("AnomalyService", "llama", SPEC))
        watched.await_condition("llama", "ModelReady", "NotNeeded")
        found = Run(watched)
        watched.wait(found.folder, 90, "the claim is bound")
        yield found


def test_a_bad_row_opens_an_incident_and_good_ones_close_it(run: Run) -> None:
    watched, now = run.watched, time.time()
    for age in range(300, WINDOW, -3):
        run.log(now - age, 0.7 + 0.01 * (age % 5))
    run.log(now - WINDOW, float("nan"))
    time_of_next = now + WINDOW - now % WINDOW
    watched.cluster.wait_for(lambda: time.time() > time_of_next, 60, "the window is complete")
    watched.score("llama")
    (anomaly,) = watched.wait(lambda: watched.anomalies("llama"), 60, "an incident of llama")
    assert anomaly["spec"]["openingPattern"] == "loss_nan"
    assert run.report()["state"] == "Running"
    assert run.report()["step"] == run.step
    watched.await_condition("llama", "DataAvailable", "DataComplete")
    watched.await_condition("llama", "Detecting", "Detecting")

    def closed() -> bool:
        run.log(time.time(), 0.7)
        watched.score("llama")
        (found,) = watched.anomalies("llama")
        return bool(found["status"]["state"] == "Closed")

    watched.wait(closed, 240, "the incident is closed")
    shown = watched.cluster.kubectl("get", "asvc", "llama", "-n", watched.name, "-o", "wide")
    assert "TrainingRun" in shown.stdout
    folder = run.folder()
    assert folder is not None
    assert list((folder / ".anomaly-operator").iterdir()) != []
    assert watched.cluster.get("persistentvolumeclaims", "anomaly-models", watched.name) is None


def test_a_run_that_becomes_a_service_leaves_its_report_and_no_cron_job(run: Run) -> None:
    """And nothing is written over by it: the report is the runtime's."""
    watched = run.watched
    assert run.report() != {}
    metrics = [{"name": "lag", "query": "lag"}]
    other = {"profile": "Microservice", "trainingRun": None, "source": {"name": "files"}}
    watched.patch("llama", {**other, "metrics": metrics})
    watched.wait(
        lambda: not watched.cluster.list("cronjobs", watched.name), 60, "the CronJob is gone"
    )
    watched.wait(lambda: watched.trainings("llama"), 60, "a training has been started")
    assert run.report() != {}
