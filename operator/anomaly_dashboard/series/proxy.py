"""The query proxy: a service's own queries, asked of its source on behalf of whoever may see it.

Who may see it is the page's to check. A query has limits of time, points and bytes; so many run at
a time, and the rest waits its turn or is refused.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from anomaly_dashboard.series.kept import Kept
from anomaly_dashboard.series.sources import MAX_SECONDS, Queries, SeriesRefusedError
from anomaly_dashboard.series.span import Span
from detector_runtime.contract.run_config import MetricSpec
from detector_runtime.errors import RunError
from detector_runtime.series.frame import Floats, Frame
from detector_runtime.sources.prometheus import PrometheusSource

CONCURRENT = 8
MAX_WAITING = 256
"""Queries that wait for one of those; a page has about five."""
KEPT_SECONDS = 60.0
KEPT_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One metric (n,) on the grid of the span; `undefined`: where the source said NaN; `warnings`
    of the source."""

    values: Floats
    undefined: np.ndarray[tuple[int], np.dtype[np.bool_]] | None
    warnings: tuple[str, ...]

    @property
    def bytes(self) -> int:
        return self.values.nbytes + (0 if self.undefined is None else self.undefined.nbytes)


Fetch = Callable[[Queries, MetricSpec, Span, tuple[str, int] | None], Column]


def fetched(
    queries: Queries, metric: MetricSpec, span: Span, api_server: tuple[str, int] | None
) -> Column:
    """One metric, from its source. Blocks. Raises RunError."""
    source = PrometheusSource(
        queries.source,
        (metric,),
        step=span.step,
        mounts=queries.mounts,
        deadline=time.monotonic() + MAX_SECONDS,
        api_server=api_server,
    )
    found = source.fetch(span.start, span.end)
    undefined = found.frame.undefined
    return Column(
        found.frame.values[:, 0], None if undefined is None else undefined[:, 0], found.warnings
    )


class Proxy:
    """One for the process."""

    def __init__(
        self,
        api_server: tuple[str, int] | None = None,
        fetch: Fetch = fetched,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch, self._api_server = fetch, api_server
        self._threads = ThreadPoolExecutor(CONCURRENT, thread_name_prefix="series")
        self._kept: Kept[Column] = Kept(KEPT_SECONDS, KEPT_BYTES, lambda one: one.bytes, clock)
        self._waiting = 0

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def column(self, queries: Queries, metric: MetricSpec, span: Span) -> Column:
        """One metric over `span`, at most a minute old. Raises SeriesRefusedError."""
        # The query beside its name: on Explore one name has several queries under one generation.
        key = (queries.key, queries.source, metric.name, metric.query, span)
        return await self._kept.ask(key, lambda: self.fresh(queries, metric, span))

    async def fresh(self, queries: Queries, metric: MetricSpec, span: Span) -> Column:
        """As `column`, but asked now and not kept: for what is long and read once."""
        if self._waiting >= MAX_WAITING:
            raise SeriesRefusedError(
                f"{MAX_WAITING} queries are waiting for their source already; try again in a moment"
            )
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(
                self._threads, self._fetch, queries, metric, span, self._api_server
            )
        except RunError as error:
            raise SeriesRefusedError(f"metric {metric.name}: {error}") from error
        finally:
            self._waiting -= 1

    async def frame(self, queries: Queries, span: Span) -> tuple[Frame, list[str]]:
        """All metrics of a service; one that its source refuses is a hole and a note."""
        asked = (self.column(queries, metric, span) for metric in queries.metrics)
        found = await asyncio.gather(*asked, return_exceptions=True)
        notes: list[str] = []
        columns: list[Column] = []
        hole = Column(np.full(span.points, np.nan), None, ())
        for one in found:
            if isinstance(one, SeriesRefusedError):
                notes.append(str(one))
                columns.append(hole)
            elif isinstance(one, BaseException):
                raise one
            else:
                notes.extend(one.warnings)
                columns.append(one)
        names = tuple(metric.name for metric in queries.metrics)
        return on_one_grid(columns, names, span), list(dict.fromkeys(notes))


def on_one_grid(columns: list[Column], names: tuple[str, ...], span: Span) -> Frame:
    """The columns side by side."""
    times = np.arange(span.start + span.step, span.end + 1, span.step, dtype=np.int64)
    values = (
        np.column_stack([one.values for one in columns]) if columns else np.empty((len(times), 0))
    )
    if all(one.undefined is None for one in columns):
        return Frame(times, values, names, span.step)
    empty = np.zeros(len(times), dtype=bool)
    undefined = np.column_stack(
        [empty if one.undefined is None else one.undefined for one in columns]
    )
    return Frame(times, values, names, span.step, undefined)
