"""The thresholds of a training run, all in one place, and what a run may set of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from detector_runtime.contract.training_run import THRESHOLDS, RunMode


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Rows are logged rows, steps those of the trainer; percentages are of the earlier value,
    points are percentage points of accuracy."""

    baseline_rows: int = 1000
    min_rows: int = 8
    """Earlier rows that a z-score needs."""
    robust_rows: int = 30
    """Fewer than these have no usable quartiles: mean and standard deviation are used."""
    floor_of_level: float = 0.01
    """Least scale, as a part of the level: a constant history has none of its own."""
    z: float = 3.0
    z_warning: float = 6.0
    """On 1,000 rows of noise a z-score of 5 is chance: stable language models reach 5.1."""
    z_critical: float = 10.0

    recent_rows: int = 5
    """Rows whose mean a spike and an accuracy drop are measured from; three are enough."""
    recent_min: int = 3
    spike_percent: float = 30.0
    rising_rows: int = 10
    rising_part: float = 0.8
    rising_percent: float = 10.0
    """Rise over those rows; in noise 8 of 9 steps go up every 3,000 rows."""
    rising_noise: float = 5.0
    """Or so many standard deviations, if that is more: ten rows of noise span 3.1 on average."""

    schedule_rows: int = 10
    schedule_min: int = 5
    smooth_percent: float = 20.0
    """Change of the learning rate from row to row that every schedule makes."""
    smooth_growth: float = 2.5
    """Or: at most so many times the change a step before it, in the same direction."""
    plateau_of_rate: int = 3
    """Equal rates in a row before a drop that is a step of a decay."""
    step_decay_least: float = 0.05
    """Least part of the rate that a step of a decay leaves."""
    restart_at: float = 0.15
    """Part of the highest rate at or below which a schedule may start again."""

    declared_percent: float = 2.0
    """Of the rate that a declared schedule has: logs round, and schedulers count from 0 or 1."""
    declared_of_peak: float = 0.001
    """Least tolerance, as a part of the peak: near zero a log rounds more than that."""

    block_rows: int = 50
    blocks: int = 8
    regression_percent: float = 3.0
    regression_over_percent: float = 1.0
    """A regression is over when the loss is this close to its best again."""
    regression_noise: float = 7.0
    """Least rise in standard deviations of the level: its best is the best of hundreds."""
    plateau_steps: int = 5000
    plateau_blocks: int = 10
    plateau_percent: float = 0.5

    accuracy_watch_points: float = 5.0
    accuracy_drop_points: float = 10.0
    accuracy_rows: int = 20
    """Rows whose mean accuracy is compared with the best such mean."""

    high_loss: float = 1.5
    low_loss: float = 0.3
    examples: int = 50
    examples_min: int = 10
    examples_each: int = 3
    """Least number of correct and of wrong answers that have a mean."""
    correct_high: float = 1.5
    incorrect_low: float = 0.5
    prompts: int = 3000
    """Remembered, 12 bytes each."""
    overfitting_signs: int = 2

    best_percent: float = 2.0
    cooldown_steps: int = 500
    grace_rows: int = 20
    multiple: int = 3
    metrics: int = 22
    """Judged beside loss and accuracy: what is known of a run fits in 200 KiB of JSON."""


STANDARD = Thresholds()
SHORT_WINDOWS = Thresholds(
    baseline_rows=10, min_rows=5, robust_rows=11, floor_of_level=0.001, z_warning=8.0
)
"""Mean and standard deviation of the ten rows before, which noise alone exceeds often: on stable
runs 255 to 276 of 10,000 rows are beyond 3, one of 2,400 beyond 5, one of 400,000 beyond 8. Meant
for short logs."""


class ThresholdError(ValueError):
    """A threshold that there is not, or a value out of its bounds; the message names both."""


def thresholds_of(mode: RunMode, overrides: Iterable[tuple[str, float]] = ()) -> Thresholds:
    """Those of the mode, with what a run sets of them: names of the contract's THRESHOLDS, and
    values. Raises ThresholdError."""
    fields = dict(_field(name, value) for name, value in overrides)
    start = SHORT_WINDOWS if mode is RunMode.SHORT_WINDOWS else STANDARD
    # mypy cannot see that every name of THRESHOLDS is a field; a test does.
    return replace(start, **fields)  # type: ignore[arg-type]


def _field(name: str, value: float) -> tuple[str, float | int]:
    if name not in THRESHOLDS:
        raise ThresholdError(f"no threshold {name}; there are {', '.join(THRESHOLDS)}")
    field, bounds = THRESHOLDS[name]
    if not bounds.least <= value <= bounds.most or (bounds.whole and value != int(value)):
        kind = "whole number" if bounds.whole else "number"
        raise ThresholdError(
            f"threshold {name} is {value:g}; needs a {kind} from {bounds.least:g} to "
            f"{bounds.most:g}"
        )
    return field, int(value) if bounds.whole else float(value)
