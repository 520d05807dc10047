"""Generated services: microservices with five metrics, mostly quiet, and a known fault each.

Public recordings are servers full of incidents. A fleet is the opposite: many small services on
which hardly anything happens for days, and on which every false incident is noticed. What is
generated here is harder than white noise (rhythm, batch jobs, restarts, growth, few requests), so
that quiet does not mean easy, and every fault is known to the window.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from detector_runtime.contract.run_config import MetricSpec, PeriodSpec
from detector_runtime.contract.vocabulary import Direction, Role, Unit
from detector_runtime.series.frame import Floats, Frame, Ints

EPOCH = 1_699_488_000
"""2023-11-09, a Thursday, 00:00 UTC."""
DAY = 86_400
QUIET_DAYS, FAULT_DAYS = 3, 1
METRICS = (
    MetricSpec("traffic", Role.TRAFFIC, "", Unit.NONE, Direction.BOTH),
    MetricSpec("latency", Role.LATENCY, "", Unit.SECONDS, Direction.UP),
    MetricSpec("errors", Role.ERRORS, "", Unit.RATIO, Direction.UP),
    MetricSpec("dependency", Role.DEPENDENCY_LATENCY, "", Unit.SECONDS, Direction.UP),
    MetricSpec("database", Role.DATABASE_LATENCY, "", Unit.SECONDS, Direction.UP),
)
ALWAYS = PeriodSpec("always", tuple(range(7)), 0, 0, 1.0)
"""One period for the whole week."""


class Character(StrEnum):
    """What the service is like when all is well."""

    STEADY = "steady"
    DAILY = "daily rhythm"
    WEEKLY = "weekly rhythm"
    BURSTY = "batch jobs"
    SPARSE = "few requests"
    NOISY = "noisy"
    DRIFTING = "drifting"
    RESTARTS = "restarts"


class FaultKind(StrEnum):
    LATENCY = "latency x3"
    ERRORS = "errors 20 %"
    DROP = "traffic to a fifth"
    SURGE = "traffic x4"
    DATABASE = "database x5"
    LEAK = "saturation, rising"
    FREEZE = "frozen values"


@dataclass(frozen=True, slots=True, eq=False)
class GeneratedService:
    """`frame`: history up to row `warmup`, then quiet days, then a day with the fault in rows
    [first, last)."""

    name: str
    character: Character
    fault: FaultKind
    frame: Frame
    warmup: int
    first: int
    last: int

    @property
    def labels(self) -> NDArray[np.bool_]:
        rows = np.arange(len(self.frame))
        return (rows >= self.first) & (rows < self.last)


def services(count: int = 40, seed: int = 20231109) -> Iterator[GeneratedService]:
    """`count` services, the characters in turn; equal arguments, equal services."""
    characters, faults = list(Character), list(FaultKind)
    for index in range(count):
        rng = np.random.default_rng([seed, index])
        yield _service(index, characters[index % len(characters)], faults[index % len(faults)], rng)


def _service(
    index: int, character: Character, fault: FaultKind, rng: np.random.Generator
) -> GeneratedService:
    step = int(rng.choice([60, 120]))
    history = int(rng.choice([2, 3, 5, 7, 10, 14]))
    begin = EPOCH + int(rng.integers(0, 7)) * DAY
    rows = (history + QUIET_DAYS + FAULT_DAYS) * DAY // step
    times = begin + step * np.arange(1, rows + 1, dtype=np.int64)
    life = lived(character, times, step, rng)
    fault_day = (history + QUIET_DAYS) * DAY // step
    first = fault_day + int(rng.integers(2 * 3600 // step, 20 * 3600 // step))
    last = first + int(rng.integers(25 * 60 // step, 70 * 60 // step))
    _break(life, fault, slice(first, last))
    values = measured(life, step, rng)
    if fault is FaultKind.FREEZE:
        values[first:last] = values[first - 1]
    frame = Frame(times, values, tuple(spec.name for spec in METRICS), step)
    name = f"{index:02d} {character.value}"
    return GeneratedService(name, character, fault, frame, history * DAY // step, first, last)


@dataclass(slots=True, eq=False)
class Life:
    """True state per window (n,): requests a second, seconds, share of failed requests."""

    rate: Floats
    own: Floats
    dependency: Floats
    database: Floats
    errors: Floats
    heavy: float


def lived(character: Character, times: Ints, step: int, rng: np.random.Generator) -> Life:
    n = len(times)
    days = (times - times[0]) / DAY
    rate = np.full(n, float(np.exp(rng.uniform(np.log(5), np.log(200)))))
    own = np.full(n, float(rng.uniform(0.01, 0.08)))
    dependency = np.full(n, float(rng.uniform(0.02, 0.1)))
    database = np.full(n, float(rng.uniform(0.002, 0.02)))
    errors = np.full(n, float(np.exp(rng.uniform(np.log(2e-4), np.log(5e-3)))))
    sway, heavy = 0.04, 0.0
    hour = 2 * np.pi * (times % DAY) / DAY
    if character in (Character.DAILY, Character.WEEKLY, Character.DRIFTING, Character.RESTARTS):
        depth = rng.uniform(0.25, 0.6)
        rate = rate * (1 - depth * np.cos(hour - rng.uniform(0, 1)))
    if character is Character.WEEKLY:
        weekend = (times // DAY + 3) % 7 >= 5
        rate = rate * np.where(weekend, 0.6, 1.0)
    if character is Character.SPARSE:
        rate = rate * 0.0 + rng.uniform(0.05, 0.4)
        rate = rate * (1 - 0.5 * np.cos(hour))
    if character is Character.NOISY:
        sway, heavy = 0.12, 1.0
    if character is Character.DRIFTING:
        growth = rng.uniform(0.01, 0.03)
        rate, database = rate * (1 + growth) ** days, database * (1 + 1.5 * growth) ** days
    load = rate / rate.mean()
    rate = rate * _sway(n, step, rng, sway)
    own = own * (0.8 + 0.2 * load) * _sway(n, step, rng, sway)
    dependency = dependency * _sway(n, step, rng, sway)
    database = database * (0.85 + 0.15 * load) * _sway(n, step, rng, sway)
    errors = errors * _sway(n, step, rng, 3 * sway)
    life = Life(rate, own, dependency, database, errors, heavy)
    if character is Character.BURSTY:
        _bursts(life, times, step, rng)
    if character is Character.RESTARTS:
        _restarts(life, step, rng)
    return life


def _bursts(life: Life, times: Ints, step: int, rng: np.random.Generator) -> None:
    """A job every few hours, ten minutes or so, a little off the clock, of varying weight."""
    every = int(rng.choice([2, 3, 6])) * 3600
    for start in range(int(times[0]), int(times[-1]), every):
        at = int((start - times[0]) // step + rng.integers(0, 5 * 60 // step + 1))
        part = slice(at, at + int(rng.integers(8, 15)) * 60 // step)
        weight = rng.uniform(0.7, 1.3)
        life.rate[part] *= 1 + 1.2 * weight
        life.database[part] *= 1 + 0.8 * weight


def _restarts(life: Life, step: int, rng: np.random.Generator) -> None:
    """A new version every day or so: a cold cache for some minutes."""
    row = 0
    while True:
        row += int(rng.exponential(1.2 * DAY) // step) + 4 * 3600 // step
        if row >= len(life.rate):
            return
        minutes = int(rng.integers(3, 8))
        cold = slice(row, row + max(minutes * 60 // step, 1))
        life.own[cold] *= rng.uniform(1.3, 1.9)
        life.database[cold] *= rng.uniform(1.2, 1.6)
        life.errors[row : row + 1] += rng.uniform(0.0, 0.01)


def _sway(n: int, step: int, rng: np.random.Generator, share: float) -> Floats:
    """(n,) a factor around 1 that wanders over minutes and hours."""
    total = np.zeros(n)
    for seconds, weight in ((120, 0.5), (900, 0.6), (4 * 3600, 0.6)):
        keep = float(np.exp(-step / seconds))
        shocks = rng.standard_normal(n) * np.sqrt(1 - keep * keep)
        out = np.empty(n)
        level = float(rng.standard_normal())
        for row in range(n):
            level = keep * level + float(shocks[row])
            out[row] = level
        total += weight * out
    factor: Floats = np.exp(share * total)
    return factor


def _break(life: Life, fault: FaultKind, rows: slice) -> None:
    if fault is FaultKind.LATENCY:
        life.own[rows] *= 3.0
        life.dependency[rows] *= 3.0
    elif fault is FaultKind.ERRORS:
        life.errors[rows] = 0.2
    elif fault is FaultKind.DROP:
        life.rate[rows] *= 0.2
    elif fault is FaultKind.SURGE:
        life.rate[rows] *= 4.0
        life.own[rows] *= 1.5
        life.database[rows] *= 1.4
    elif fault is FaultKind.DATABASE:
        life.database[rows] *= 5.0
    elif fault is FaultKind.LEAK:
        rise = np.linspace(1.0, 5.0, len(life.own[rows]))
        life.own[rows] *= rise
        life.errors[rows] += 0.01 * (rise - 1)


def measured(life: Life, step: int, rng: np.random.Generator) -> Floats:
    """(n, 5) what a scrape shows: counts of requests, means over them, shares of them.

    Without a request in a window there is no latency and no share; nothing is zero for that.
    """
    n = len(life.rate)
    count = rng.poisson(life.rate * step).astype(np.float64)
    spread = 0.6 / np.sqrt(np.maximum(count, 1.0))
    tail = np.where(rng.random(n) < 0.004 * life.heavy, rng.pareto(2.5, n) * 0.4, 0.0)

    def mean(true: Floats, floor: float) -> Floats:
        noise = rng.standard_normal(n) * np.hypot(spread, floor)
        return true * np.exp(noise) * (1 + tail)

    database = mean(life.database, 0.02)
    latency = mean(life.own + 0.4 * life.dependency, 0.015) + 2 * database
    dependency = mean(life.dependency, 0.03)
    failed = rng.binomial(count.astype(np.int64), np.clip(life.errors, 0.0, 1.0))
    ratio = failed / np.maximum(count, 1.0)
    values = np.column_stack([count / step, latency, ratio, dependency, database])
    values[count == 0, 1:] = np.nan
    return values
