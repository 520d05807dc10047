"""The learning rate that a declared schedule has at a step.

It follows the formulas that trainers share: a linear warm-up, then a course down. It learns nothing
from the log; a rate that differs is the finding.
"""

from __future__ import annotations

from math import cos, pi

from detector_runtime.contract.training_run import DeclaredSchedule, RateSchedule


def rate_at(schedule: DeclaredSchedule, step: int) -> float:
    """In the unit of `peak`. A course without a length (`total_steps`, `restart_steps`,
    `every_steps`) stays at its peak; a factor is taken as one between 0 and 1."""
    peak, final, after = schedule.peak, schedule.final, max(step, 0) - schedule.warmup_steps
    if after < 0:
        return peak * max(step, 0) / schedule.warmup_steps
    length = schedule.restart_steps
    if length > 0:
        after %= length
    else:
        length = schedule.total_steps - schedule.warmup_steps
    part = min(after / length, 1.0) if length > 0 else 0.0
    if schedule.kind is RateSchedule.LINEAR:
        return peak + (final - peak) * part
    if schedule.kind is RateSchedule.COSINE:
        return final + (peak - final) * (1 + cos(pi * part)) / 2
    times = after / schedule.every_steps if schedule.every_steps > 0 else 0.0
    if schedule.kind is RateSchedule.EXPONENTIAL:
        return _decayed(schedule, times)
    if schedule.kind is RateSchedule.STEP:
        return _decayed(schedule, int(times))
    return peak


def _decayed(schedule: DeclaredSchedule, times: float) -> float:
    factor = min(max(schedule.factor, 0.0), 1.0)
    decayed: float = schedule.peak * factor**times
    return max(decayed, schedule.final)


def nearest(schedule: DeclaredSchedule, step: int, rate: float) -> float:
    """The rate nearest to `rate` of those that are declared from the step before to the step after:
    trainers log the rate before or after the scheduler has moved."""
    near = [rate_at(schedule, at) for at in (step - 1, step, step + 1)]
    return min(max(rate, min(near)), max(near))
