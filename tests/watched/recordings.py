"""Metrics of a made-up service, calm but for one spell of trouble, as CSV or as span metrics."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

STEP = 15
HISTORY = 5 * 3600
"""Seconds of a recording before now: more than `SERVICE` looks back, so that the model is good."""
COLUMNS = ("request_rate", "application_latency", "error_rate")


@dataclass(frozen=True, slots=True)
class Recording:
    """Unix seconds; trouble lasts from `slow_from` to `slow_until`, end included."""

    start: int
    end: int
    slow_from: int = 0
    slow_until: int = 0
    noise: random.Random = field(default_factory=lambda: random.Random(7))

    def rows(self) -> Iterator[tuple[int, float, float, float]]:
        """Time, requests a second, milliseconds, share of errors."""
        for moment in range(self.start, self.end, STEP):
            slow = self.slow_from < moment <= self.slow_until
            rate = self.noise.gauss(100, 4)
            latency = self.noise.gauss(120, 6) * (9 if slow else 1)
            errors = 0.4 if slow else max(self.noise.gauss(0.002, 0.0005), 0)
            yield moment, rate, latency, errors

    def csv(self) -> str:
        lines = [",".join(("timestamp", *COLUMNS))]
        lines += [f"{at},{rate:.3f},{ms:.3f},{bad:.6f}" for at, rate, ms, bad in self.rows()]
        return "\n".join(lines) + "\n"

    def span_metrics(
        self, service: str
    ) -> Iterator[tuple[Mapping[str, str], list[int], list[float]]]:
        """Counters as the OpenTelemetry span metrics connector writes them, for remote write."""
        times: list[int] = []
        totals: dict[str, list[float]] = {key: [] for key in ("ok", "bad", "ms", "db_ms", "db")}
        sums = dict.fromkeys(totals, 0.0)
        for moment, rate, latency, errors in self.rows():
            calls = rate * STEP
            grown = (calls * (1 - errors), calls * errors, calls * latency, calls * 3.0, calls)
            times.append(moment * 1000)
            for key, more in zip(totals, grown, strict=True):
                sums[key] += more
                totals[key].append(sums[key])
        server = {"service_name": service, "span_kind": "SPAN_KIND_SERVER"}
        client = {"service_name": service, "span_kind": "SPAN_KIND_CLIENT", "db_system": "sql"}
        calls_name = "traces_span_metrics_calls_total"
        took = "traces_span_metrics_duration_milliseconds"
        fine = {**server, "status_code": "STATUS_CODE_OK"}
        bad = {**server, "status_code": "STATUS_CODE_ERROR"}
        all_calls = [a + b for a, b in zip(totals["ok"], totals["bad"], strict=True)]
        yield {"__name__": calls_name, **fine}, times, totals["ok"]
        yield {"__name__": calls_name, **bad}, times, totals["bad"]
        yield {"__name__": f"{took}_sum", **server}, times, totals["ms"]
        yield {"__name__": f"{took}_count", **server}, times, all_calls
        yield {"__name__": f"{took}_sum", **client}, times, totals["db_ms"]
        yield {"__name__": f"{took}_count", **client}, times, totals["db"]
