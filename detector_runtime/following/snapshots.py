"""A snapshot of what was known when a trigger fired, on the claim of the run.

`<root>/<plan.path>/anomaly_<date>_<time>_<trigger>/` holds `metadata.json` and, where it can be
had, the checkpoint below the step as `model/`. A snapshot appears whole or not at all. It never
raises for a full or read-only disk: a note says what could not be done, and the run goes on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from detector_runtime.contract.training_run import (
    Checkpoint,
    RunExample,
    RunTrigger,
    SnapshotPlan,
)


class How(StrEnum):
    """How a snapshot holds its checkpoint."""

    LINKED = "linked"
    COPIED = "copied"
    REFERENCED = "referenced"


@dataclass(frozen=True, slots=True)
class Captured:
    """What is known at `step`, whose row was logged `at` (unix seconds). `triggers` are those of
    this step, MULTIPLE_TRIGGERS included. Histories are oldest first and end with the row of the
    step; numbers may be NaN or infinite. `z_scores` by the name of the metric. `examples` are as
    the policy of the run wants them. `reason`: one sentence, such as the message of the worst
    trigger. `config`: the thresholds and the mode that judged, as JSON values."""

    step: int
    at: float
    triggers: tuple[RunTrigger, ...]
    z_scores: Mapping[str, float] = field(default_factory=dict)
    examples: tuple[RunExample, ...] = ()
    loss_history: tuple[float, ...] = ()
    accuracy_history: tuple[float, ...] = ()
    learning_rate_history: tuple[float, ...] = ()
    best_loss: float | None = None
    best_step: int = 0
    reason: str = ""
    config: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Taken:
    """`path` of the snapshot, relative to the root of the claim; empty where none was taken, and
    then a note says why. `new` is False where it had been taken before. `count`: snapshots that are
    there now. `notes`: one sentence each, without figures that change from run to run."""

    path: str = ""
    new: bool = False
    checkpoint: Checkpoint | None = None
    how: How | None = None
    count: int = 0
    notes: tuple[str, ...] = ()


def take(plan: SnapshotPlan, root: Path, captured: Captured, now: float) -> Taken:
    """Take a snapshot of `captured` below `root`, the mounted claim, and remove the oldest ones
    beyond what `plan` keeps. The same triggers of the same step are not taken twice. `now` in unix
    seconds. Never raises OSError."""
    raise NotImplementedError
