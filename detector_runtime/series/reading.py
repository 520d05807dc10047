"""From the source's values to clean ones, once, at the entrance of training and of scoring.

A counter comes first: its increase per window is what is scored and shown, and a window in which
it was reset has none. Then the valid range: the user's, else a cap by role and unit, of values as
they are scored. What is left out is missing from here on, with the reason cell by cell, so that it
can be counted and said. Nothing behind this module looks at a counter or a range again. It repairs
and fills nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from detector_runtime.contract.run_config import MetricSpec
from detector_runtime.contract.vocabulary import Role, Unit
from detector_runtime.series.frame import Floats, Frame

Bools = NDArray[np.bool_]

MAX_REQUESTS_PER_SECOND = 1e6
"""Requests a second; a service that has more is no single service."""
MAX_LATENCY_SECONDS = 300.0
"""Latency; clients and proxies give up long before."""
SLACK = 1e-9
"""Share of a bound by which a value may pass it: a ratio of two rates passes 1 by rounding."""
RESETS, RESETS_NEAR_ZERO = 0.002, 0.025
"""Share of windows in which a counter may fall; the second is a restart every two days by the hour.
"""
NEAR_ZERO = 5.0
"""Usual increments within which a counter stands after a reset, a few missed windows included."""
MIN_COUNTER_VALUES = 50
_LATENCIES = frozenset({Role.LATENCY, Role.DEPENDENCY_LATENCY, Role.DATABASE_LATENCY})


class Cell(IntEnum):
    """What became of one value. FIRST: a counter's value with none in the window before it."""

    VALUE = 0
    ABSENT = 1
    FIRST = 2
    RESET = 3
    OUT_OF_RANGE = 4


@dataclass(frozen=True, slots=True)
class LeftOut:
    """How many values of one metric were present and are not scored, by reason."""

    name: str
    resets: int
    out_of_range: int

    @property
    def reasons(self) -> tuple[str, ...]:
        """What people are told; empty when nothing was left out."""
        counts = (
            (self.out_of_range, "values outside its valid range"),
            (self.resets, "counter resets"),
        )
        return tuple(f"{count} {what} left out" for count, what in counts if count)


@dataclass(frozen=True, slots=True, eq=False)
class CleanRows:
    """`frame`: values as they are scored and shown, NaN where missing. `cells` (n, m) int8: a
    `Cell` for each value. `rules`: how they were read.
    """

    frame: Frame
    cells: NDArray[np.int8]
    rules: ReadingRules

    def __len__(self) -> int:
        return len(self.frame)

    def rows(self, start: int, stop: int | None = None) -> CleanRows:
        """The rows start .. stop - 1, to the end without `stop`; a view, not a copy."""
        return CleanRows(self.frame.rows(start, stop), self.cells[start:stop], self.rules)

    def left_out(self) -> tuple[LeftOut, ...]:
        """What was left out, metric by metric."""
        resets = (self.cells == Cell.RESET).sum(axis=0).tolist()
        beyond = (self.cells == Cell.OUT_OF_RANGE).sum(axis=0).tolist()
        found = zip(self.frame.names, resets, beyond, strict=True)
        return tuple(LeftOut(*one) for one in found)

    def warnings(self) -> tuple[str, ...]:
        """One line for each metric of which something was left out."""
        told = ((one.name, ", ".join(one.reasons)) for one in self.left_out())
        return tuple(f"{name}: {what}" for name, what in told if what)

    def answered(self, since: int) -> bool:
        """Whether the source had a possible value in any window that ends after `since`."""
        first = int(np.searchsorted(self.frame.times, since, side="right"))
        late = self.cells[first:]
        return bool(((late != Cell.ABSENT) & (late != Cell.OUT_OF_RANGE)).any())


