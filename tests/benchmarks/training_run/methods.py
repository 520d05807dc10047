"""The rules of the product, and two that others publish, on the same rows.

A method says at which rows it alerts. The published rules judge the loss alone, and each alert
starts a pause of 500 steps, as the product has one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import fsum, isfinite, sqrt

import numpy as np

from detector_runtime.training_run import watch
from detector_runtime.training_run.rows import Row
from detector_runtime.training_run.thresholds import SHORT_WINDOWS, STANDARD, Thresholds
from detector_runtime.training_run.trigger import Tier
from tests.benchmarks.training_run.faults import ANSWERED_EVERY, answer
from tests.benchmarks.training_run.stable import Run

PAUSE = 500


@dataclass(frozen=True, slots=True)
class Alert:
    """A Warning or worse. `row`: its index in the log. `kind` is empty for the published rules,
    whose alerts count for every fault."""

    row: int
    kind: str


def rows_of(run: Run, answers: np.random.Generator | None = None) -> Iterator[Row]:
    """The log of a run; with random numbers for them, also an answered prompt every 20 steps."""
    for at in range(len(run.loss)):
        step = at if run.steps is None else int(run.steps[at])
        sparse = {name: float(of[at]) for name, of in run.sparse.items() if isfinite(of[at])}
        yield Row(
            step=step,
            loss=float(run.loss[at]),
            learning_rate=float(run.rate[at]),
            accuracy=None if run.accuracy is None else float(run.accuracy[at]),
            metrics={**{name: float(of[at]) for name, of in run.metrics.items()}, **sparse},
        )
        if answers is not None and at % ANSWERED_EVERY == 0:
            example = answer(at, answers)
            yield Row(step=step, loss=example.loss, example=example)


def product(rows: Iterable[Row], thresholds: Thresholds) -> list[Alert]:
    state, found, at = watch.State(), list[Alert](), -1
    for row in rows:
        at += row.example is None
        state, told = watch.step(state, row, thresholds)
        found += [Alert(at, one.kind) for one in told if one.tier.rank >= Tier.WARNING.rank]
    return found


@dataclass(slots=True)
class _Last:
    """Whether a loss is far from the last ones, by a rule that sees nothing else."""

    rows: int
    last: deque[float] = field(default_factory=deque)

    def far(self, loss: float, factor: float) -> bool:
        """More than `factor` times their mean; negative: in standard deviations from it."""
        if len(self.last) < self.rows:
            return False
        mean = fsum(self.last) / self.rows
        if factor > 0:
            return loss > factor * mean
        variance = fsum((one - mean) ** 2 for one in self.last) / (self.rows - 1)
        return abs(loss - mean) > -factor * max(sqrt(variance), 1e-12)

    def add(self, loss: float) -> None:
        self.last.append(loss)
        if len(self.last) > self.rows:
            self.last.popleft()


def published(rows: Iterable[Row], window: int, factor: float) -> list[Alert]:
    """See `_Last.far`."""
    usual, found, at, quiet_until = _Last(window), list[Alert](), -1, -1
    for row in rows:
        if row.example is not None or row.loss is None:
            continue
        at += 1
        if not isfinite(row.loss):
            continue
        if usual.far(row.loss, factor) and at >= quiet_until:
            found.append(Alert(at, ""))
            quiet_until = at + PAUSE
        usual.add(row.loss)
    return found


def judged(rows: Sequence[Row]) -> Mapping[str, list[Alert]]:
    """The alerts of each method."""
    return {
        "product": product(rows, STANDARD),
        "product, short windows": product(rows, SHORT_WINDOWS),
        "z > 3 over the last 10 rows": published(rows, 10, -3.0),
        "5 times the mean of 25": published(rows, 25, 5.0),
    }
