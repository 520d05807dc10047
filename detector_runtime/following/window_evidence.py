"""What an anomalous window says of its rows: `RunEvidence`."""

from __future__ import annotations

from dataclasses import replace

from detector_runtime.contract.text import decimal
from detector_runtime.contract.training_run import RunEvidence, ZScore
from detector_runtime.errors import one_line
from detector_runtime.following.conclusion import conclude
from detector_runtime.following.figures import figure
from detector_runtime.following.report import CheckpointBelow
from detector_runtime.following.told import MAX_NAME, told
from detector_runtime.following.windows import WindowRows
from detector_runtime.training_run.best import Best

MAX_METRICS = 10


def run_evidence(
    rows: WindowRows, checkpoint_below: CheckpointBelow, snapshot: str = ""
) -> RunEvidence:
    """The evidence of a window with a trigger above Normal. `snapshot`: its path on the claim."""
    triggers = tuple(told(one.trigger, one.at) for one in rows.fired)
    found = RunEvidence(rows.first_step, rows.last_step, triggers, snapshot=snapshot)
    captured = rows.captured
    if captured is None:
        return found
    checkpoint = checkpoint_below(min(one.step for one in triggers))
    best = Best(loss=captured.best_loss, step=captured.best_step)
    conclusion = conclude(triggers, checkpoint, best)
    farthest = sorted(captured.z_scores.items(), key=lambda one: (-abs(one[1]), one[0]))
    return replace(
        found,
        z_scores=tuple(
            ZScore(one_line(name, MAX_NAME), decimal(z)) for name, z in farthest[:MAX_METRICS]
        ),
        examples=captured.examples,
        loss_history=tuple(map(figure, captured.loss_history)),
        accuracy_history=tuple(map(figure, captured.accuracy_history)),
        learning_rate_history=tuple(map(figure, captured.learning_rate_history)),
        best_step=captured.best_step,
        best_loss=figure(captured.best_loss),
        checkpoint=checkpoint,
        conclusion=conclusion.sentence,
        advice=conclusion.advice,
    )
