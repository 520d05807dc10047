"""Injected faults: what a model must find before it may serve.

Traffic x3, latency x5 and errors x10 are faults that nobody would overlook. The other two are those
that a model of averages misses: traffic that drops to nothing, and values that freeze. A metric
without a standard role is moved four times its mean or six times its spread towards its alarming
side; one that is always zero is moved by ACTIVATION, whatever its role.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from detector_runtime.contract.run_config import MetricSpec
from detector_runtime.contract.vocabulary import Direction, Role, Unit
from detector_runtime.series.frame import Floats
from detector_runtime.series.statistics import Statistics

FACTORS = {
    Role.TRAFFIC: 3.0,
    Role.LATENCY: 5.0,
    Role.DEPENDENCY_LATENCY: 5.0,
    Role.DATABASE_LATENCY: 5.0,
    Role.ERRORS: 10.0,
}
SHIFT_MEAN, SHIFT_SPREAD = 4.0, 6.0
SHARE_MOVED = 4
"""Of metrics without a role one in so many moves at once: real incidents touch several."""
ACTIVATION, ACTIVATION_RATIO = 1.0, 0.01
"""What a metric shows that never was anything but zero: one of what it counts, or one percent."""
FREEZE = "freeze"
LENGTH = 12
FREEZE_LENGTH = 24
BURIED = 0.25
"""Share of the span between a metric's outer percentiles; a normal distribution's shift is 1.3."""


@dataclass(frozen=True, slots=True)
class InjectedFault:
    """`columns` it touches, for `length` windows; `strength` 1.0 is the full fault. `buried`: it is
    small beside what these metrics do every day, or hard to tell from it, so that nobody can be
    asked to find it.
    """

    kind: str
    columns: tuple[int, ...]
    length: int
    buried: bool = False


def catalogue(
    metrics: Sequence[MetricSpec], statistics: Statistics, seed: int, confirmation: int = 1
) -> list[InjectedFault]:
    """The faults that make sense for these metrics, in a fixed order.

    Each lasts at least twice the `confirmation` windows that make an incident of it.
    """
    length, freeze_length = max(LENGTH, 2 * confirmation), max(FREEZE_LENGTH, 2 * confirmation)
    found: list[InjectedFault] = []
    others = []
    for column, spec in enumerate(metrics):
        if statistics.samples[column] == 0:
            continue
        if spec.role is Role.TRAFFIC:
            if spec.direction is not Direction.DOWN:
                found.append(InjectedFault("surge", (column,), length))
            if statistics.quantiles[column, 3] > 0 and spec.direction is not Direction.UP:
                found.append(InjectedFault("drop", (column,), length))
        elif spec.role in FACTORS and spec.direction is not Direction.DOWN:
            found.append(InjectedFault("rise", (column,), length, _rare(spec, statistics, column)))
        else:
            others.append(column)
    rng = np.random.default_rng(seed)
    for _ in range(min(len(others), 3)):
        size = max(1, len(others) // SHARE_MOVED)
        moved = rng.choice(others, size, replace=False)
        columns = tuple(sorted(int(one) for one in moved))
        buried = all(_buried(metrics[column], statistics, column) for column in columns)
        found.append(InjectedFault("shift", columns, length, buried))
    if statistics.restless.any():
        columns = tuple(int(one) for one in np.flatnonzero(statistics.samples > 0))
        # A single metric has no neighbour to show that it froze; a flatline detector costs
        # it more than it finds: average precision on hourly series falls from 0.60 to 0.59.
        found.append(InjectedFault(FREEZE, columns, freeze_length, buried=len(columns) == 1))
    return found


def _rare(spec: MetricSpec, statistics: Statistics, column: int) -> bool:
    """Whether ten times the usual errors are fewer than the worst hundredth of windows has; where
    fewer windows than that have any, than the worst of all."""
    if spec.role is not Role.ERRORS:
        return False
    worst, highest = statistics.quantiles[column, [12, 14]]  # 99 % and 100 %
    return _risen(spec, statistics, column) < float(worst if worst > 0 else highest)


def _risen(spec: MetricSpec, statistics: Statistics, column: int) -> float:
    """What a metric that is zero at the moment rises to."""
    risen = FACTORS[spec.role] * float(statistics.mean[column])
    return risen if statistics.quantiles[column, 14] > 0 else _activation(spec)


def _activation(spec: MetricSpec) -> float:
    return ACTIVATION_RATIO if spec.unit is Unit.RATIO else ACTIVATION


def _buried(spec: MetricSpec, statistics: Statistics, column: int) -> bool:
    low, high = statistics.quantiles[column, [2, 12]]  # 1 % and 99 %
    return _move(spec, statistics, column) < BURIED * float(high - low)


def _move(spec: MetricSpec, statistics: Statistics, column: int) -> float:
    """How far a shift of full strength moves a metric, in its own unit."""
    mean, std = float(statistics.mean[column]), float(statistics.std[column])
    return max(SHIFT_MEAN * abs(mean), SHIFT_SPREAD * std) or _activation(spec)


def inject(
    values: Floats,
    row: int,
    fault: InjectedFault,
    *,
    metrics: Sequence[MetricSpec],
    statistics: Statistics,
    strength: float = 1.0,
) -> Floats:
    """A copy of `values` (n, m) with `fault` from `row` on. Factors shrink with `strength` towards
    one; a freeze has no half measure."""
    out = values.copy()
    span = slice(row, row + fault.length)
    for column in fault.columns:
        spec = metrics[column]
        if fault.kind == FREEZE:
            out[span, column] = values[max(row - 1, 0), column]
        elif fault.kind == "drop":
            out[span, column] *= 1.0 - strength
        elif fault.kind in ("surge", "rise"):
            full = FACTORS[spec.role]
            now = values[span, column]
            # an error rate that happens to be 0 would stay 0 however often it is multiplied
            base = np.where(now == 0, _risen(spec, statistics, column) / full, now)
            out[span, column] = base * (1.0 + (full - 1.0) * strength)
        else:
            sign = -1.0 if spec.direction is Direction.DOWN else 1.0
            out[span, column] += sign * strength * _move(spec, statistics, column)
    return np.where(np.isnan(values), np.nan, out)
