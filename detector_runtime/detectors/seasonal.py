"""Distance from what is usual at this time of day, on work days and at weekends apart.

A table of medians and MADs by slot of the day, each slot read with its two neighbours. It is used
for a metric only if the clock explains it (the residual's MAD is below 85 % of the metric's own);
else the metric is judged against its overall median, and nothing is invented from noise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from detector_runtime.detectors.base import Arrays
from detector_runtime.detectors.bursts import Bursts, learn_bursts, no_bursts
from detector_runtime.series.features import (
    CLIP,
    DAY,
    MAD_TO_SIGMA,
    USUAL_WIDTH,
    Prepared,
    slots_per_day,
)
from detector_runtime.series.frame import Floats, Ints

MIN_GAIN = 0.85
"""Residual MAD / MAD above which the clock is not worth its variance."""
MIN_DAYS = 2
"""With a day more, a fall at noon to the level of the night would stay usual for that day."""
WEEKEND_DAYS = 14
"""From two weeks on, weekends get a table of their own."""
MIN_SLOT_ROWS = 6
FLOOR = 0.1
"""A slot's spread is at least this share of the metric's: a few equal nights prove no constancy."""


@dataclass(frozen=True, slots=True, eq=False)
class Seasonal:
    """`centre`, `spread` (2, slots, m): work days and weekends, in scaled units; `bursts`: runs
    that come at this time on most days."""

    centre: Floats
    spread: Floats
    bursts: Bursts
    name: ClassVar[str] = "seasonal"
    reason: ClassVar[str] = "distance from the time of day's usual"
    joint: ClassVar[bool] = False
    multivariate: ClassVar[bool] = False
    history: ClassVar[int] = 0
    weight: ClassVar[float] = 1.0

    @classmethod
    def fit(cls, rows: Prepared, seed: int) -> Self:  # noqa: ARG003
        z = rows.scored
        slot, weekend = rows.slot[rows.first :], rows.weekend[rows.first :]
        slots, m = slots_per_day(rows.step), z.shape[1]
        centre, spread = _overall(z)
        table = np.broadcast_to(centre, (2, slots, m)).copy()
        width = np.broadcast_to(spread, (2, slots, m)).copy()
        days = len(z) * rows.step / DAY
        if days >= MIN_DAYS and slots > 1:
            apart = days >= WEEKEND_DAYS
            for part in (0, 1):
                taken = (weekend == bool(part)) if apart else np.ones(len(z), dtype=bool)
                _fill(table[part], width[part], z[taken], slot[taken])
        residual = z - table[weekend.astype(int), slot]
        with np.errstate(all="ignore"):
            kept = _mad(residual) < MIN_GAIN * _mad(z)
        table[:, :, ~kept], width[:, :, ~kept] = centre[~kept], spread[~kept]
        width = np.maximum(width, FLOOR)
        usual = cls(table, width, no_bursts(slots, m)).expected(rows)
        return cls(table, width, learn_bursts(rows, usual, apart=days >= WEEKEND_DAYS))

    def expected(self, rows: Prepared) -> Floats:
        """(all rows, m): the usual value, in scaled units."""
        found: Floats = self.centre[rows.weekend.astype(int), rows.slot]
        return found

    def width(self, rows: Prepared) -> Floats:
        found: Floats = self.spread[rows.weekend.astype(int), rows.slot]
        return found

    def reach(self, rows: Prepared) -> tuple[Floats, Floats]:
        """(all rows, m) each: lowest and highest usual value, in scaled units."""
        usual, reach = self.expected(rows), USUAL_WIDTH * self.width(rows)
        low, high = usual - reach, usual + reach
        if not self.bursts.given:
            return low, high
        at = (rows.weekend.astype(int), rows.slot)
        least = self.bursts.least[at]
        low = np.where(least > 0, usual + least, np.minimum(low, usual - self.bursts.deep[at]))
        high = np.where(least < 0, usual + least, np.maximum(high, usual + self.bursts.high[at]))
        return low, high

    def deviation(self, rows: Prepared) -> Floats:
        return rows.residual[rows.first :]

    def apply(self, rows: Prepared, side: Ints) -> Prepared:
        """The rows with usual runs at rest and their distance from this table in place."""
        rows = self.bursts.tolerate(rows, self.expected(rows), side)
        residual = (rows.z - self.expected(rows)) / self.width(rows)
        return replace(rows, residual=np.clip(residual, -CLIP, CLIP))

    def to_arrays(self) -> Arrays:
        return {
            "centre": self.centre,
            "spread": self.spread,
            "high": self.bursts.high,
            "deep": self.bursts.deep,
            "least": self.bursts.least,
        }

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        bursts = Bursts(arrays["high"], arrays["deep"], arrays["least"])  # type: ignore[arg-type]
        return cls(arrays["centre"], arrays["spread"], bursts)  # type: ignore[arg-type]


def _fill(table: Floats, width: Floats, z: Floats, slot: NDArray[np.int64]) -> None:
    """Medians and MADs of each slot with its neighbours, where enough rows speak for it."""
    order = np.argsort(slot, kind="stable")
    edges = np.searchsorted(slot[order], np.arange(len(table) + 1))
    for index in range(len(table)):
        around = [(index + offset) % len(table) for offset in (-1, 0, 1)]
        taken = np.concatenate([order[edges[near] : edges[near + 1]] for near in around])
        if len(taken) < MIN_SLOT_ROWS:
            continue
        enough = np.isfinite(z[taken]).sum(axis=0) >= MIN_SLOT_ROWS
        part = z[np.ix_(taken, np.flatnonzero(enough))]
        middle = medians(part)
        table[index, enough] = middle
        width[index, enough] = MAD_TO_SIGMA * medians(np.abs(part - middle))


def medians(values: Floats) -> Floats:
    """(columns,): the median of each column of (rows, columns), NaN left out; none may be all NaN.

    The same figures as `np.nanmedian`, whose masked arrays take most of the time of a fit's tables
    when there are only some dozen rows.
    """
    count = (~np.isnan(values)).sum(axis=0)
    column = np.arange(values.shape[1])
    ordered = np.sort(values, axis=0)  # NaN come last.
    out: Floats = (ordered[(count - 1) // 2, column] + ordered[count // 2, column]) / 2
    return out


def _overall(z: Floats) -> tuple[Floats, Floats]:
    empty = ~np.isfinite(z).any(axis=0)
    safe = np.where(empty, 0.0, z)
    return np.nanmedian(safe, axis=0), np.maximum(_mad(safe) * MAD_TO_SIGMA, 1.0)


def _mad(z: Floats) -> Floats:
    empty = ~np.isfinite(z).any(axis=0)
    safe = np.where(empty, 0.0, z)
    out: Floats = np.nanmedian(np.abs(safe - np.nanmedian(safe, axis=0)), axis=0)
    return out
