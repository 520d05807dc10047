"""Range queries against a Prometheus HTTP API, one series for each metric.

Queries are evaluated at the window ends, so that Prometheus' own staleness handling decides what
is a gap. One connection is kept for the whole run, to an address that was checked once.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from detector_runtime.contract.run_config import MetricSpec, SourceSpec
from detector_runtime.http_exchange import Limits
from detector_runtime.series.frame import Floats, Ints, on_grid
from detector_runtime.sources.address_guard import Resolver, system_resolver
from detector_runtime.sources.completeness import Notes, merged
from detector_runtime.sources.fetched import Fetched
from detector_runtime.sources.prometheus_api import PrometheusMounts, open_api
from detector_runtime.sources.prometheus_reply import Samples
from detector_runtime.sources.range_queries import RangeQueries

MAX_CLOCK_SKEW = 60.0
MAX_REMARKS = 3
"""Remarks on queries in a report; they must not crowd out what is wrong with the data."""


class PrometheusSource:
    """A `Source` on `/api/v1/query_range`. `deadline` (time.monotonic) bounds the whole fetch."""

    def __init__(
        self,
        spec: SourceSpec,
        metrics: tuple[MetricSpec, ...],
        *,
        step: int,
        mounts: PrometheusMounts,
        deadline: float,
        api_server: tuple[str, int] | None = None,
        resolve: Resolver = system_resolver,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._metrics = metrics
        self._step = step
        api = open_api(spec, mounts, api_server, resolve)
        self._credentials, self._connection = api.credentials, api.connection
        self._queries = RangeQueries(
            spec,
            step,
            connection=self._connection,
            requests=api.requests,
            credentials=self._credentials,
            limits=Limits(spec.timeout_seconds, deadline, spec.max_response_bytes),
            sleep=sleep,
        )

    def fetch(self, start: int, end: int) -> Fetched:
        """See `Source.fetch`."""
        try:
            found = {one.name: self._queries.samples(one, start, end) for one in self._metrics}
        finally:
            self._connection.close()
        names = tuple(metric.name for metric in self._metrics)
        inside = {name: _for_grid(samples, end) for name, samples in found.items()}
        notes = merged(samples.notes for samples in found.values())
        return Fetched(
            frame=on_grid(inside, names, start, end, self._step),
            warnings=self._warnings(notes),
            partial=bool(notes.gaps),
            duplicates={name: samples.duplicates for name, samples in found.items()},
        )

    def _warnings(self, notes: Notes) -> tuple[str, ...]:
        warnings = [*notes.gaps]
        skew = self._queries.skew
        if abs(skew) > MAX_CLOCK_SKEW:
            warnings.append(
                f"ClockSkew: the source's clock is {abs(skew):.0f} s "
                f"{'ahead of' if skew > 0 else 'behind'} this pod's"
            )
        warnings += notes.remarks[:MAX_REMARKS]
        return tuple(self._credentials.redact(text) for text in warnings)


def _for_grid(samples: Samples, end: int) -> tuple[Ints, Floats]:
    """Times and values of complete windows."""
    # What lies in the future belongs to no complete window.
    known = samples.times <= end
    return samples.times[known], samples.values[known]
