"""Faults with the name that each must get, written before they are measured.

The services are those of the detection benchmark. The names follow from the fault, not from what
the product says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass

import numpy as np

from detector_runtime.series.frame import Frame, Ints
from tests.benchmarks.detection.generated import (
    DAY,
    EPOCH,
    METRICS,
    Character,
    Life,
    lived,
    measured,
)

HISTORY_DAYS = 14
FAULT_MINUTES = 40
Break = Callable[[Life, slice], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """`wanted`: the name of the first finding; empty: nothing may be found."""

    name: str
    wanted: str
    break_: Break


@dataclass(frozen=True, slots=True, eq=False)
class Scenario:
    """`frame`: history up to row `trained`, then a day; the fault is in rows [first, last)."""

    character: Character
    fault: Fault
    frame: Frame
    trained: int
    first: int
    last: int


def _scaled(**factors: float) -> Break:
    def apply(state: Life, rows: slice) -> None:
        for name, factor in factors.items():
            getattr(state, name)[rows] *= factor

    return apply


def _failing(share: float, **factors: float) -> Break:
    scale = _scaled(**factors)

    def apply(state: Life, rows: slice) -> None:
        scale(state, rows)
        state.errors[rows] += share

    return apply


_FAST = {"own": 0.1, "dependency": 0.1, "database": 0.1}
FAULTS = (
    Fault("no fault", "", _scaled()),
    Fault("traffic x3", "request_rate_surge_healthy", _scaled(rate=3)),
    Fault("traffic x3, slow", "request_rate_surge_degrading", _scaled(rate=3, own=3)),
    Fault("traffic x3, slow, 15 % errors", "request_rate_surge_failing",
          _failing(0.15, rate=3, own=3)),
    Fault("traffic to 5 %", "request_rate_cliff", _scaled(rate=0.05)),
    Fault("traffic to 20 %", "request_rate_cliff", _scaled(rate=0.2)),
    Fault("own time x3", "application_latency_bottleneck", _scaled(own=3)),
    Fault("3 % errors", "error_rate_elevated", _failing(0.03)),
    Fault("30 % errors", "error_rate_critical", _failing(0.3)),
    Fault("3 % errors, fast", "error_rate_fast_failure", _failing(0.03, **_FAST)),
    Fault("50 % errors, fast", "error_rate_fast_rejection", _failing(0.5, **_FAST)),
    Fault("dependency x10", "dependency_latency_cascade", _scaled(dependency=10)),
)  # fmt: skip


def scenarios(seeds: tuple[int, ...] = (7, 8)) -> Iterator[tuple[Frame, int, list[Scenario]]]:
    """For each service its quiet frame, the row up to which a model learns, and its faults."""
    for character in Character:
        step = 60 if character in (Character.DAILY, Character.NOISY) else 120
        for seed in seeds:
            rows = (HISTORY_DAYS + 1) * DAY // step
            times = EPOCH + step * np.arange(1, rows + 1, dtype=np.int64)
            random = np.random.default_rng([seed, list(Character).index(character)])
            state = lived(character, times, step, random)
            trained = HISTORY_DAYS * DAY // step
            first = trained + (13 + seed % 6) * 3600 // step
            last = first + FAULT_MINUTES * 60 // step

            found = []
            for fault in FAULTS:
                broken = deepcopy(state)
                fault.break_(broken, slice(first, last))
                found.append(
                    Scenario(character, fault, _frame(broken, times, step), trained, first, last)
                )
            yield _frame(state, times, step), trained, found


def _frame(state: Life, times: Ints, step: int) -> Frame:
    names = tuple(spec.name for spec in METRICS)
    return Frame(times, measured(state, step, np.random.default_rng(5)), names, step)
