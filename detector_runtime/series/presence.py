"""What it means that a metric has no value, learned once from the history and kept in the model.

Absent, zero, undefined, infinite and stale are five things, and only absent and stale are missing.
Three rules are learned metric by metric:

- An error metric, a counter, or a number of things (a queue, timeouts) that is absent in most
  windows has no series until something is counted: there, absent is zero. What then appears counts
  as evidence once it is more than a few. A number that has stood there since it began is a new
  metric instead, and nothing is said of the time before.
- A ratio without a denominator is undefined, not missing: where no request came, 0/0 says nothing
  and is no lost data, whether the source answers NaN or leaves the sample out.
- A value that was hardly ever undefined in training, and is so while requests come, for longer
  than it ever was, is broken: evidence as far as the detectors can see.

No value is filled in but such a zero; what people are shown stays what the source said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector_runtime.contract.run_config import MetricSpec
from detector_runtime.contract.vocabulary import Direction, Role, Unit
from detector_runtime.series.features import CARRY
from detector_runtime.series.frame import Bools, Floats, Frame, Ints
from detector_runtime.series.reading import Cell, CleanRows
from detector_runtime.series.statistics import ZERO_NORMAL

USUALLY_ABSENT = 0.5
"""Share of the windows with other values in which a metric must be absent for absence to be its
usual state."""
IDLE_SHARE = 0.01
"""Of its median: traffic at or below is as good as none."""
MIN_EVENTS = 3.0
"""Errors in each of two windows, or steps of a rare counter in CARRY windows, below which they are
no evidence: one error at night, one restart."""
MIN_RATIO = 0.01
"""The same for a share of requests whose number is not known."""
MIN_DEFINED = 100
"""Windows that must have been defined for an undefined one to be a finding."""
RARELY_UNDEFINED = 0.01
"""Share of the windows that may be undefined without a reason for a longer run to be a finding."""
MAX_UNDEFINED = CARRY
"""Windows in a row; what was undefined for longer is so now and then."""
COMMON = -1
_OF_REQUESTS = frozenset(
    {Role.LATENCY, Role.ERRORS, Role.DEPENDENCY_LATENCY, Role.DATABASE_LATENCY}
)


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """`frame`: what the detectors read; `shown` (n, m): what people read; `undefined` (n, m): no
    value because there is none (0/0), whether or not that is evidence."""

    frame: Frame
    shown: Floats
    undefined: Bools


@dataclass(frozen=True, slots=True, eq=False)
class Presence:
    """Per metric (m,): `absent_is_zero`; `undefined_for`: windows in a row that it was undefined
    in training without a reason, COMMON where that says nothing;
    `idle_below`: value at which it is a denominator of nothing, NaN where it is none;
    `of_requests`: it has no value where no request came; `events`: how many events of a window a
    value of 1 is (per request of `traffic` per second for a share; 0: not known, NaN: each is
    judged at once); `rare_count`: a counter that hardly ever moves; `side`: +1, or -1 where only a
    fall alarms.
    """

    absent_is_zero: Bools
    undefined_for: Ints
    idle_below: Floats
    of_requests: Bools
    traffic: Bools
    events: Floats
    share: Bools
    rare_count: Bools
    side: NDArray[np.int64]

    def learnable(self, clean: CleanRows) -> Frame:
        """The rows as training reads them: no value beyond a range, none that is infinite."""
        frame = clean.frame
        values = np.where(clean.cells == Cell.VALUE, frame.values, np.nan)
        return Frame(frame.times, self._with_zeros(values, clean), frame.names, frame.step)

    def judged(self, clean: CleanRows) -> Judged:
        """The rows as scoring reads them."""
        frame, cells = clean.frame, clean.cells
        undefined = cells == Cell.UNDEFINED
        if not cells.any() and np.isnan(self.events).all() and not self.rare_count.any():
            return Judged(frame, frame.values, undefined)
        shown = self._with_zeros(frame.values, clean)
        idle = self._idle(frame.values).reshape(-1, 1)
        broken = undefined & ~idle
        if broken.any():
            longer = _in_a_row(broken) > self.undefined_for
            broken &= longer & (self.undefined_for != COMMON)
        undefined |= (cells == Cell.ABSENT) & np.isnan(shown) & self.of_requests & idle
        values = np.where(broken, np.inf * self.side, shown)
        values = np.where(self._too_few(shown), 0.0, values)
        return Judged(Frame(frame.times, values, frame.names, frame.step), shown, undefined)

    def _with_zeros(self, values: Floats, clean: CleanRows) -> Floats:
        """Zero where absence means it and the source has other values."""
        if not self.absent_is_zero.any():
            return values
        answered: Bools = np.any(np.isfinite(values[:, ~self.absent_is_zero]), axis=1)
        if self.absent_is_zero.all():
            answered = np.ones(len(values), dtype=bool)
        silent = (clean.cells == Cell.ABSENT) | (clean.cells == Cell.FIRST)
        filled: Floats = np.where(silent & self.absent_is_zero & answered[:, None], 0.0, values)
        return filled

    def _idle(self, values: Floats) -> Bools:
        """(n,): windows in which some denominator is at zero."""
        return _any_at_most(values, self.idle_below)

    def _too_few(self, values: Floats) -> Bools:
        """(n, m): events that have just begun, or are too few, where there never were any."""
        watched = ~np.isnan(self.events)
        if not watched.any() and not self.rare_count.any():
            return np.zeros(values.shape, dtype=bool)
        requests = np.where(self.traffic, values, np.nan)
        known = np.isfinite(requests).any(axis=1)
        total = np.where(known, np.nansum(requests, axis=1), np.nan)[:, None]
        with np.errstate(invalid="ignore"):
            counted = np.where(self.share, values * total, values) * self.events
            some = values > 0
            enough = np.where(
                np.isnan(counted) | (self.events == 0), values >= MIN_RATIO, counted >= MIN_EVENTS
            )
        before = np.vstack([np.zeros((1, values.shape[1]), dtype=bool), some[:-1]])
        few: Bools = watched & some & np.isfinite(values) & ~(enough & before)
        if self.rare_count.any():
            total = np.cumsum(np.where(np.isfinite(values), values, 0.0), axis=0)
            lately = total.copy()
            lately[CARRY:] -= total[:-CARRY]
            few |= self.rare_count & some & (lately < MIN_EVENTS)
        return few

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        return {
            "absent_is_zero": self.absent_is_zero,
            "undefined_for": self.undefined_for,
            # arrays of a model are finite
            "idle_below": np.nan_to_num(self.idle_below, nan=-1.0),
            "of_requests": self.of_requests,
            "traffic": self.traffic,
            "events": np.nan_to_num(self.events, nan=-1.0),
            "share": self.share,
            "rare_count": self.rare_count,
            "side": self.side,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Presence:
        given = dict(arrays)
        for name in ("idle_below", "events"):
            values = np.asarray(given[name], dtype=np.float64)
            given[name] = np.where(values < 0, np.nan, values)
        return cls(**given)  # type: ignore[arg-type]


def learn_presence(clean: CleanRows, metrics: Sequence[MetricSpec]) -> Presence:
    """From the history of `metrics`: what the absence of each means."""
    cells, values = clean.cells, np.where(clean.cells == Cell.VALUE, clean.frame.values, np.nan)
    roles = [metric.role for metric in metrics]
    counter = clean.rules.counter
    held = (cells != Cell.ABSENT).any(axis=1)
    absent = (cells[held] == Cell.ABSENT).mean(axis=0) if held.any() else np.zeros(len(metrics))
    errors = np.array([role is Role.ERRORS for role in roles])
    things = np.array([_counts_things(metric) for metric in metrics])
    absent_is_zero = (errors | counter) & (absent > USUALLY_ABSENT)
    absent_is_zero |= things & (_absent_since_begun(cells[held]) > USUALLY_ABSENT)
    idle_below = _denominators(values, roles, counter)
    given_traffic = Role.TRAFFIC in roles
    of_requests = np.array([
        role in _OF_REQUESTS if given_traffic else role is Role.CUSTOM for role in roles
    ])  # fmt: skip
    idle = _any_at_most(values, idle_below)
    unexplained = (cells == Cell.UNDEFINED) & ~idle[:, None]
    defined = np.isfinite(values).sum(axis=0)
    never = np.array([not np.any(column[np.isfinite(column)] > 0) for column in values.T])
    return Presence(
        absent_is_zero=absent_is_zero,
        undefined_for=_undefined_for(unexplained, defined),
        idle_below=idle_below,
        of_requests=of_requests & ~absent_is_zero,
        traffic=np.array([
            metric.role is Role.TRAFFIC and metric.unit is Unit.REQUESTS_PER_SECOND
            for metric in metrics
        ]),
        events=np.array([
            _events(metric, clean.frame.step)
            if (errors[at] and never[at]) or ((errors | things)[at] and absent_is_zero[at])
            else np.nan
            for at, metric in enumerate(metrics)
        ]),
        share=np.array([metric.unit in (Unit.RATIO, Unit.PERCENT) for metric in metrics]),
        rare_count=counter & ~errors & [_rare(column) for column in values.T],
        side=np.array([-1 if metric.direction is Direction.DOWN else 1 for metric in metrics]),
    )  # fmt: skip


def _counts_things(metric: MetricSpec) -> bool:
    """Whether the value is a number of things, of which there are none before the first."""
    if metric.role not in (Role.SATURATION, Role.CUSTOM) or metric.direction is Direction.DOWN:
        return False
    counted = metric.unit in (Unit.COUNT, Unit.REQUESTS_PER_SECOND)
    return counted or (metric.unit is Unit.NONE and metric.direction is Direction.UP)


def _absent_since_begun(cells: NDArray[np.int8]) -> Floats:
    """(m,): share of the windows (n, m) from its first value on in which a metric is absent; 1 for
    one without any value."""
    there = cells != Cell.ABSENT
    if not len(there):
        return np.zeros(cells.shape[1])
    windows = np.where(there.any(axis=0), len(there) - there.argmax(axis=0), 1)
    found: Floats = 1 - there.sum(axis=0) / windows
    return found


def _undefined_for(unexplained: Bools, defined: Ints) -> Ints:
    """(m,): as `Presence.undefined_for`; `unexplained` (n, m): windows that are undefined without
    a reason, `defined` (m,): the number of those with a value."""
    longest = _in_a_row(unexplained).max(axis=0, initial=0)
    rarely = unexplained.sum(axis=0) <= RARELY_UNDEFINED * (defined + unexplained.sum(axis=0))
    usable = (defined >= MIN_DEFINED) & rarely & (longest <= MAX_UNDEFINED)
    found: Ints = np.where(usable, longest, COMMON)
    return found


def _in_a_row(found: Bools) -> Ints:
    """(n, m): how many windows in a row up to each have been `found`."""
    rows = np.arange(1, len(found) + 1)[:, None]
    last = np.maximum.accumulate(np.where(found, 0, rows), axis=0)
    run: Ints = np.where(found, rows - last, 0)
    return run


def _any_at_most(values: Floats, bounds: Floats) -> Bools:
    """(n,): rows with a value (n, m) at or below its bound (m,); NaN is neither."""
    with np.errstate(invalid="ignore"):
        below: Bools = values <= bounds
    found: Bools = np.any(below, axis=1)
    return found


def _denominators(values: Floats, roles: Sequence[Role], counter: Bools) -> Floats:
    """(m,): value at or below which a metric is the zero under the line, NaN where it is none.

    Traffic by its role; where no metric has it, one without a role that was hardly ever at zero.
    """
    out = np.full(len(roles), np.nan)
    given = Role.TRAFFIC in roles
    for column, role in enumerate(roles):
        present = values[np.isfinite(values[:, column]), column]
        if given and role is Role.TRAFFIC:
            out[column] = IDLE_SHARE * max(float(np.median(present)), 0.0) if len(present) else 0.0
        elif not given and role is Role.CUSTOM and len(present):
            often = float(np.quantile(present, 0.05)) > 0 and not counter[column]
            out[column] = 0.0 if often else np.nan
    return out


def _events(metric: MetricSpec, step: int) -> float:
    """Events in a window per unit of the value (and request a second, for a share)."""
    return {
        Unit.RATIO: float(step),
        Unit.PERCENT: step / 100,
        Unit.REQUESTS_PER_SECOND: float(step),
        Unit.COUNT: 1.0,
    }.get(metric.unit, 0.0)


def _rare(values: Floats) -> bool:
    """Whether a counter's increases (n,) are whole and hardly ever any."""
    present = values[np.isfinite(values)]
    moves = int(np.count_nonzero(present))
    return moves <= (1 - ZERO_NORMAL) * len(present) and bool(np.all(present == np.floor(present)))
