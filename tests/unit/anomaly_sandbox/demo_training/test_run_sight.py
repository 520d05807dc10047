"""What the demo of a training run sees of the API server's objects."""

from __future__ import annotations

from anomaly_sandbox.demo_training.sight import EvidenceSight, RunSight, evidence_sight, run_sight

JUMP = {"step": 1310, "name": "MULTIPLE_TRIGGERS", "tier": "Critical"}
BEST = {"step": 1300, "name": "best_model_loss_0.3601", "tier": "Informational"}
CHECKPOINT = {"step": 1300, "path": "checkpoints/checkpoint-1300.npz"}


def test_a_run_is_seen_with_its_alerts_alone() -> None:
    run = {
        "state": "Running",
        "step": 1480,
        "loss": "0.41",
        "bestStep": 1300,
        "bestLoss": "0.3601",
        "resumes": 1,
        "timeline": [BEST, JUMP],
        "conclusion": "Go back to step 1300.",
    }
    assert run_sight({"status": {"trainingRun": run}}) == RunSight(
        state="Running",
        step=1480,
        loss="0.41",
        best_step=1300,
        best_loss="0.3601",
        resumes=1,
        alerts=("MULTIPLE_TRIGGERS at step 1310",),
        conclusion="Go back to step 1300.",
    )


def test_evidence_names_what_lies_on_the_claim() -> None:
    run = {
        "triggers": [JUMP],
        "checkpoint": CHECKPOINT,
        "snapshot": "snapshots/anomaly_1",
        "bestStep": 1300,
        "conclusion": "Go back to step 1300.",
    }
    assert evidence_sight({"status": {"trainingRun": run}}) == EvidenceSight(
        triggers=("MULTIPLE_TRIGGERS at step 1310",),
        checkpoint="checkpoints/checkpoint-1300.npz",
        snapshot="snapshots/anomaly_1",
        best_step=1300,
        conclusion="Go back to step 1300.",
    )


def test_of_an_object_without_a_status_nothing_is_seen() -> None:
    assert run_sight({}) == RunSight("", 0, "", 0, "", 0, (), "")
    assert evidence_sight({}) == EvidenceSight((), "", "", 0, "")
