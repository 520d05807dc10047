"""Bursts that come every day at about the same time: a nightly job, a batch, a backup.

Detectors with a short memory do not know the clock, and to them each run is news. A value that is
no higher (or lower) than the runs of the last days around this time is therefore put at its usual
value for every detector, and where a run has always been under way by now, a value without one is
as far below as the run is high. It learns nothing from metrics whose bursts keep no time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detector_runtime.series.features import DAY, Prepared, quieted, slots_per_day
from detector_runtime.series.frame import Bools, Floats, Ints

MIN_DAYS = 3
USUAL_SHARE, SURE_SHARE = 0.6, 0.8
"""Share of the days with a run around this time from which it is usual, and with one under way from
which its absence is not."""
FAR, FAR_FROM_CONSTANT = 4.0, 2.0
"""Distance from the usual value, in scaled units, that makes a burst; the second for a metric that
hardly ever moves otherwise, whose scale is that of its bursts."""
MAX_RESTLESS = 0.2
"""Share of the slots of all days with a burst above which a metric is restless and has no runs."""
FEW_DAYS = 5
"""Days up to which none may be without a run."""
NEIGHBOURS = 1
"""Slots before and after in which a run of this time may lie."""
TOLERANCE = 0.15
"""Share of the height by which a run may be higher or lower than those before."""
OUTER = 0.05
"""Share of the days that are no measure: one bad night must not set it."""


@dataclass(frozen=True, slots=True, eq=False)
class Bursts:
    """(2, slots, m), work days and weekends, in scaled units from the usual value; 0 = none.

    `high`, `deep`: how far above and below a value may lie; `least`: how far it must lie above
    (> 0) or below (< 0).
    """

    high: Floats
    deep: Floats
    least: Floats

    @property
    def given(self) -> bool:
        return bool(self.high.any() or self.deep.any())

    def tolerate(self, rows: Prepared, expected: Floats, side: Ints) -> Prepared:
        """The rows with usual runs at the `expected` value (all rows, m) and missed ones as far
        beyond it as they fall short."""
        if not self.given:
            return rows
        at = (rows.weekend.astype(int), rows.slot)
        high, deep, least = self.high[at], self.deep[at], self.least[at]
        with np.errstate(invalid="ignore"):
            away = rows.z - expected
            short = ((least > 0) & (away < least)) | ((least < 0) & (away > least))
            usual = ((away > 0) & (away <= high)) | ((away < 0) & (-away <= deep))
        target = np.where(short, expected + away - least, expected)
        return quieted(rows, target, short | usual, side)


def no_bursts(slots: int, metrics: int) -> Bursts:
    return Bursts(*np.zeros((3, 2, slots, metrics)))


def learn_bursts(rows: Prepared, expected: Floats, *, apart: bool) -> Bursts:
    """From the scored rows; `apart`: whether weekends have a table of their own."""
    away = (rows.z - expected)[rows.first :]
    slot, weekend = rows.slot[rows.first :], rows.weekend[rows.first :]
    slots, count = slots_per_day(rows.step), away.shape[1]
    found = no_bursts(slots, count)
    if len(away) * rows.step < MIN_DAYS * DAY or slots <= 2 * NEIGHBOURS + 1:
        return found
    day = np.concatenate([[0], np.cumsum(np.diff(slot) < 0)])
    days = int(day[-1]) + 1
    off = np.zeros(days, dtype=bool)
    off[day] = weekend
    for column in range(count):
        values = away[:, column]
        present = np.isfinite(values)
        constant = not np.median(np.abs(values[present])) > 0 if present.any() else True
        far = FAR_FROM_CONSTANT if constant else FAR
        for sign, reach in ((1.0, found.high), (-1.0, found.deep)):
            signed = np.where(present, sign * values, -np.inf)
            if np.count_nonzero(signed > far) < MIN_DAYS:
                continue
            low = np.where(present, -sign * values, -np.inf)
            around = _around(_highest(signed, day, slot, (days, slots)))
            floor = -_highest(low, day, slot, (days, slots))
            if np.mean(around > far) > MAX_RESTLESS:
                continue
            daily = _usual(around, far)
            for part in (0, 1):
                taken = off == bool(part) if apart else np.ones(days, dtype=bool)
                burst = around[taken] > far
                usual = _usual(around[taken], far)
                if apart:  # few weekends: what all days show holds where they do not contradict
                    usual |= daily & (2 * burst.sum(axis=0) > len(burst))
                reach[part, :, column] = _reach(around[taken], far, usual)
                least = _least(floor[taken], far)
                found.least[part, :, column] += np.where(usual, sign * least, 0.0)
    return found


def _highest(values: Floats, day: Ints, slot: Ints, shape: tuple[int, int]) -> Floats:
    """(days, slots): the highest of the values (n,) of each slot, -inf where there is none."""
    out = np.full(shape, -np.inf)
    np.maximum.at(out, (day, slot), values)
    return out


def _around(peak: Floats) -> Floats:
    """The highest of each slot and its neighbours, across midnight."""
    flat = np.pad(peak.ravel(), NEIGHBOURS, constant_values=-np.inf)
    width = 2 * NEIGHBOURS + 1
    view = np.lib.stride_tricks.sliding_window_view(flat, width)
    out: Floats = view.max(axis=1).reshape(peak.shape)
    return out


def _usual(around: Floats, far: float) -> Bools:
    """(slots,): where a run comes on most days."""
    days = np.isfinite(around).sum(axis=0)
    runs = (around > far).sum(axis=0)
    least = np.maximum(USUAL_SHARE * days, np.minimum(days, FEW_DAYS))
    found: Bools = runs >= np.maximum(least, MIN_DAYS)
    return found


def _reach(around: Floats, far: float, usual: Bools) -> Floats:
    """(slots,): how far a run goes where it is usual, 0 elsewhere."""
    out = np.zeros(around.shape[1])
    for slot in np.flatnonzero(usual):
        runs = around[around[:, slot] > far, slot]
        out[slot] = (1 + TOLERANCE) * np.quantile(runs, 1 - OUTER)
    return out


def _least(floor: Floats, far: float) -> Floats:
    """(slots,): how far a run must go where one has always been under way, 0 elsewhere."""
    held = np.isfinite(floor)
    under_way = held & (floor > far)
    sure = under_way.sum(axis=0) >= np.maximum(SURE_SHARE * held.sum(axis=0), MIN_DAYS)
    out = np.zeros(floor.shape[1])
    for slot in np.flatnonzero(sure):
        out[slot] = (1 - TOLERANCE) * np.quantile(floor[under_way[:, slot], slot], OUTER)
    return out
