"""Where each metric stands over the windows of a deviation: its level, held steady.

A level is that of the median of the last three windows of the deviation, so that one lucky window
names nothing, and it changes only when the value has clearly passed a border, so that a value on a
border does not change the name from window to window.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from detector_runtime.contract.patterns import Level
from detector_runtime.contract.run_config import MetricSpec
from detector_runtime.contract.vocabulary import Direction, Role
from detector_runtime.series.features import USUAL_WIDTH
from detector_runtime.series.frame import Floats
from detector_runtime.series.units import ratio_per

WINDOWS = 3
"""Windows whose median counts."""
LONGEST = 8
"""Windows of a deviation that are read, the newest ones."""
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
    """One metric in a window: its `level`, `value` and usual range (`low`, `high`), and the borders
    of the levels in this hour (6,), all in its own unit."""

    metric: MetricSpec
    level: Level
    value: float
    low: float
    high: float
    borders: tuple[float, ...] = ()

    @property
    def unusual(self) -> bool:
        return self.level in (Level.VERY_LOW, Level.LOW, Level.HIGH, Level.VERY_HIGH)


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """The windows of a deviation up to the one that is named, oldest first.

    `residual` (k, m): distance from the usual value in units of its spread, NaN where missing;
    `borders` (k, m, 6) and `middle` (k, m) in the same, of each window's hour of the week. Of the
    last window `usual`, `width` (the spread), `low` and `high` (m,) in the metrics' own units, and
    `values` (k, m) of all.
    """

    residual: Floats
    borders: Floats
    middle: Floats
    values: Floats
    usual: Floats
    width: Floats
    low: Floats
    high: Floats


def standings(metrics: Sequence[MetricSpec], course: Course) -> tuple[Standing, ...]:
    """Each metric in the last window of `course`, in the order of `metrics`."""
    residual, middle = course.residual.tolist(), course.middle.tolist()
    borders = course.borders.tolist()
    found = tuple(
        _standing(
            metric,
            [
                _Row(value[column], border[column], usual[column])
                for value, border, usual in zip(residual, borders, middle, strict=True)
            ],
            _Scale(
                course.values[:, column].tolist(),
                float(course.usual[column]),
                float(course.width[column]),
            ),
            (float(course.low[column]), float(course.high[column])),
        )
        for column, metric in enumerate(metrics)
    )
    if _errors(found) < ERRORS_NOTABLE:
        return tuple(_not_low(one) if one.metric.role is Role.LATENCY else one for one in found)
    return found


class _Row(NamedTuple):
    """One metric in one window, as distances from the usual value."""

    residual: float
    borders: list[float]
    middle: float


class _Scale(NamedTuple):
    """A metric's values, and what a distance of 0 and of 1 is in its own unit."""

    values: list[float]
    usual: float
    width: float


def _standing(
    metric: MetricSpec, rows: list[_Row], scale: _Scale, usual: tuple[float, float]
) -> Standing:
    value = scale.values[-1]
    if math.isnan(value) or math.isnan(rows[-1].residual) or math.isnan(usual[1]):
        return Standing(metric, Level.UNKNOWN, value, *usual)
    index, steady = -1, 0.0
    for last in range(len(rows)):
        known = _median([row.residual for row in rows[max(last - WINDOWS + 1, 0) : last + 1]])
        if known is not None:
            steady, index = known, _held(known, rows[last], index)
    if steady > USUAL_WIDTH:
        index = max(index, _INDEX[Level.HIGH])
    elif steady < -USUAL_WIDTH:
        index = min(index, _INDEX[Level.LOW])
    if metric.role is Role.ERRORS:
        index = _of_errors(metric, scale.values, index)
    shown = tuple(scale.usual + scale.width * border for border in rows[-1].borders)
    standing = Standing(metric, _BANDS[index], value, *usual, shown)
    falls = metric.direction is not Direction.UP or metric.role in (Role.LATENCY, Role.TRAFFIC)
    return standing if falls and metric.role not in LOWER_IS_BETTER else _not_low(standing)


def _of_errors(metric: MetricSpec, values: list[float], index: int) -> int:
    """The band of errors with the shares that hold for any service.

    Where errors are high in any case, the newest window alone says how high: a fault that gets
    worse has the worse name from the window on that shows it.
    """
    share, middle = ratio_per(metric.unit), _median(values[-WINDOWS:])
    if share is None or middle is None:
        return index
    least, most = ERRORS_SEVERE
    newest = values[-1] if index >= _INDEX[Level.HIGH] else middle
    if max(middle, newest) * share > most:
        return _INDEX[Level.VERY_HIGH]
    return index if middle * share > least else min(index, _INDEX[Level.HIGH])


def severe_from(metric: MetricSpec) -> float:
    """From where on a metric may be very high, in its own unit, whatever is usual."""
    share = ratio_per(metric.unit) if metric.role is Role.ERRORS else None
    return -math.inf if share is None else ERRORS_SEVERE[0] / share


def _median(values: list[float]) -> float | None:
    """The median of the values that are not missing; of two the newer, because the mean of a usual
    and an unusual value is neither."""
    present = [one for one in values if not math.isnan(one)]
    if not present:
        return None
    return sorted(present)[len(present) // 2] if len(present) % 2 else present[-1]


def _held(value: float, row: _Row, before: int) -> int:
    """The band of `value`, `before` unless it has clearly left it; -1: there is none before."""
    if before < 0:
        return _band(value, row.borders)
    margins = [MARGIN * abs(border - row.middle) for border in row.borders]
    up = _band(value, [one + by for one, by in zip(row.borders, margins, strict=True)])
    down = _band(value, [one - by for one, by in zip(row.borders, margins, strict=True)])
    return max(up, min(before, down))


def _band(value: float, borders: list[float]) -> int:
    if value < borders[0]:
        return 0
    if value < borders[1]:
        return 1
    return 2 + sum(value > border for border in borders[2:])


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
