"""Turns the shop's signals into the counters that OpenTelemetry's span metrics connector exports.

Names and labels are those of the connector's defaults behind a `traces_span_metrics` namespace, so
that the product's preset reads them as it would read a real service's.
https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/connector/spanmetricsconnector
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anomaly_sandbox.demo.faults import Fault
from anomaly_sandbox.demo.noise import Floats, Ints, normals, poisson
from anomaly_sandbox.demo.shop import Service, Shop
from anomaly_sandbox.demo.simulate import NETWORK_MS, Signals, simulate

TICK_SECONDS = 15
"""Counters are read that often, in history and live alike: where the distance of samples changes,
`rate` misjudges the two windows around it by a third."""

CALLS = "traces_span_metrics_calls_total"
DURATION = "traces_span_metrics_duration_milliseconds"
_BOUNDS_MS = (10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0)
_SPREAD = 0.6
"""Standard deviation of the logarithm of one request's duration."""

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Spans:
    """One kind of span: labels, and per tick (n,) how many began, how many failed, how long."""

    labels: Labels
    rate: Floats
    errors: Floats
    latency_ms: Floats
    buckets: bool


def increments(
    shop: Shop, seed: int, ticks: Ints, faults: tuple[Fault, ...] = ()
) -> tuple[tuple[Labels, ...], Floats]:
    """Labels of m series and (n, m): by how much each counter grows in the tick ending at `ticks`.

    `ticks` (n,) are unix seconds, multiples of TICK_SECONDS. The labels and their order depend on
    the shop alone.
    """
    signals = simulate(shop, seed, ticks, faults)
    labels: list[Labels] = []
    columns: list[Floats] = []
    for service in shop.services:
        for spans in _spans_of(service, signals):
            for series, growth in _counters(spans, seed, ticks):
                labels.append(series)
                columns.append(growth)
    return tuple(labels), np.stack(columns, axis=1)


def _spans_of(service: Service, signals: Mapping[str, Signals]) -> Iterator[_Spans]:
    own = signals[service.name]
    name = {"service_name": service.name}
    yield _Spans(
        {**name, "span_kind": "SPAN_KIND_SERVER", "span_name": f"{service.name} request"},
        own.rate,
        own.errors,
        own.latency_ms,
        buckets=True,
    )
    for call in service.calls:
        callee = signals[call.service]
        yield _Spans(
            {**name, "span_kind": "SPAN_KIND_CLIENT", "span_name": f"call {call.service}"},
            own.rate * call.per_request,
            callee.errors,
            callee.latency_ms + NETWORK_MS,
            buckets=False,
        )
    if service.database:
        yield _Spans(
            {
                **name,
                "span_kind": "SPAN_KIND_CLIENT",
                "span_name": f"query {service.database}",
                "db_system": service.database,
            },
            own.rate * service.queries_per_request,
            np.zeros(len(own.rate)),
            own.database_ms,
            buckets=False,
        )


def _counters(spans: _Spans, seed: int, ticks: Ints) -> Iterator[tuple[Labels, Floats]]:
    channel = "/".join(spans.labels[key] for key in ("service_name", "span_name"))
    index = ticks // TICK_SECONDS
    for status, share in (("UNSET", 1 - spans.errors), ("ERROR", spans.errors)):
        labels = {**spans.labels, "status_code": f"STATUS_CODE_{status}"}
        mean = spans.rate * TICK_SECONDS * share
        count = poisson(seed, f"{channel}/{status}", index, mean)
        wobble = normals(seed, f"{channel}/{status}/sum", index) * _SPREAD
        total = count * spans.latency_ms + np.sqrt(count) * spans.latency_ms * wobble
        yield {**labels, "__name__": CALLS}, count
        yield {**labels, "__name__": f"{DURATION}_count"}, count
        yield {**labels, "__name__": f"{DURATION}_sum"}, np.maximum(total, 0.0)
        if spans.buckets:
            for bound, below in _buckets(spans.latency_ms):
                name = f"{DURATION}_bucket"
                yield {**labels, "__name__": name, "le": bound}, np.rint(count * below)


def _buckets(mean_ms: Floats) -> Iterator[tuple[str, Floats]]:
    """Upper bound and share (n,) of requests under it, for log-normal durations of that mean."""
    middle = np.log(np.maximum(mean_ms, 1e-9)) - _SPREAD**2 / 2
    for bound in _BOUNDS_MS:
        yield f"{bound:g}", _normal_cdf((np.log(bound) - middle) / _SPREAD)
    yield "+Inf", np.ones(len(mean_ms))


def _normal_cdf(x: NDArray[np.float64]) -> Floats:
    """Logistic approximation of the normal distribution function, off by 0.01 at most
    (Bowling et al. 2009: 1 / (1 + exp(-1.702 x)))."""
    result: Floats = 1 / (1 + np.exp(-1.702 * x))
    return result
