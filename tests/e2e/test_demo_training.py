"""A real tiny training as a Job, followed to its Anomaly on a real control plane.

Three runs side by side: one that breaks off and resumes, one whose learning rate jumps, one whose
labels are shuffled. Only the log, the checkpoints and the trainer's Job are there to be seen.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from anomaly_sandbox.cluster import Sandbox
from anomaly_sandbox.demo_training import scene
from anomaly_sandbox.demo_training.sight import EvidenceSight, RunSight, evidence_sight, run_sight
from anomaly_sandbox.demo_training.story import EXAMPLE
from anomaly_sandbox.demo_training.trainer import CHECKPOINTS, LOG
from watched.namespace import SELDOM, Watched, namespace, running_operator, with_crds

pytestmark = [pytest.mark.controlplane, pytest.mark.timeout(600)]

STEPS = 3000
AT = 1500
RUNS = {
    "resumed": ("--resume-at", "1250"),
    "glitch": ("--rate-glitch", str(AT)),
    "labels": ("--label-bug", str(AT)),
}
FAULTS = [name for name in RUNS if name != "resumed"]
WINDOW = 15
A_MINUTE = 60.0


@dataclass(frozen=True)
class Trained:
    """The namespace in which the three runs have been trained and followed once."""

    watched: Watched

    def log(self, name: str) -> list[dict[str, Any]]:
        text = (self.folder(name) / LOG).read_text()
        return [json.loads(line) for line in text.splitlines()]

    def folder(self, name: str) -> Path:
        return scene.folder_of(self.watched.cluster, name, self.watched.name)

    def run(self, name: str) -> RunSight:
        return run_sight(self.watched.get(name))

    def incident(self, name: str) -> dict[str, Any]:
        """Once it tells its evidence: open, or recovering where quiet windows came after it."""

        def opened() -> dict[str, Any] | None:
            found = self.watched.anomalies(name)
            return next((one for one in found if evidence_sight(one).triggers), None)

        return self.watched.wait(opened, 120, f"an incident of {name} with evidence")

    def evidence(self, name: str) -> EvidenceSight:
        return evidence_sight(self.incident(name))

    def best_step(self, name: str) -> int:
        """As the log has it, up to the fault."""
        losses = {
            row["step"]: row["loss"]
            for row in self.log(name)
            if "accuracy" in row and row["step"] <= AT
        }
        return min(losses, key=losses.__getitem__)


@pytest.fixture(scope="module")
def trained(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trained]:
    folder = tmp_path_factory.mktemp("operator")
    with namespace(with_crds(sandbox), "training") as watched:
        trained = Trained(watched)
        for name, flags in RUNS.items():
            job = scene.training_job(name, name, "--steps", str(STEPS), *flags)
            watched.apply(scene.claim(name), job)
        for name in RUNS:
            complete = ("--for=condition=Complete", "--timeout=180s")
            sandbox.kubectl("wait", f"job/{name}", "-n", watched.name, *complete, check=True)
            _age(trained.folder(name) / CHECKPOINTS)
        with running_operator(sandbox, folder, [watched.name], {}):
            watched.apply(*(_service(name) for name in RUNS))
            for name in RUNS:
                watched.wait(lambda name=name: watched.serves(name), 120, f"{name} is followed")
            _last_window()
            watched.score(*RUNS)
            yield trained


def _service(name: str) -> dict[str, Any]:
    """The example, for the run `name`, by hand instead of every minute."""
    service: dict[str, Any] = yaml.safe_load((EXAMPLE / "service.yaml").read_text())
    service["metadata"] = {"name": name}
    spec = service["spec"]
    spec.update(inference=SELDOM["inference"], incidents={"separation": "2h"})
    run = spec["trainingRun"]
    run["log"]["claim"] = run["trainer"]["name"] = name
    run["totalSteps"] = STEPS
    return service


def _age(checkpoints: Path) -> None:
    """As if each had been written a minute before: one that is newer may not be whole."""
    for path in [*checkpoints.iterdir(), checkpoints]:
        then = path.stat().st_mtime - A_MINUTE
        os.utime(path, (then, then))


def _last_window() -> None:
    """Returns when the window of the last rows is complete. Only time brings it."""
    end = (time.time() // WINDOW + 1) * WINDOW + 2
    while (left := end - time.time()) > 0:
        time.sleep(left)


def test_a_run_that_resumed_is_told_as_completed_without_an_alert(trained: Trained) -> None:
    steps = [row["step"] for row in trained.log("resumed")]
    assert steps[steps.index(1250) + 1] == 1210
    trained.watched.await_condition("resumed", "Detecting", "Detecting")
    run = trained.run("resumed")
    assert (run.state, run.step, run.resumes) == ("Completed", STEPS, 1)
    assert run.alerts == ()
    assert run.conclusion.startswith("Go on")
    trained.watched.wait(lambda: trained.watched.status("resumed").get("state") == "Healthy")
    assert trained.watched.anomalies("resumed") == []


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_opens_an_incident_with_step_trigger_and_advice(
    trained: Trained, name: str
) -> None:
    incident, evidence = trained.incident(name), trained.evidence(name)
    assert incident["status"]["pattern"] == "multiple_triggers"
    assert incident["status"]["severity"] == "Critical"
    assert evidence.triggers[0] == f"MULTIPLE_TRIGGERS at step {AT + 10}"
    kinds = {"glitch": "lr_zscore_", "labels": "loss_spike_"}
    assert any(one.startswith(kinds[name]) for one in evidence.triggers), evidence.triggers
    assert evidence.checkpoint == f"checkpoints/checkpoint-{AT}.npz"
    assert evidence.conclusion.startswith(f"Go back to step {AT} ({evidence.checkpoint})")
    assert evidence.best_step == trained.best_step(name)
    assert f"MULTIPLE_TRIGGERS at step {AT + 10}" in trained.run(name).alerts


@pytest.mark.parametrize("name", FAULTS)
def test_a_snapshot_lies_on_the_claim_with_the_checkpoint(trained: Trained, name: str) -> None:
    snapshot = trained.folder(name) / trained.evidence(name).snapshot
    metadata = json.loads((snapshot / "metadata.json").read_text())
    assert metadata["step"] == AT + 10
    original = trained.folder(name) / f"checkpoints/checkpoint-{AT}.npz"
    links = [path for path in snapshot.rglob("*.npz") if path.samefile(original)]
    assert len(links) == 1


@pytest.mark.parametrize("name", FAULTS)
def test_run_show_says_to_go_back(trained: Trained, name: str) -> None:
    trained.incident(name)
    told = trained.watched.cluster.kubectl(
        *("anomaly", "run", "show", name, "-n", trained.watched.name), check=True
    ).stdout
    assert told.startswith(f"GO BACK to step {AT} ")
    assert "MULTIPLE_TRIGGERS" in told
