"""Where each metric stands over the windows of a deviation: its level, held steady.

A level is that of the median of the last three windows of the deviation, so that one lucky window
names nothing, and it changes only when the value has clearly passed a border, so that a value on a
border does not change the name from window to window.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from detector_runtime.contract.patterns import Level
from detector_runtime.contract.run_config import MetricSpec
from detector_runtime.contract.vocabulary import Direction, Role
from detector_runtime.series.frame import Floats
from detector_runtime.series.units import ratio_per

WINDOWS = 3
"""Windows whose median counts."""
MARGIN = 0.1
"""Share of a border's distance from the middle by which a value must pass it to change its level.
"""
ERRORS_SEVERE = (0.05, 0.20)
"""Errors up to the first share are never very high, above the second they always are."""
ERRORS_NOTABLE = 0.01
"""Up to this share of errors, low latency is good news and no level of its own."""
LOWER_IS_BETTER = frozenset({Role.ERRORS, Role.DEPENDENCY_LATENCY, Role.DATABASE_LATENCY})
_BANDS = (
    Level.VERY_LOW,
    Level.LOW,
    Level.NORMAL,
    Level.MODERATE,
    Level.ELEVATED,
    Level.HIGH,
    Level.VERY_HIGH,
)
_INDEX = {level: index for index, level in enumerate(_BANDS)}


@dataclass(frozen=True, slots=True)
class Standing:
    """One metric in a window: its `level`, `value` now, `usual` range (low, high) in its own unit,
    and the `borders` of the hour (6,) that the level was read from."""

    metric: MetricSpec
    level: Level
    value: float
    low: float
    high: float
    borders: tuple[float, ...] = ()

    @property
    def usual(self) -> bool:
        return self.level in (Level.NORMAL, Level.MODERATE, Level.ELEVATED)


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """The windows of a deviation up to the one that is named, oldest first.

    `values` (k, m) in the metrics' own units, NaN where missing; `borders` (k, m, 6) and `middle`
    (k, m) of each window's hour of the week; `low`, `high` (m,): the usual range now.
    """

    values: Floats
    borders: Floats
    middle: Floats
    low: Floats
    high: Floats


def standings(metrics: Sequence[MetricSpec], course: Course) -> tuple[Standing, ...]:
    """Each metric in the last window of `course`, in the order of `metrics`."""
    found = tuple(_standing(metric, course, column) for column, metric in enumerate(metrics))
    if _errors(found) < ERRORS_NOTABLE:
        return tuple(_not_low(one) if one.metric.role is Role.LATENCY else one for one in found)
    return found


def _standing(metric: MetricSpec, course: Course, column: int) -> Standing:
    value = float(course.values[-1, column])
    low, high = float(course.low[column]), float(course.high[column])
    borders = _borders(metric, course, column)
    if math.isnan(value) or not np.isfinite(borders[-1]).all():
        return Standing(metric, Level.UNKNOWN, value, low, high)
    steady = _medians(course.values[:, column])
    index = -1
    for row, one in enumerate(steady.tolist()):
        if not math.isnan(one):
            index = _held(one, borders[row], float(course.middle[row, column]), index)
    last = float(steady[-1])
    if last > high:
        index = max(index, _INDEX[Level.HIGH])
    elif last < low:
        index = min(index, _INDEX[Level.LOW])
    standing = Standing(
        metric, _BANDS[index], value, low, high, tuple(float(one) for one in borders[-1])
    )
    down = metric.direction is not Direction.UP or metric.role in (Role.LATENCY, Role.TRAFFIC)
    return standing if down and metric.role not in LOWER_IS_BETTER else _not_low(standing)


def _borders(metric: MetricSpec, course: Course, column: int) -> Floats:
    """(k, 6): the borders in each window, for errors with the shares that hold for any service."""
    borders: Floats = course.borders[:, column]
    share = ratio_per(metric.unit) if metric.role is Role.ERRORS else None
    if share is None:
        return borders
    least, most = (one / share for one in ERRORS_SEVERE)
    severe = np.clip(borders[:, 5], least, most)
    return np.column_stack([borders[:, :4], np.minimum(borders[:, 4], severe), severe])


def _medians(values: Floats) -> Floats:
    """(k,): the median of each window and the WINDOWS - 1 before it, missing ones left out."""
    out = np.full(len(values), np.nan)
    for row in range(len(values)):
        part = values[max(row - WINDOWS + 1, 0) : row + 1]
        present = part[~np.isnan(part)]
        if len(present):
            # of two the newer: a mean of a usual and an unusual value is neither
            out[row] = np.median(present) if len(present) % 2 else present[-1]
    return out


def _held(value: float, borders: Floats, middle: float, before: int) -> int:
    """The band of `value`, `before` unless it has clearly left it; -1: there is none before."""
    if before < 0:
        return _band(value, borders)
    margin = MARGIN * np.abs(borders - middle)
    up, down = _band(value, borders + margin), _band(value, borders - margin)
    return max(up, min(before, down))


def _band(value: float, borders: Floats) -> int:
    below = int((value < borders[:2]).sum())
    if below:
        return 2 - below
    return 2 + int((value > borders[2:]).sum())


def _not_low(standing: Standing) -> Standing:
    if standing.level not in (Level.LOW, Level.VERY_LOW):
        return standing
    return Standing(
        standing.metric,
        Level.NORMAL,
        standing.value,
        standing.low,
        standing.high,
        standing.borders,
    )


def _errors(found: Sequence[Standing]) -> float:
    """The largest share of errors, 0 where none is known."""
    shares = (
        one.value * share
        for one in found
        if one.metric.role is Role.ERRORS
        and (share := ratio_per(one.metric.unit)) is not None
        and not math.isnan(one.value)
    )
    return max(shares, default=0.0)
