"""A value far from what is usual for its metric: `loss_zscore_41.78`, `grad_norm_zscore_-7.20`."""

from __future__ import annotations

from detector_runtime.training_run.baseline import Distance
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

_SPEED = (
    "_per_second", "_per_sec", "/sec", "_time", "_seconds", "_ms", "_runtime", "throughput", "mfu",
)  # fmt: skip
"""How names of metrics end that measure how fast a run is."""


def tier_of(z: float, thresholds: Thresholds) -> Tier:
    """The tier of a z-score that is beyond its threshold."""
    if abs(z) > thresholds.z_critical:
        return Tier.CRITICAL
    return Tier.WARNING if abs(z) > thresholds.z_warning else Tier.NORMAL


def zscore(
    step: int, metric: str, value: float, far: Distance | None, thresholds: Thresholds
) -> Trigger | None:
    """The trigger of a value that lies `far` from its baseline, None within it.

    A loss below its baseline and an accuracy above it are progress: never more than Normal. Nor is
    the speed of a run, which pauses for checkpoints and evaluations.
    """
    if far is None or abs(far.z) <= thresholds.z:
        return None
    z = far.z
    progress = _better(metric, z)
    usual = progress or _is_speed(metric)
    tier = Tier.NORMAL if usual else tier_of(far.weight, thresholds)
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


def _is_speed(metric: str) -> bool:
    return metric.endswith(_SPEED)


def _better(metric: str, z: float) -> bool:
    if metric.endswith("loss"):
        return z < 0
    return z > 0 and metric.endswith(("accuracy", "accuracy_percent"))