@dataclass(frozen=True, slots=True, eq=False)
class ReadingRules:
    """Per metric (m,): `counter` (True: its increase is read), `low`, `high` (-inf, inf: no
    bound), in the unit that is scored."""

    counter: Bools
    low: Floats
    high: Floats

    def read(self, frame: Frame) -> CleanRows:
        """The source's frame (n, m) as clean rows. The first row of a counter has no increase."""
        values = frame.values
        cells = np.where(np.isfinite(values), np.int8(Cell.VALUE), np.int8(Cell.ABSENT))
        if self.counter.any():
            values = self._increase(values, cells)
        present = cells == Cell.VALUE
        with np.errstate(invalid="ignore"):
            beyond = (values < self.low - slack(self.low)) | (values > self.high + slack(self.high))
        cells[beyond & present] = Cell.OUT_OF_RANGE
        clean = np.where(cells == Cell.VALUE, values, np.nan)
        return CleanRows(Frame(frame.times, clean, frame.names, frame.step), cells, self)

    def _increase(self, values: Floats, cells: NDArray[np.int8]) -> Floats:
        """Values with counters turned into increases; says in `cells` why there is none."""
        known = np.where(cells == Cell.VALUE, values, np.nan)
        rise = np.vstack([np.full((1, known.shape[1]), np.nan), np.diff(known, axis=0)])
        counted = self.counter & (cells == Cell.VALUE)
        cells[counted & np.isnan(rise)] = Cell.FIRST
        with np.errstate(invalid="ignore"):
            cells[counted & (rise < 0)] = Cell.RESET
        return np.where(self.counter, rise, values)


def slack(bounds: Floats) -> Floats:
    return SLACK * np.abs(np.where(np.isfinite(bounds), bounds, 0.0))


def read_history(frame: Frame, metrics: Sequence[MetricSpec]) -> CleanRows:
    """Training's entrance: which metrics are counters is told from `frame` itself."""
    columns = range(len(metrics))
    counter = np.array([looks_like_counter(frame.values[:, one]) for one in columns], dtype=bool)
    return read_as_trained(frame, metrics, counter)


def read_as_trained(frame: Frame, metrics: Sequence[MetricSpec], counter: Bools) -> CleanRows:
    """Scoring's entrance: `counter` (m,) is what training found and the model remembers."""
    return rules_for(metrics, counter, frame.step).read(frame)


def rules_for(metrics: Sequence[MetricSpec], counter: Bools, step: int) -> ReadingRules:
    ranges = [
        valid_range(metric, step if counts else 0)
        for metric, counts in zip(metrics, counter.tolist(), strict=True)
    ]
    low, high = np.array(ranges, dtype=np.float64).reshape(-1, 2).T
    return ReadingRules(counter, low, high)


def valid_range(metric: MetricSpec, counted_over: int = 0) -> tuple[float, float]:
    """Lowest and highest possible value: the user's, else a cap by role and unit.

    `counted_over`: seconds of a window where the metric is a counter. The caps on latencies and
    ratios are none on what these add up to.
    """
    low, high = -np.inf, np.inf
    if metric.role is Role.TRAFFIC:
        low, high = 0.0, MAX_REQUESTS_PER_SECOND * (counted_over or 1)
    elif metric.role in _LATENCIES:
        low = 0.0
        seconds = {Unit.SECONDS: MAX_LATENCY_SECONDS, Unit.MILLISECONDS: MAX_LATENCY_SECONDS * 1000}
        high = np.inf if counted_over else seconds.get(metric.unit, np.inf)
    elif metric.role is Role.ERRORS:
        low = 0.0
        whole = {Unit.RATIO: 1.0, Unit.PERCENT: 100.0}
        high = np.inf if counted_over else whole.get(metric.unit, np.inf)
    return (
        low if metric.valid_min is None else metric.valid_min,
        high if metric.valid_max is None else metric.valid_max,
    )


def looks_like_counter(values: Floats) -> bool:
    """A series that rarely falls, and then by more than half: a raw counter with resets.

    Where it falls more often than one window in 500, it must also begin again near zero, as a
    counter does and a gauge that is emptied does not.
    """
    present = values[np.isfinite(values)]
    if len(present) < MIN_COUNTER_VALUES:
        return False
    change = np.diff(present)
    falls, rises = change < 0, change[change > 0]
    if len(rises) < 0.5 * len(change) or falls.mean() > RESETS_NEAR_ZERO:
        return False
    before, after = present[:-1][falls], present[1:][falls]
    if falls.mean() > RESETS and (after > NEAR_ZERO * np.percentile(rises, 95)).any():
        return False
    return bool((after < 0.5 * before).all())
