"""A value far from what is usual for its metric: `loss_zscore_41.78`, `grad_norm_zscore_-7.20`."""

from __future__ import annotations

from detector_runtime.training_run.thresholds import Thresholds
from detector_runtime.training_run.trigger import Action, Tier, Trigger

_BEYOND = {
    Tier.NORMAL: (Action.MONITOR, "Monitor; hard batches do this and it usually recovers."),
    Tier.WARNING: (Action.INVESTIGATE, "Look at the batches and the log around this step."),
    Tier.CRITICAL: (
        Action.INVESTIGATE,
        "Investigate now: no normal variation. Check what changed, the logs and the inputs.",
    ),
}


def tier_of(z: float, thresholds: Thresholds) -> Tier:
    """The tier of a z-score that is beyond its threshold."""
    if abs(z) > thresholds.z_critical:
        return Tier.CRITICAL
    return Tier.WARNING if abs(z) > thresholds.z_warning else Tier.NORMAL


def zscore(
    step: int, metric: str, value: float, z: float | None, thresholds: Thresholds
) -> Trigger | None:
    """The trigger of a value that lies `z` standard deviations from its baseline, None within it.

    A loss below its baseline and an accuracy above it are progress: never more than Normal.
    """
    if z is None or abs(z) <= thresholds.z:
        return None
    progress = _better(metric, z)
    tier = Tier.NORMAL if progress else tier_of(z, thresholds)
    action, advice = _BEYOND[tier]
    side = "below" if z < 0 else "above"
    return Trigger(
        step=step,
        kind=f"{metric}_zscore",
        name=f"{metric}_zscore_{z:.2f}",
        tier=tier,
        action=action,
        message=f"{metric} {value:.6g} is {abs(z):.2f} standard deviations {side} its baseline",
        advice="Monitor; this is the direction of progress." if progress else advice,
    )


def _better(metric: str, z: float) -> bool:
    if metric.endswith("loss"):
        return z < 0
    return z > 0 and metric.endswith(("accuracy", "accuracy_percent"))
