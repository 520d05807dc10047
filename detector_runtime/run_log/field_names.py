"""Which field of a row a metric is: by the role that the service gives it, or, where nobody has
said it, by what trackers usually call it.

Of several metrics of one field the first counts, and the others are metrics of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from detector_runtime.contract.run_config import MetricSpec
from detector_runtime.contract.vocabulary import Role, Unit
from detector_runtime.training_run.rows import (
    ACCURACY,
    ACCURACY_PERCENT,
    ALIASES,
    FIELDS,
    LEARNING_RATE,
    LOSS,
    MAX_METRIC_NAME,
    NOT_JUDGED,
    STEP,
)

STEP_NAMES = (STEP, *ALIASES[STEP], "globalStep", "currentStep", "trainer/global_step")
NAMES: Mapping[str, tuple[str, ...]] = {
    LOSS: (LOSS, "train_loss", "train/loss", "training_loss", "train_loss_step"),
    LEARNING_RATE: (LEARNING_RATE, "lr", "train/learning_rate", "train/lr", "lr-AdamW"),
    ACCURACY: (ACCURACY, "train_accuracy", "train/accuracy", "training_accuracy", "acc"),
    ACCURACY_PERCENT: (ACCURACY_PERCENT,),
}
_ROLES = {Role.STEP: STEP, Role.LOSS: LOSS, Role.LEARNING_RATE: LEARNING_RATE}
_PROGRESS = frozenset({
    *NOT_JUDGED, *STEP_NAMES, "currentEpoch", "current_epoch", "totalEpochs", "total_epochs",
    "totalSteps", "total_steps", "train/epoch", "train/global_step",
})  # fmt: skip
"""Where the run stands, which is nothing to judge."""


def fields_of(names: Iterable[str]) -> dict[str, str]:
    """By the tracker's name: the field of a row, or the name itself for a metric. Loss, learning
    rate and accuracy come first, then the metrics by name; what is no metric is left out."""
    there = set(names)
    found: dict[str, str] = {}
    for field, known in NAMES.items():
        name = next((one for one in known if one in there), None)
        if name is not None:
            found[name] = field
    others = sorted(there - found.keys() - _PROGRESS - {*FIELDS})
    return found | {name: name for name in others if len(name) <= MAX_METRIC_NAME}


def field_by_metric(metrics: tuple[MetricSpec, ...]) -> dict[str, str]:
    """By the metric's name in the service: the field of a row, or the name itself."""
    found: dict[str, str] = {}
    for one in metrics:
        field = _ROLES.get(one.role, one.name)
        if one.role is Role.ACCURACY:
            field = ACCURACY_PERCENT if one.unit is Unit.PERCENT else ACCURACY
        found[one.name] = field if field not in found.values() else one.name
    return found
