"""The windows of a trial, read from the service's source in pieces that can be broken off."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace

import numpy as np

from anomaly_dashboard.explore.extent import (
    Extent,
    NothingToTryError,
    begun,
    extent_of,
    pieces,
)
from anomaly_dashboard.explore.job import Job, Raw, Side
from anomaly_dashboard.explore.process import TrialFailedError
from anomaly_dashboard.series.curves import MAX_POINTS
from anomaly_dashboard.series.kept import Kept
from anomaly_dashboard.series.proxy import Column, Proxy, on_one_grid
from anomaly_dashboard.series.sources import Queries, SeriesRefusedError
from detector_runtime.series.frame import Frame

KEPT_SECONDS = 900.0
KEPT_BYTES = 64 * 1024 * 1024
"""One has at most 18 MB, most below two."""
_SETTINGS = ("apiVersion", "kind", "spec")
_RESTLESS = frozenset({"managedFields", "resourceVersion"})
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """One setting to try: the documents, and what they are asked for. `queries` has the spec."""

    label: str
    service: Raw
    policies: tuple[Raw, ...]
    queries: Queries


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """Windows to judge from row `warmup` on; `notes` on how much was read."""

    frame: Frame
    warmup: int
    notes: tuple[str, ...]

    @property
    def bytes(self) -> int:
        undefined = self.frame.undefined
        arrays = (self.frame.times, self.frame.values)
        return sum(one.nbytes for one in arrays) + (0 if undefined is None else undefined.nbytes)


class Reads:
    """What people's pages have read, for their next try on the same windows. One for the
    process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._kept: Kept[Read] = Kept(KEPT_SECONDS, KEPT_BYTES, lambda one: one.bytes, clock)

    def get(self, owner: str, key: Hashable) -> Read | None:
        return self._kept.get((owner, key))

    def put(self, owner: str, key: Hashable, found: Read) -> None:
        self._kept.put((owner, key), found)

    def forget(self, owner: str) -> None:
        """A page that is opened anew wants the last days as they are now."""
        self._kept.forget(lambda key: isinstance(key, tuple) and key[0] == owner)


async def job_of(
    settings: tuple[Setting, ...],
    days: int,
    refit: int,
    proxy: Proxy,
    reads: Reads,
    *,
    owner: str,
    now: float,
    say: Say,
) -> Job:
    """The job that tries each of `settings` over the last `days`. Settings that ask the same share
    what is read, also with the `owner`'s last tries. Raises TrialFailedError."""
    known: dict[object, Read] = {}
    sides = []
    for one in settings:
        queries, spec = one.queries, one.queries.spec
        lookback = spec.training.lookback_seconds
        key = (queries.source, queries.metrics, spec.step_seconds, lookback, days)
        found = known.get(key) or reads.get(owner, key)
        if found is None:
            found = await read(queries, days, proxy, now, say)
            reads.put(owner, key, found)
        known[key] = found
        policies = tuple(_wanted(policy) for policy in one.policies)
        sides.append(Side(one.label, _wanted(one.service), policies, found.frame, found.warmup))
    notes = tuple(dict.fromkeys(note for found in known.values() for note in found.notes))
    return Job(tuple(sides), refit, MAX_POINTS, notes)


def _wanted(document: Raw) -> Raw:
    """Without the status and what else changes of an object while its settings stay."""
    metadata = {key: value for key, value in document["metadata"].items() if key not in _RESTLESS}
    return {**{key: document[key] for key in _SETTINGS if key in document}, "metadata": metadata}


async def read(queries: Queries, days: int, proxy: Proxy, now: float, say: Say) -> Read:
    """The last `days` and what is learned from before them. Raises TrialFailedError."""
    spec = queries.spec
    lookback, delay = spec.training.lookback_seconds, queries.source.delay_seconds
    try:
        extent = extent_of(
            days, lookback, spec.step_seconds, delay, now, metrics=len(queries.metrics)
        )
        frame, warnings = await _frame(queries, extent, proxy, say)
        frame, warmup, note = begun(frame, extent.judged, queries.meta.name)
    except (SeriesRefusedError, NothingToTryError, ValueError) as error:
        raise TrialFailedError(str(error)) from error
    told = (extent.note, note, *warnings)
    return Read(frame, warmup, tuple(text for text in told if text))


async def _frame(
    queries: Queries, extent: Extent, proxy: Proxy, say: Say
) -> tuple[Frame, list[str]]:
    """One query at a time: a trial must not keep charts waiting."""
    columns: list[Column] = []
    warnings: list[str] = []
    for number, metric in enumerate(queries.metrics, start=1):
        say(f"reading {metric.name}, {number} of {len(queries.metrics)}")
        found = [await proxy.fresh(queries, metric, one) for one in pieces(extent.span)]
        warnings += [text for one in found for text in one.warnings]
        columns.append(_joined(found))
    names = tuple(metric.name for metric in queries.metrics)
    frame = on_one_grid(columns, names, extent.span)
    return replace(frame, values=np.ascontiguousarray(frame.values)), list(dict.fromkeys(warnings))


def _joined(found: list[Column]) -> Column:
    values = np.concatenate([one.values for one in found])
    if all(one.undefined is None for one in found):
        return Column(values, None, ())
    parts = [
        np.zeros(len(one.values), dtype=bool) if one.undefined is None else one.undefined
        for one in found
    ]
    return Column(values, np.concatenate(parts), ())
