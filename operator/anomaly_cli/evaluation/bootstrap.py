"""Intervals by resampling rows, the same rows for every choice: differences are paired.

Rows are drawn as if none depended on another. Those of a recording do, so their intervals are too
narrow: read a small difference there as none.

A choice says the same of rows that look the same, so rows are counted in cells first. Drawing rows
with replacement and counting is drawing the counts from a multinomial distribution, at a cost that
does not grow with the rows (Efron and Tibshirani, An Introduction to the Bootstrap, 1993).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from anomaly_cli.evaluation.rates import Rates, rates_of
from anomaly_cli.figures import Bools
from detector_runtime.series.frame import Floats, Ints

RESAMPLES = 1000
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """95 % of the resamples lie in it; NaN where no resample has the figure."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Measured:
    """Figures of one choice on one part, each with its interval."""

    rates: Rates
    f1: Interval
    precision: Interval
    recall: Interval


@dataclass(frozen=True, slots=True)
class Difference:
    """F1 of one choice less that of another on the same rows."""

    value: float
    interval: Interval

    @property
    def higher(self) -> bool:
        return self.interval.low > 0

    @property
    def lower(self) -> bool:
        return self.interval.high < 0


@dataclass(frozen=True, slots=True, eq=False)
class Resampled:
    """`kinds` (c,) and `flagged` (c, q) of the cells; `counts` (c,) of the part itself, `drawn`
    (t, c) of each resample."""

    kinds: Ints
    flagged: Bools
    counts: Floats
    drawn: Floats

    def measured(self, kind: int | None = None) -> list[Measured]:
        """Each choice on all rows, or on normal rows and those of one `kind`."""
        taken = np.ones(len(self.kinds), bool) if kind is None else np.isin(self.kinds, [0, kind])
        cells = self.flagged[taken], self.kinds[taken] > 0
        exact = rates_of(self.counts[None, taken], *cells)
        spread = rates_of(self.drawn[:, taken], *cells)
        return [
            Measured(
                Rates(*(float(one[0, choice]) for one in exact)),
                *(interval(one[:, choice]) for one in spread),
            )
            for choice in range(self.flagged.shape[1])
        ]

    def difference(self, one: int, other: int) -> Difference:
        cells = self.flagged[:, [one, other]], self.kinds > 0
        exact, _, _ = rates_of(self.counts[None], *cells)
        spread, _, _ = rates_of(self.drawn, *cells)
        return Difference(float(exact[0, 0] - exact[0, 1]), interval(spread[:, 0] - spread[:, 1]))


def resampled(kinds: Ints, flagged: Bools, seed: int, times: int = RESAMPLES) -> Resampled:
    """`kinds` (n,) and what each choice says, `flagged` (n, q)."""
    rows = np.column_stack([kinds, flagged.astype(np.int64)])
    cells, counts = np.unique(rows, axis=0, return_counts=True)
    drawn = np.random.default_rng(seed).multinomial(len(kinds), counts / len(kinds), size=times)
    return Resampled(
        cells[:, 0], cells[:, 1:] > 0, counts.astype(np.float64), drawn.astype(np.float64)
    )


def interval(values: Floats) -> Interval:
    """The middle 95 % of `values` (t,)."""
    known = values[np.isfinite(values)]
    if not len(known):
        return Interval(float("nan"), float("nan"))
    outside = (1 - LEVEL) / 2
    low, high = np.quantile(known, [outside, 1 - outside])
    return Interval(float(low), float(high))
