"""The events of a recording, as a metrics source would count them over any window.

A value that is missing is not zero: a window of which more than half is missing is not known. Time
before the recording is no part of a window, as a source knows nothing of a service before it was
there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from anomaly_operator.api.durations import parse_seconds
from detector_runtime.contract.objectives import ObjectiveSpec
from detector_runtime.objectives.queries import LABEL
from detector_runtime.series.frame import Bools, Floats, Ints

_MARK = re.compile(rf'"{LABEL}", "([^"]+)", "{LABEL}"')
MOST_MISSING = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Recorded:
    """`series` by the field of the objective's query: events of each window (n,), or the share of
    bad ones; NaN: there was none. `known` (n,): whether all of them have a value."""

    objective: ObjectiveSpec
    series: Mapping[str, Floats]
    known: Bools


class RecordedEvents:
    """Answers the expressions of `objectives.queries` by the marks of their parts."""

    def __init__(self, ends: Ints, step: int, recorded: Sequence[Recorded]) -> None:
        self._begin, self._step = int(ends[0]), step
        self._of = {one.objective.name: one for one in recorded}
        self._over: dict[str, Floats] = {}

    def values(self, query: str, first: int, last: int, step: int) -> dict[str, dict[int, float]]:
        """By mark the values at `first`, `first + step` .. `last`, as far as they are known."""
        ends = range(first, last + 1, step)
        rows = [(end - self._begin) // self._step for end in ends]
        found: dict[str, dict[int, float]] = {}
        for mark in _MARK.findall(query):
            values = self._counted(mark)[rows].tolist()
            pairs = zip(ends, values, strict=True)
            found[mark] = {end: value for end, value in pairs if np.isfinite(value)}
        return found

    def _counted(self, mark: str) -> Floats:
        """(n,): what the part of that mark comes to in each window."""
        if mark not in self._over:
            name, side, window = mark.rsplit("/", 2)
            rows = max(round(parse_seconds(window) / self._step), 1)
            self._over[mark] = _over(self._of[name], side, rows)
        return self._over[mark]


def _over(recorded: Recorded, side: str, rows: int) -> Floats:
    """(n,): the events of the last `rows` windows, or the mean share; NaN: not known."""
    values = recorded.series[side]
    happened = recorded.known & np.isfinite(values)
    total = _rolling(np.where(happened, values, 0.0), rows)
    known = _rolling(recorded.known.astype(np.float64), rows)
    there = np.minimum(np.arange(1, len(values) + 1), rows)
    if side == "errorRatio":
        # Where nothing happened nothing was bad.
        total = total / np.maximum(_rolling(happened.astype(np.float64), rows), 1)
    return np.where(known >= (1 - MOST_MISSING) * there, total, np.nan)


def _rolling(values: Floats, rows: int) -> Floats:
    """(n,): the sum of the last `rows` values, fewer at the beginning."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    last = np.arange(1, len(values) + 1)
    found: Floats = sums[last] - sums[np.maximum(last - rows, 0)]
    return found
