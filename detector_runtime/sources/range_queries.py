"""Asks one source for the values of a query over a span, in as many range queries as that takes.

What the source refuses as too long is asked for in shorter spans, and what it takes is remembered
for the queries that follow. A wrong query fails at once, an outage is tried again, and no refused
span is asked for twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from http.client import HTTPConnection

import numpy as np

from detector_runtime.contract.run_config import MetricSpec, SourceSpec
from detector_runtime.errors import ResponseTooLargeError, RunError, SourceUnavailableError
from detector_runtime.http_exchange import (
    BodyTooLargeError,
    ExchangeFailedError,
    Limits,
    Reply,
    exchange,
    http_date,
    with_retries,
)
from detector_runtime.sources.auth import Credentials
from detector_runtime.sources.completeness import merged
from detector_runtime.sources.limits import Limit, LimitKind, limit_of
from detector_runtime.sources.prometheus_reply import Samples, parse_range
from detector_runtime.sources.range_request import RangeRequests
from detector_runtime.sources.refusal import answer_status, beyond_limit, message, refused
from detector_runtime.sources.spans import chunks, fewer_windows, length, most_windows


class _SpanRefusedError(Exception):
    """The source may take a shorter span. `final`: the error to end with when there is none."""

    def __init__(self, limit: Limit, final: RunError | None = None) -> None:
        super().__init__(limit.said)
        self.limit = limit
        self.final = final


class RangeQueries:
    """`limits.deadline` (time.monotonic) bounds all queries together. `skew`: the farthest that the
    source's clock was seen ahead of ours, in seconds; negative when behind.
    """

    def __init__(
        self,
        spec: SourceSpec,
        step: int,
        *,
        connection: HTTPConnection,
        requests: RangeRequests,
        credentials: Credentials,
        limits: Limits,
        sleep: Callable[[float], None],
    ) -> None:
        self._spec = spec
        self._connection = connection
        self._requests = requests
        self._credentials = credentials
        self._limits = limits
        self._step = step
        self._sleep = sleep
        self._windows = most_windows(step, spec.limits)
        self._refusal: _SpanRefusedError | None = None
        self.skew = 0.0

    def samples(self, metric: MetricSpec, start: int, end: int) -> Samples:
        """For the windows with start < end-of-window <= end, unix seconds. RunError else."""
        parts: list[Samples] = []
        since: int | None = start
        while since is not None:
            since = self._ask(metric, since, end, parts)
        return Samples(
            np.concatenate([part.times for part in parts] or [np.empty(0, np.int64)]),
            np.concatenate([part.values for part in parts] or [np.empty(0)]),
            sum(part.duplicates for part in parts),
            merged(part.notes for part in parts),
        )

    def _ask(self, metric: MetricSpec, since: int, end: int, parts: list[Samples]) -> int | None:
        """Add the answers for (since, end] to `parts`. When a span is refused: from where to go on
        in shorter ones.
        """
        for first, last in chunks(since, end, self._step, self._windows):
            try:
                parts.append(self._read(self._reply(metric, first, last), metric))
            except _SpanRefusedError as refusal:
                tried = self._count(first, last)
                fewer = fewer_windows(tried, self._step, refusal.limit.kind)
                if fewer is None or self._late():
                    raise self._given_up(refusal, metric, tried) from refusal
                self._windows, self._refusal = fewer, refusal
                return first - self._step
        return None

    def _reply(self, metric: MetricSpec, first: int, last: int) -> Reply:
        request = self._requests.request(
            metric.query, first, last, self._step, self._limits.timeout
        )
        tried = self._count(first, last)
        # What timed out may pass the next time; a long span hardly ever does, nor a slow source.
        slow = self._refusal is not None and self._refusal.limit.kind is LimitKind.TIME
        long = slow or fewer_windows(tried, self._step, LimitKind.TIME) is not None

        def attempt() -> Reply:
            try:
                reply = exchange(self._connection, request, self._limits)
            except ExchangeFailedError as error:
                if error.late and long:
                    limit = Limit(LimitKind.TIME, str(error), "timeout")
                    raise _SpanRefusedError(limit) from error
                raise
            found = limit_of(answer_status(reply), message(self._body(reply)))
            if found is not None and (long or found.kind is not LimitKind.TIME):
                raise _SpanRefusedError(found)
            return reply

        try:
            return with_retries(attempt, self._limits.deadline, self._sleep)
        except ExchangeFailedError as error:
            if self._refusal is not None and self._late():
                raise self._given_up(self._refusal, metric, tried) from error
            raise SourceUnavailableError(
                f"source {self._spec.name!r} at {self._requests.origin}: {error}"
            ) from error
        except BodyTooLargeError as error:
            final = ResponseTooLargeError(
                f"metric {metric.name!r}: the source's answer exceeds "
                f"{self._limits.max_bytes} bytes; narrow the query or raise maxResponseBytes"
            )
            raise _SpanRefusedError(Limit(LimitKind.AMOUNT, str(final)), final) from error

    def _read(self, reply: Reply, metric: MetricSpec) -> Samples:
        if answer_status(reply) != 200:
            raise refused(
                reply.status, self._body(reply), metric.name, metric.query, self._spec.name
            )
        if reply.headers.get("content-encoding", "identity") != "identity":
            raise SourceUnavailableError(
                f"source {self._spec.name!r} compresses an answer that was asked for plain"
            )
        stamp = http_date(reply.headers.get("date", ""))
        if stamp is not None:
            skew = stamp - time.time()
            self.skew = skew if abs(skew) > abs(self.skew) else self.skew
        harmless = self._spec.request.harmless_warnings if self._spec.request else ()
        return parse_range(reply.body, metric.name, metric.query, reply.headers, harmless)

    def _given_up(self, refusal: _SpanRefusedError, metric: MetricSpec, tried: int) -> RunError:
        if refusal.final is not None:
            return refusal.final
        span = f"{length(tried, self._step)} at a step of {self._step} s"
        if self._late():
            span += ", and the time for shorter spans is up"
        return beyond_limit(refusal.limit, span, metric.name, self._spec.name)

    def _late(self) -> bool:
        return time.monotonic() >= self._limits.deadline

    def _count(self, first: int, last: int) -> int:
        return (last - first) // self._step + 1

    def _body(self, reply: Reply) -> bytes:
        if answer_status(reply) == 200:
            return b""
        return self._credentials.redact(reply.body.decode("utf-8", "replace")).encode()
