"""The simulated shop as a metrics source shows it: one row a minute, with what is broken when.

History and story are the same numbers in each run and are only stamped with other times, so that
a run differs from the one before by nothing but the product.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from anomaly_sandbox.demo.faults import Fault, FaultKind
from anomaly_sandbox.demo.noise import Floats, Ints, normals, poisson
from anomaly_sandbox.demo.shop import SHOP, Service, Shop
from anomaly_sandbox.demo.simulate import NETWORK_MS, Signals, simulate

STEP = 60
STORY = 60
"""Windows of the story, the last ones of the recording; they are numbered from 1."""
HISTORY = 7 * 1440 + 4 * 60
"""Minutes before the story: more than the 7 days up to which a model is provisional."""
LEAD = 180
"""Minutes before the story in which something may have begun."""
LATELY = 360
"""Minutes: the last hours before the story."""
SEED = 11
_END = 1_700_000_040
_NOISE = 0.02
"""Of a mean over one minute."""


class Column(StrEnum):
    """Metrics of a service. Latency of dependencies and database: time in them per request."""

    RATE = "request_rate"
    LATENCY = "application_latency"
    ERRORS = "error_rate"
    DEPENDENCY = "dependency_latency"
    DATABASE = "database_latency"
    QUEUE = "queue_length"


@dataclass(frozen=True, slots=True)
class Ill:
    """A fault of the simulated service `service` in the windows `first` to `last`."""

    service: str
    kind: FaultKind
    amount: float
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Scaled:
    """A column that the shop's own causes do not explain, times `factor`."""

    column: Column
    factor: float
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Pinned:
    """A column at a quantile of its own history, as far above the middle of its last hours: that is
    where a service stands before a deviation."""

    column: Column
    quantile: float
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Lost:
    """The source has no samples."""

    first: int
    last: int


Change = Ill | Scaled | Pinned | Lost


@dataclass(frozen=True, slots=True, eq=False)
class Recorded:
    """`offsets` (n,): seconds to the end of the story's last window; columns (n,), NaN = missing.
    `total` and `failed` (n,) are counters of requests."""

    offsets: Ints
    columns: Mapping[Column, Floats]
    total: Floats
    failed: Floats


def shop_with(service: str, **traits: float) -> Shop:
    """The shop, one of its services with other traits."""
    changed = (replace(one, **traits) if one.name == service else one for one in SHOP.services)
    return replace(SHOP, services=tuple(changed))


def recorded(shop: Shop, service: str, changes: Iterable[Change]) -> Recorded:
    """All of `service`, with the changes in the story."""
    changes = tuple(changes)
    offsets = STEP * np.arange(1 - HISTORY - STORY, 1, dtype=np.int64)
    times = _END + offsets
    calm = simulate(shop, SEED, times)
    faults = tuple(_fault(one) for one in changes if isinstance(one, Ill))
    part = slice(HISTORY - LEAD, None)
    story = simulate(shop, SEED, times[part], faults)
    signals = {name: _joined(before, story[name], part.start) for name, before in calm.items()}
    spec = next(one for one in shop.services if one.name == service)
    columns, total, failed = _measured(spec, signals, times)
    rows = np.arange(len(offsets)) - (HISTORY - 1)
    for one in changes:
        if isinstance(one, Ill):
            continue
        inside = (rows >= one.first) & (rows <= one.last)
        if isinstance(one, Lost):
            for column in columns.values():
                column[inside] = np.nan
        elif isinstance(one, Scaled):
            columns[one.column][inside] *= one.factor
        else:
            history = columns[one.column][:HISTORY]
            above = np.quantile(history, one.quantile) - np.median(history)
            columns[one.column][inside] = np.median(history[-LATELY:]) + above
    return Recorded(offsets, columns, np.cumsum(total), np.cumsum(failed))


def _fault(ill: Ill) -> Fault:
    begin = _END - (STORY - ill.first) * STEP
    return Fault(
        ill.service, ill.kind, ill.amount, begin, begin + STEP * (ill.last - ill.first + 1)
    )


def _joined(before: Signals, story: Signals, start: int) -> Signals:
    def whole(name: str) -> Floats:
        return np.concatenate([getattr(before, name)[:start], getattr(story, name)])

    return Signals(whole("rate"), whole("latency_ms"), whole("database_ms"), whole("errors"))


def _measured(
    service: Service, signals: Mapping[str, Signals], times: Ints
) -> tuple[dict[Column, Floats], Floats, Floats]:
    """Columns, and how many requests came and failed in each minute."""
    own, index = signals[service.name], times // STEP
    count = poisson(SEED, f"{service.name}/count", index, own.rate * STEP)
    failed = poisson(SEED, f"{service.name}/failed", index, count * own.errors)
    failed = np.minimum(failed, count)

    def mean(name: str, true: Floats) -> Floats:
        return true * np.exp(_NOISE * normals(SEED, f"{service.name}/{name}", index))

    columns = {
        Column.RATE: count / STEP,
        Column.LATENCY: mean("latency", own.latency_ms),
        Column.ERRORS: failed / np.maximum(count, 1.0),
        Column.QUEUE: mean("queue", 40 + 0 * own.rate) + own.rate / 10,
    }
    waits = [
        call.per_request * (signals[call.service].latency_ms + NETWORK_MS) for call in service.calls
    ]
    if waits:
        columns[Column.DEPENDENCY] = mean("dependency", sum(waits[1:], waits[0]))
    if service.database:
        spent = service.queries_per_request * own.database_ms
        columns[Column.DATABASE] = mean("database", spent)
    return columns, count, failed
