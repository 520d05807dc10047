"""From the source's values to clean ones, once, at the entrance of training and of scoring.

A counter comes first: its increase per window is what is scored and shown, and a window in which
it was reset has none. Every value gets a `Cell` that says what it is. A value beyond the user's
valid range and an infinite one are kept as they are: they are evidence, but nothing to learn from.
Built-in limits by role and unit only warn, because the figures are the user's. It repairs and fills
nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from detector_runtime.contract.run_config import MetricSpec
from detector_runtime.contract.vocabulary import Role, Unit
from detector_runtime.series.counters import reads_as_counter
from detector_runtime.series.frame import Bools, Floats, Frame

MAX_REQUESTS_PER_SECOND = 1e6
"""Requests a second; a service that has more is rarely a single one."""
MAX_LATENCY_SECONDS = 300.0
"""Latency; clients and proxies give up long before."""
SLACK = 1e-9
"""Share of a bound by which a value may pass it: a ratio of two rates passes 1 by rounding."""
PRECISION = 1e-9
"""Share of a counter's value below which its increase is rounding: exports write ten digits."""
_LATENCIES = frozenset({Role.LATENCY, Role.DEPENDENCY_LATENCY, Role.DATABASE_LATENCY})


class Cell(IntEnum):
    """What one value is. FIRST: a counter's value with none in the window before it; OUT_OF_RANGE:
    beyond the user's valid range; UNDEFINED: the source said NaN (0/0).
    """

    VALUE = 0
    ABSENT = 1
    FIRST = 2
    RESET = 3
    OUT_OF_RANGE = 4
    UNDEFINED = 5
    INFINITE = 6


@dataclass(frozen=True, slots=True)
class LeftOut:
    """How many values of one metric are nothing to learn from, by reason; `unlikely`: values that
    are learnt from, but beyond what its role and unit let expect."""

    name: str
    resets: int = 0
    out_of_range: int = 0
    infinite: int = 0
    undefined: int = 0
    unlikely: int = 0

    @property
    def reasons(self) -> tuple[str, ...]:
        """What people are told; empty when there is nothing to tell."""
        counts = (
            (self.out_of_range, "beyond validRange"),
            (self.infinite, "infinite"),
            (self.undefined, "undefined (NaN)"),
            (self.unlikely, "unlikely for its role and unit"),
        )
        told = [f"{_counted(count, 'value')} {what}" for count, what in counts if count]
        return (*told, *([_counted(self.resets, "counter reset")] if self.resets else []))


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


@dataclass(frozen=True, slots=True, eq=False)
class CleanRows:
    """`frame`: values as they are scored and shown, NaN where there is none. `cells` (n, m) int8: a
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
        """What is nothing to learn from, metric by metric."""
        kinds = (Cell.RESET, Cell.OUT_OF_RANGE, Cell.INFINITE, Cell.UNDEFINED)
        counts = [(self.cells == kind).sum(axis=0).tolist() for kind in kinds]
        found = zip(self.frame.names, *counts, self._unlikely().tolist(), strict=True)
        return tuple(LeftOut(*one) for one in found)

    def _likely(self) -> bool:
        """Whether all values, none of them missing, are plainly what role and unit let expect."""
        if not self.rules.limited or not len(self):
            return True
        least, most = self.frame.values.min(axis=0), self.frame.values.max(axis=0)
        return bool(
            (least >= self.rules.likely_low).all() and (most <= self.rules.likely_high).all()
        )

    def _unlikely(self) -> NDArray[np.int64]:
        """Values per metric (m,) beyond what role and unit let expect."""
        values = np.where(self.cells == Cell.VALUE, self.frame.values, np.nan)
        found = outside(values, self.rules.likely_low, self.rules.likely_high)
        count: NDArray[np.int64] = found.sum(axis=0)
        return count

    def warnings(self) -> tuple[str, ...]:
        """One line for each metric of which there is something to tell."""
        if not self.cells.any() and self._likely():
            return ()  # nearly every run of a pod ends here
        told = ((one.name, ", ".join(one.reasons)) for one in self.left_out())
        return tuple(f"{name}: {what}" for name, what in told if what)

    def answered(self, since: int) -> bool:
        """Whether the source had an answer for any window that ends after `since`."""
        first = int(np.searchsorted(self.frame.times, since, side="right"))
        return bool((self.cells[first:] != Cell.ABSENT).any())


@dataclass(frozen=True, slots=True, eq=False)
class ReadingRules:
    """Per metric (m,): `counter` (True: its increase is read), `low`, `high`: the user's valid
    range, `likely_low`, `likely_high`: what role and unit let expect (-inf, inf: no bound), in the
    unit that is scored."""

    counter: Bools
    low: Floats
    high: Floats
    likely_low: Floats
    likely_high: Floats

    @property
    def limited(self) -> bool:
        """Whether there is any likely range."""
        return bool(np.isfinite(self.likely_low).any() or np.isfinite(self.likely_high).any())

    def read(self, frame: Frame) -> CleanRows:
        """The source's frame (n, m) as clean rows. The first row of a counter has no increase."""
        values = frame.values
        cells = np.where(np.isnan(values), np.int8(Cell.ABSENT), np.int8(Cell.VALUE))
        if frame.undefined is not None:
            cells[frame.undefined] = Cell.UNDEFINED
        cells[np.isinf(values)] = Cell.INFINITE
        if self.counter.any():
            values = self._increase(values, cells)
        if np.isfinite(self.low).any() or np.isfinite(self.high).any():
            beyond = outside(values, self.low, self.high)
            cells[beyond & (cells == Cell.VALUE)] = Cell.OUT_OF_RANGE
        kept = (cells == Cell.VALUE) | (cells == Cell.OUT_OF_RANGE) | (cells == Cell.INFINITE)
        clean = np.where(kept, values, np.nan)
        undefined = cells == Cell.UNDEFINED if frame.undefined is not None else None
        return CleanRows(Frame(frame.times, clean, frame.names, frame.step, undefined), cells, self)

    def _increase(self, values: Floats, cells: NDArray[np.int8]) -> Floats:
        """Values with counters turned into increases; says in `cells` why there is none."""
        known = np.where(cells == Cell.VALUE, values, np.nan)
        rise = np.vstack([np.full((1, known.shape[1]), np.nan), np.diff(known, axis=0)])
        rise = _without_float_noise(rise, known)
        counted = self.counter & (cells == Cell.VALUE)
        cells[counted & np.isnan(rise)] = Cell.FIRST
        with np.errstate(invalid="ignore"):
            cells[counted & (rise < 0)] = Cell.RESET
        rise = np.where(cells == Cell.INFINITE, values, rise)
        return np.where(self.counter, rise, values)


