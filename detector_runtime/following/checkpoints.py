"""Which checkpoints a trainer has written, and the nearest one below a step.

A checkpoint is a file or a folder of the name that `SnapshotPlan.checkpoints` gives. One that is
still being written is passed over. No symbolic link is followed out of the claim, and no file is
opened here.
"""

from __future__ import annotations

from pathlib import Path

from detector_runtime.contract.training_run import Checkpoint, SnapshotPlan


def checkpoint_below(plan: SnapshotPlan, root: Path, step: int, now: float) -> Checkpoint | None:
    """The complete checkpoint with the largest step below `step`; None where there is none, or
    where the plan names no checkpoints. `root`: of the claim; `now` in unix seconds, of the file
    system's clock. Never raises OSError."""
    raise NotImplementedError
