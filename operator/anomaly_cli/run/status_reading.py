"""`.status.trainingRun` of an AnomalyService as the contract has it: once, and never failing.

A release that is newer or older than this program may have written it, so what is absent or of
another type counts as not said.
"""

from __future__ import annotations

from anomaly_cli.cluster_objects import Raw
from anomaly_cli.cluster_reading import items, number, part, text, texts
from detector_runtime.contract.training_run import (
    Checkpoint,
    KindCount,
    RunState,
    RunTrigger,
    TrainingRunReport,
)

_STATES = {one.value: one for one in RunState}


def report_of(service: Raw) -> TrainingRunReport | None:
    """What the service says of its run; None where no pod has reported one yet."""
    raw = part(part(service, "status"), "trainingRun")
    if not raw:
        return None
    checkpoint = part(raw, "checkpoint")
    return TrainingRunReport(
        state=_STATES.get(text(raw, "state"), RunState.WAITING),
        since=text(raw, "since"),
        step=number(raw, "step"),
        total_steps=number(raw, "totalSteps"),
        rate=text(raw, "rate"),
        estimated_end=text(raw, "estimatedEnd"),
        loss=text(raw, "loss"),
        learning_rate=text(raw, "learningRate"),
        accuracy=text(raw, "accuracy"),
        best_step=number(raw, "bestStep"),
        best_loss=text(raw, "bestLoss"),
        checkpoint=_checkpoint(checkpoint) if checkpoint else None,
        last_row_at=text(raw, "lastRowAt"),
        rows=number(raw, "rows"),
        bad_lines=number(raw, "badLines"),
        bad_line=text(raw, "badLine"),
        resumes=number(raw, "resumes"),
        triggers=number(raw, "triggers"),
        counts=tuple(
            KindCount(text(one, "kind"), number(one, "count")) for one in items(raw, "counts")
        ),
        timeline=tuple(_trigger(one) for one in items(raw, "timeline")),
        earlier=number(raw, "earlier"),
        snapshots=number(raw, "snapshots"),
        snapshot=text(raw, "snapshot"),
        notes=texts(raw, "notes"),
        conclusion=text(raw, "conclusion"),
        advice=text(raw, "advice"),
    )


def _checkpoint(raw: Raw) -> Checkpoint:
    return Checkpoint(number(raw, "step"), text(raw, "path"))


def _trigger(raw: Raw) -> RunTrigger:
    return RunTrigger(
        step=number(raw, "step"),
        name=text(raw, "name"),
        tier=text(raw, "tier"),
        action=text(raw, "action"),
        at=text(raw, "at"),
        message=text(raw, "message"),
    )
