"""A claim with checkpoints, and what a run knows at a step."""

from __future__ import annotations

import os
from pathlib import Path

from detector_runtime.contract.training_run import RunExample, RunTrigger, SnapshotPlan
from detector_runtime.following.snapshot_metadata import Captured

NOW = 1_700_000_000.0
PLAN = SnapshotPlan(checkpoints="checkpoints/checkpoint-{step}")
SPIKE = RunTrigger(15000, "loss_spike_87.3pct", "Warning", "Investigate")
EXTREME = RunTrigger(15000, "loss_zscore_12.45", "Critical", "Investigate")


def checkpoint(claim: Path, step: int, text: str = "weights", age: float = 3600) -> Path:
    """A complete checkpoint of two files, `age` seconds old."""
    folder = claim / f"checkpoints/checkpoint-{step}"
    (folder / "optimizer").mkdir(parents=True)
    for path in (folder / "model.bin", folder / "optimizer/state.bin"):
        path.write_text(text)
        os.utime(path, (NOW - age, NOW - age))
    for path in (folder / "optimizer", folder):
        os.utime(path, (NOW - age, NOW - age))
    return folder


def captured(
    step: int = 15000, triggers: tuple[RunTrigger, ...] = (SPIKE,), at: float = NOW - 60
) -> Captured:
    return Captured(
        step=step,
        at=at,
        triggers=triggers,
        z_scores={"loss": 12.45, "learning_rate": -3.21, "grad_norm": float("inf")},
        examples=(
            RunExample("What is 2+2?", "4", "4", True, "2.34"),
            RunExample("Capital of France?", "Paris", "London", False, "0.12"),
            RunExample("Unknown", "", "", None, ""),
        ),
        loss_history=(0.72, 0.71, float("nan"), 1.15),
        accuracy_history=(81.0, 80.5),
        learning_rate_history=(0.0002, 0.00019),
        best_loss=0.6234,
        best_step=12000,
        reason="loss 1.15 is 87.3 % above the mean of the last 5 rows",
        config={"mode": "Standard", "zScore": 3.0},
    )
