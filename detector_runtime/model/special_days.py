"""Days of a calendar with a usual of their own, such as the first of each month.

They have a table by time of day like the seasonal one. A value of such a day is read against it and
then laid where an ordinary day would have it at the same distance from its usual, so that every
detector reads these days like any other, in training and in scoring. With fewer than MIN_DAYS of
them in the history there is no table: they are left out of training and not judged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from detector_runtime.contract.run_config import Interval
from detector_runtime.detectors.seasonal import Seasonal
from detector_runtime.series.calendar import inside
from detector_runtime.series.features import (
    CLIP,
    DAY,
    MAD_TO_SIGMA,
    Prepared,
    Scaling,
    folded,
    slots_per_day,
    utc_offset,
)
from detector_runtime.series.frame import Floats, Frame

MIN_DAYS = 3
MIN_SLOT_ROWS = 3
MIN_SPREAD = 0.05
"""Share of a day's distance from an ordinary one that its spread is at least: a few days that are
alike prove no constancy."""

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class SpecialDays:
    """`centre`, `spread` (slots, m) in scaled units, where `known` (slots, m); `spans`: the days,
    which come with each run and are not part of the model.
    """

    centre: Floats
    spread: Floats
    known: Bools
    spans: tuple[Interval, ...] = ()

    @classmethod
    def learn(cls, frame: Frame, scaling: Scaling, spans: tuple[Interval, ...]) -> Self | None:
        """From clean rows; None where `frame` holds fewer than MIN_DAYS of these days."""
        taken = inside(frame.times, frame.step, spans)
        taken &= np.isfinite(frame.values).any(axis=1)
        if count_days(frame, taken, scaling.time_zone) < MIN_DAYS:
            return None
        rows = scaling.prepare(frame)
        slots, m = slots_per_day(frame.step), rows.z.shape[1]
        centre, spread = np.zeros((slots, m)), np.ones((slots, m))
        known = np.zeros((slots, m), dtype=bool)
        z, slot = rows.z[taken], rows.slot[taken]
        for index in range(slots):
            distance = np.abs(slot - index)
            part = z[np.minimum(distance, slots - distance) <= 1]
            enough = np.isfinite(part).sum(axis=0) >= MIN_SLOT_ROWS
            middle = np.nanmedian(part[:, enough], axis=0)
            centre[index, enough] = middle
            away = np.abs(part[:, enough] - middle)
            spread[index, enough] = MAD_TO_SIGMA * np.nanmedian(away, axis=0)
            known[index] = enough
        return cls(centre, spread, known, spans)

    def lay(self, frame: Frame, rows: Prepared, baseline: Seasonal, scaling: Scaling) -> Prepared:
        """`rows` of `frame` with these days laid on ordinary ones; the residual is theirs."""
        special = self.covers(frame, rows)
        if not special.any():
            return rows
        usual, width = baseline.expected(rows), baseline.width(rows)
        centre, own = self._own(rows, usual, width)
        residual = np.clip((rows.z - centre) / own, -CLIP, CLIP)
        z = np.where(special, usual + residual * width, rows.z)
        residual = np.where(special, residual, rows.residual)
        return replace(rows, z=z, residual=residual, folded=folded(z, scaling.side))

    def usual(
        self, frame: Frame, rows: Prepared, usual: Floats, width: Floats
    ) -> tuple[Floats, Floats]:
        """Centre and width (n, m) of what is usual, with those of these days in their place."""
        special = self.covers(frame, rows)
        centre, own = self._own(rows, usual, width)
        return np.where(special, centre, usual), np.where(special, own, width)

    def _own(self, rows: Prepared, usual: Floats, width: Floats) -> tuple[Floats, Floats]:
        """Centre and spread (n, m) as if every row were on one of these days."""
        centre = self.centre[rows.slot]
        floor = np.maximum(width, MIN_SPREAD * np.abs(centre - usual))
        return centre, np.maximum(self.spread[rows.slot], floor)

    def covers(self, frame: Frame, rows: Prepared) -> Bools:
        """(n, m): values of these days that the table knows."""
        found: Bools = inside(frame.times, frame.step, self.spans)[:, None] & self.known[rows.slot]
        return found

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        return {"centre": self.centre, "spread": self.spread, "known": self.known}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Self:
        return cls(**arrays)  # type: ignore[arg-type]


def count_days(frame: Frame, taken: Bools, time_zone: str) -> int:
    """Local days of the windows `taken` (n,)."""
    times = frame.times[taken]
    return len(np.unique((times - frame.step + utc_offset(times, time_zone)) // DAY))
