"""Range queries against a Prometheus HTTP API, one series for each metric.

Queries are evaluated at the window ends, so that Prometheus' own staleness handling decides what
is a gap. Long spans go in chunks below Prometheus' limit of points per series. One connection is
kept for the whole run, to an address that was checked once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import numpy as np

from detector_runtime.contract.run_config import MetricSpec, SourceSpec
from detector_runtime.errors import ResponseTooLargeError, SourceUnavailableError
from detector_runtime.http_exchange import (
    BodyTooLargeError,
    ExchangeFailedError,
    Limits,
    Reply,
    Request,
    exchange,
    http_date,
    with_retries,
)
from detector_runtime.series.frame import on_grid
from detector_runtime.sources.address_guard import (
    GuardRules,
    Resolver,
    check_url,
    system_resolver,
)
from detector_runtime.sources.auth import load_credentials
from detector_runtime.sources.connection import connect_checked
from detector_runtime.sources.fetched import Fetched
from detector_runtime.sources.prometheus_reply import Samples, parse_range, refused

MAX_POINTS = 11_000
"""Prometheus refuses a range query of more points per series."""
MAX_CLOCK_SKEW = 60.0
_LONGEST_GET = 2_000


@dataclass(frozen=True, slots=True)
class PrometheusMounts:
    """Where the Secret and the CA bundle of the source are mounted."""

    auth: Path
    ca: Path


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
        self._spec = spec
        self._metrics = metrics
        self._step = step
        self._sleep = sleep
        self._credentials = load_credentials(spec, mounts.auth)
        rules = GuardRules(spec.allow_loopback, spec.denied_cidrs, api_server)
        self._endpoint = check_url(spec.url, rules, resolve)
        ca_file = mounts.ca / "ca.crt" if spec.custom_ca else None
        self._connection = connect_checked(self._endpoint, ca_file)
        self._limits = Limits(spec.timeout_seconds, deadline, spec.max_response_bytes)
        self._skew = 0.0

    def fetch(self, start: int, end: int) -> Fetched:
        """See `Source.fetch`."""
        try:
            found = {metric.name: self._metric(metric, start, end) for metric in self._metrics}
        finally:
            self._connection.close()
        names = tuple(metric.name for metric in self._metrics)
        inside = {name: _within(samples, end) for name, samples in found.items()}
        said = dict.fromkeys(text for samples in found.values() for text in samples.warnings)
        warnings = [self._credentials.redact(text) for text in said]
        if abs(self._skew) > MAX_CLOCK_SKEW:
            warnings.append(
                f"ClockSkew: the source's clock is {abs(self._skew):.0f} s "
                f"{'ahead of' if self._skew > 0 else 'behind'} this pod's"
            )
        return Fetched(
            frame=on_grid(inside, names, start, end, self._step),
            warnings=tuple(warnings),
            partial=any(not text.startswith("PromQL warning") for text in said),
            duplicates={name: samples.duplicates for name, samples in found.items()},
        )

    def _metric(self, metric: MetricSpec, start: int, end: int) -> Samples:
        parts = [self._chunk(metric, *span) for span in chunks(start, end, self._step)]
        return Samples(
            np.concatenate([part.times for part in parts] or [np.empty(0, np.int64)]),
            np.concatenate([part.values for part in parts] or [np.empty(0)]),
            sum(part.duplicates for part in parts),
            tuple(dict.fromkeys(text for part in parts for text in part.warnings)),
        )

    def _chunk(self, metric: MetricSpec, first: int, last: int) -> Samples:
        parameters = {
            "query": metric.query,
            "start": first,
            "end": last,
            "step": self._step,
            "timeout": f"{self._limits.timeout:g}s",
        }
        request = self._request(urlencode(parameters))
        try:
            reply = with_retries(
                lambda: exchange(self._connection, request, self._limits),
                self._limits.deadline,
                self._sleep,
            )
        except ExchangeFailedError as error:
            raise SourceUnavailableError(
                f"source {self._spec.name!r} at {self._endpoint.origin}: {error}"
            ) from error
        except BodyTooLargeError as error:
            raise ResponseTooLargeError(
                f"metric {metric.name!r}: the source's answer exceeds "
                f"{self._limits.max_bytes} bytes; narrow the query or raise maxResponseBytes"
            ) from error
        return self._read(reply, metric)

    def _request(self, encoded: str) -> Request:
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        if self._credentials.header:
            headers["Authorization"] = self._credentials.header
        path = f"{self._endpoint.path}/api/v1/query_range"
        # Read-only gateways often let only GET pass; long queries do not fit into a request line.
        if len(encoded) <= _LONGEST_GET:
            return Request("GET", f"{path}?{encoded}", headers)
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        return Request("POST", path, headers, encoded.encode("ascii"))

    def _read(self, reply: Reply, metric: MetricSpec) -> Samples:
        if reply.status != 200:
            body = self._credentials.redact(reply.body.decode("utf-8", "replace"))
            raise refused(reply.status, body.encode(), metric.name, metric.query, self._spec.name)
        if reply.headers.get("content-encoding", "identity") != "identity":
            raise SourceUnavailableError(
                f"source {self._spec.name!r} compresses an answer that was asked for plain"
            )
        stamp = http_date(reply.headers.get("date", ""))
        if stamp is not None:
            skew = stamp - time.time()
            self._skew = skew if abs(skew) > abs(self._skew) else self._skew
        return parse_range(reply.body, metric.name, metric.query)


def chunks(start: int, end: int, step: int) -> Iterator[tuple[int, int]]:
    """(first, last) window end of each range query for the windows in (start, end]."""
    first = (start // step + 1) * step
    last = end // step * step
    width = (MAX_POINTS - 1) * step
    while first <= last:
        stop = min(first + width, last)
        yield first, stop
        first = stop + step


def _within(samples: Samples, end: int) -> tuple[np.ndarray, np.ndarray]:
    # What lies in the future belongs to no complete window.
    known = samples.times <= end
    return samples.times[known], samples.values[known]
