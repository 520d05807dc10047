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
from detector_runtime.objectives.queries import LABEL, mark, sides
from detector_runtime.series.frame import Bools, Floats, Ints

_MARK = re.compile(rf'"{LABEL}", "([^"]+)", "{LABEL}"')
MOST_MISSING = 0.5
NEAR = 0.99
"""Share of a tier's factor; below it no rounding makes it burn."""


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
        self._begin, self._step, self._rows = int(ends[0]), step, len(ends)
        self._of = {one.objective.name: one for one in recorded}
        self._over: dict[str, Floats] = {}

    def values(self, query: str, first: int, last: int, step: int) -> dict[str, dict[int, float]]:
        """By mark the values at `first`, `first + step` .. `last`, as far as they are known."""
        ends = range(first, last + 1, step)
        rows = [(end - self._begin) // self._step for end in ends]
        found: dict[str, dict[int, float]] = {}
        for part in _MARK.findall(query):
            values = self._counted(part)[rows].tolist()
            pairs = zip(ends, values, strict=True)
            found[part] = {end: value for end, value in pairs if np.isfinite(value)}
        return found

    def restless(self) -> Bools:
        """(n,): whether the share of bad events over a tier's short window is near what the tier
        burns from, so that the window is worth an evaluation."""
        near = np.zeros(self._rows, dtype=bool)
        for one in self._of.values():
            for tier in one.objective.tiers:
                ratio = self._bad_share(one.objective, tier.short_seconds)
                near |= ratio >= NEAR * tier.factor * one.objective.budget
        return near

    def _bad_share(self, objective: ObjectiveSpec, seconds: int) -> Floats:
        """(n,): NaN where nothing is known."""
        found = {side: self._counted(mark(objective, side, seconds)) for side in sides(objective)}
        if "errorRatio" in found:
            return found["errorRatio"]
        total = found["total"]
        bad = found["errors"] if "errors" in found else total - found["good"]
        share: Floats = bad / np.where(total > 0, total, np.inf)
        return share

    def _counted(self, part: str) -> Floats:
        """(n,): what the part of that mark comes to in each window."""
        if part not in self._over:
            name, side, window = part.rsplit("/", 2)
            rows = max(round(parse_seconds(window) / self._step), 1)
            self._over[part] = _over(self._of[name], side, rows)
        return self._over[part]


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
