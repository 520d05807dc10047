"""What a chart draws of a service: values, the usual range, the score and its alert level.

A long span is thinned to what a screen can show. Of each stretch the window furthest from the usual
is kept whole, so that no peak is lost and a value outside its range is never shown inside it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from detector_runtime.series.frame import Floats, Ints

MAX_POINTS = 1_500
"""Points of a series that a browser gets."""
_DIGITS = 6
"""Significant digits of a figure in a chart."""


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """`times` (n,): window ends in unix seconds; `values`, `low`, `high` (n, m): in the metrics'
    own units, NaN where there is nothing; `score`, `level` (n,); `step`: seconds from one point to
    the next."""

    times: Ints
    names: tuple[str, ...]
    values: Floats
    low: Floats
    high: Floats
    score: Floats
    level: Floats
    step: int

    @classmethod
    def of_values(cls, times: Ints, names: tuple[str, ...], values: Floats, step: int) -> Curves:
        """Without a usual range and without scores."""
        n, m = values.shape
        low, high = np.full((2, n, m), np.nan)
        score, level = np.full((2, n), np.nan)
        return cls(times, names, values, low, high, score, level, step)

    def __len__(self) -> int:
        return len(self.times)

    @property
    def bytes(self) -> int:
        arrays = (self.times, self.values, self.low, self.high, self.score, self.level)
        return sum(one.nbytes for one in arrays)


def joined(values: Curves, usual: Curves) -> Curves:
    """`values` with the range and the scores that `usual` has for the same windows and metrics."""
    at = np.minimum(np.searchsorted(usual.times, values.times), max(len(usual) - 1, 0))
    same = usual.times[at] == values.times if len(usual) else np.zeros(len(values), dtype=bool)
    out = Curves.of_values(values.times, values.names, values.values, values.step)
    out.score[same], out.level[same] = usual.score[at[same]], usual.level[at[same]]
    for column, name in enumerate(values.names):
        if name in usual.names:
            source = usual.names.index(name)
            out.low[same, column] = usual.low[at[same], source]
            out.high[same, column] = usual.high[at[same], source]
    return out


def thinned(curves: Curves, most: int = MAX_POINTS) -> Curves:
    """At most `most` points, each standing for a stretch and named by its last window."""
    n = len(curves)
    width = -(-n // most) if n else 1
    if width == 1:
        return curves
    starts = range(0, n, width)
    stretches = [range(start, min(start + width, n)) for start in starts]
    last = np.array([rows[-1] for rows in stretches])
    values, low, high = (np.full((len(last), len(curves.names)), np.nan) for _ in range(3))
    for column in range(len(curves.names)):
        far = _distance(curves, column)
        kept = np.array([rows[0] + _furthest(far[rows.start : rows.stop]) for rows in stretches])
        values[:, column] = curves.values[kept, column]
        low[:, column], high[:, column] = curves.low[kept, column], curves.high[kept, column]
    top = np.array(
        [rows[0] + _furthest(curves.score[rows.start : rows.stop]) for rows in stretches]
    )
    return Curves(
        curves.times[last],
        curves.names,
        values,
        low,
        high,
        curves.score[top],
        curves.level[top],
        curves.step * width,
    )


def numbers(column: Floats) -> list[float | None]:
    """For JSON: six significant digits, None where there is no number."""
    return [_figure(value) for value in column.tolist()]


def document(curves: Curves, units: Sequence[str]) -> dict[str, Any]:
    """The curves as the browser reads them; `units` in the order of the metrics."""
    return {
        "step": curves.step,
        "times": curves.times.tolist(),
        "metrics": [
            {
                "name": name,
                "unit": unit,
                "values": numbers(curves.values[:, column]),
                "low": numbers(curves.low[:, column]),
                "high": numbers(curves.high[:, column]),
            }
            for column, (name, unit) in enumerate(zip(curves.names, units, strict=True))
        ],
        "scores": numbers(curves.score),
        "levels": numbers(curves.level),
    }


def _distance(curves: Curves, column: int) -> Floats:
    """How far each value is from the middle of its usual range, else from the median."""
    values = curves.values[:, column]
    known = np.isfinite(values)
    median = float(np.median(values[known])) if known.any() else 0.0
    middle = (curves.low[:, column] + curves.high[:, column]) / 2
    far: Floats = np.abs(values - np.where(np.isfinite(middle), middle, median))
    return far


def _furthest(far: Floats) -> int:
    """The row of the largest number, the last one where there is none."""
    if np.isnan(far).all():
        return len(far) - 1
    return int(np.nanargmax(far))


def _figure(value: float) -> float | None:
    if not math.isfinite(value):
        return None
    return float(f"{value:.{_DIGITS}g}")
