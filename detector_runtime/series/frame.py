"""Metric series on one common time grid: what sources return and detectors read.

A hole is NaN and stays NaN: this module never fills, never interpolates and never turns
"missing" into zero. What the source says is kept apart: no sample is absent, a NaN sample (0/0) is
undefined, an infinite one stays infinite, and zero is a value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """`times` (n,) int64: window ends, UTC unix seconds, multiples of `step`, strictly rising
    by `step`; `values` (n, m) float64: one column per metric of `names`, NaN where there is no
    value; `undefined` (n, m): where the source itself said NaN, None where it never did.
    """

    times: Ints
    values: Floats
    names: tuple[str, ...]
    step: int
    undefined: Bools | None = None

    def __post_init__(self) -> None:
        if self.values.shape != (len(self.times), len(self.names)):
            raise ValueError(
                f"frame: values have shape {self.values.shape}, "
                f"want ({len(self.times)}, {len(self.names)})"
            )

    def __len__(self) -> int:
        return len(self.times)

    def rows(self, start: int, stop: int | None = None) -> Frame:
        """The rows start .. stop - 1, to the end without `stop`; a view, not a copy."""
        undefined = None if self.undefined is None else self.undefined[start:stop]
        return Frame(
            self.times[start:stop], self.values[start:stop], self.names, self.step, undefined
        )

    def columns(self, wanted: Sequence[int], names: tuple[str, ...]) -> Frame:
        """The columns `wanted`, called `names`."""
        undefined = None if self.undefined is None else self.undefined[:, wanted]
        return Frame(self.times, self.values[:, wanted], names, self.step, undefined)


def on_grid(
    samples: dict[str, tuple[Ints, Floats]], names: tuple[str, ...], start: int, end: int, step: int
) -> Frame:
    """Lay samples (times in unix seconds, values) of each metric on the grid (start, end].

    A sample belongs to the window that it ends; samples off the grid go to the next window end,
    and of several in one window the last one counts. A NaN sample is undefined, an infinite one
    stays; only a window without a sample is a hole.
    """
    first = (start // step + 1) * step
    times = np.arange(first, end + 1, step, dtype=np.int64)
    values = np.full((len(times), len(names)), np.nan)
    undefined = np.zeros(values.shape, dtype=bool)
    for column, name in enumerate(names):
        stamps, points = samples.get(name, (np.empty(0, np.int64), np.empty(0)))
        row = -((first - stamps) // step)
        inside = (row >= 0) & (row < len(times))
        values[row[inside], column] = points[inside]
        undefined[row[inside], column] = np.isnan(points[inside])
    return Frame(times, values, names, step, undefined if undefined.any() else None)