def _without_float_noise(rise: Floats, values: Floats) -> Floats:
    """Increments (n, m) of `values` to the digits that these have: a counter that rises by the same
    amount in each window must not seem to vary."""
    size = np.maximum(np.nan_to_num(np.abs(values)), 1e-100)
    digit = np.floor(np.log10(PRECISION * size))
    more, less = 10.0 ** np.maximum(-digit, 0), 10.0 ** np.maximum(digit, 0)
    found: Floats = np.round(rise * more / less) * less / more
    return found


def outside(values: Floats, low: Floats, high: Floats) -> Bools:
    """(n, m): values below `low` or above `high` (m,), by more than rounding."""
    with np.errstate(invalid="ignore"):
        found: Bools = (values < low - slack(low)) | (values > high + slack(high))
    return found


def slack(bounds: Floats) -> Floats:
    return SLACK * np.abs(np.where(np.isfinite(bounds), bounds, 0.0))


def read_history(frame: Frame, metrics: Sequence[MetricSpec]) -> CleanRows:
    """Training's entrance: which metrics are counters is told from `frame` itself, unless their
    `type` says so."""
    counter = [
        reads_as_counter(metric, frame.values[:, column], frame.step)
        for column, metric in enumerate(metrics)
    ]
    return read_as_trained(frame, metrics, np.array(counter, dtype=bool))


def read_as_trained(frame: Frame, metrics: Sequence[MetricSpec], counter: Bools) -> CleanRows:
    """Scoring's entrance: `counter` (m,) is what training found and the model remembers."""
    return rules_for(metrics, counter, frame.step).read(frame)


def rules_for(metrics: Sequence[MetricSpec], counter: Bools, step: int) -> ReadingRules:
    likely = [
        likely_range(metric, step if counts else 0)
        for metric, counts in zip(metrics, counter.tolist(), strict=True)
    ]
    given = [
        (
            -np.inf if metric.valid_min is None else metric.valid_min,
            np.inf if metric.valid_max is None else metric.valid_max,
        )
        for metric in metrics
    ]
    low, high = np.array(given, dtype=np.float64).reshape(-1, 2).T
    likely_low, likely_high = np.array(likely, dtype=np.float64).reshape(-1, 2).T
    return ReadingRules(counter, low, high, likely_low, likely_high)


def likely_range(metric: MetricSpec, counted_over: int = 0) -> tuple[float, float]:
    """Lowest and highest value that role and unit let expect; only a warning hangs on it, and none
    where the user gives a valid range.

    `counted_over`: seconds of a window where the metric is a counter. The limits of latencies and
    ratios are none on what these add up to.
    """
    low, high = -np.inf, np.inf
    if metric.valid_min is not None or metric.valid_max is not None:
        return low, high
    if metric.role is Role.TRAFFIC:
        low = 0.0
        if metric.unit is Unit.REQUESTS_PER_SECOND:
            high = MAX_REQUESTS_PER_SECOND * (counted_over or 1)
    elif metric.role in _LATENCIES:
        low = 0.0
        seconds = {Unit.SECONDS: MAX_LATENCY_SECONDS, Unit.MILLISECONDS: MAX_LATENCY_SECONDS * 1000}
        high = np.inf if counted_over else seconds.get(metric.unit, np.inf)
    elif metric.role is Role.ERRORS:
        low = 0.0
        whole = {Unit.RATIO: 1.0, Unit.PERCENT: 100.0}
        high = np.inf if counted_over else whole.get(metric.unit, np.inf)
    return low, high
