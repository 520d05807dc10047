"""Metric series on one common time grid: what sources return and detectors read.

A hole is NaN and stays NaN: this module never fills, never interpolates and never turns
"missing" into zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """`times` (n,) int64: window ends, UTC unix seconds, multiples of `step`, strictly rising
    by `step`; `values` (n, m) float64: one column per metric of `names`, NaN where missing.
    """

    times: Ints
    values: Floats
    names: tuple[str, ...]
    step: int

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
        return Frame(self.times[start:stop], self.values[start:stop], self.names, self.step)


def on_grid(
    samples: dict[str, tuple[Ints, Floats]], names: tuple[str, ...], start: int, end: int, step: int
) -> Frame:
    """Lay samples (times in unix seconds, values) of each metric on the grid (start, end].

    A sample belongs to the window that it ends; samples off the grid go to the next window end,
    and of several in one window the last one counts. Infinite values count as missing.
    """
    first = (start // step + 1) * step
    times = np.arange(first, end + 1, step, dtype=np.int64)
    values = np.full((len(times), len(names)), np.nan)
    for column, name in enumerate(names):
        stamps, points = samples.get(name, (np.empty(0, np.int64), np.empty(0)))
        row = -((first - stamps) // step)
        inside = (row >= 0) & (row < len(times)) & np.isfinite(points)
        values[row[inside], column] = points[inside]
    return Frame(times, values, names, step)
