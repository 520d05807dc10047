"""What the operator tells Prometheus about itself, in a registry of its own.

Names and labels are an interface: the chart's dashboard and alerts use them. No label carries a
name of a user's object but that of a namespace, so the number of series grows with teams and not
with what they watch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_P = "anomaly_operator_"

Read = Callable[[], float | Mapping[str, float] | Mapping[tuple[str, ...], float]]


class Metrics:
    """All series of the operator; a method records an event."""

    def __init__(self, version: str) -> None:
        # Else each counter gets a second series, which nobody reads. The function is not annotated.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        GCCollector(registry=registry)
        self.leader = Gauge(f"{_P}leader", "1 while this replica leads", registry=registry)
        self.watch_restarts = Counter(
            f"{_P}watch_restarts", "Watches that ended and were restarted", registry=registry
        )
        self.queue_seconds = Histogram(
            f"{_P}workqueue_queue_duration_seconds",
            "Time a key waited in the queue after it was due",
            buckets=_SECONDS,
            registry=registry,
        )
        self.retries = Counter(
            f"{_P}workqueue_retries", "Keys queued again after a failure", registry=registry
        )
        self.reconcile_seconds = Histogram(
            f"{_P}reconcile_duration_seconds",
            "Duration of a reconcile including its writes",
            ["kind"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.reconciles = Counter(
            f"{_P}reconciles", "Reconciles by result", ["kind", "result"], registry=registry
        )
        self.detection_seconds = Histogram(
            f"{_P}detection_fold_duration_seconds",
            "Time from a detection in the watch to the end of its reconcile",
            buckets=_SECONDS,
            registry=registry,
        )
        self.api_requests = Counter(
            f"{_P}api_requests",
            "Requests to the API server; code 0 means no response",
            ["verb", "resource", "code"],
            registry=registry,
        )
        self.api_seconds = Histogram(
            f"{_P}api_request_duration_seconds",
            "Time to the last byte of a response",
            ["verb"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.trainings = Counter(
            f"{_P}trainings", "Training Jobs that ended", ["outcome"], registry=registry
        )
        self.incidents_opened = Counter(
            f"{_P}incidents_opened", "Incidents opened", ["severity"], registry=registry
        )
        self.incidents_reopened = Counter(
            f"{_P}incidents_reopened",
            "Closed incidents reopened",
            ["severity"],
            registry=registry,
        )
        self.incidents_closed = Counter(
            f"{_P}incidents_closed", "Incidents closed", ["severity"], registry=registry
        )
        self.suspensions = Counter(
            f"{_P}suspensions",
            "Decisions on suspending a training workload by outcome",
            ["outcome"],
            registry=registry,
        )
        self.removed_early = Counter(
            f"{_P}anomalies_removed_early",
            "Closed Anomaly objects removed before their retention ended, to make room",
            ["namespace"],
            registry=registry,
        )
        self.events = Counter(f"{_P}events", "Events posted", ["reason"], registry=registry)
        self.events_dropped = Counter(
            f"{_P}events_dropped", "Events not posted", ["cause"], registry=registry
        )
        self.notifications = Counter(
            f"{_P}notifications",
            "Requests to receivers by result: delivered, repeated, failed, refused",
            ["receiver", "result"],
            registry=registry,
        )
        self.cache_changes = Counter(
            f"{_P}cache_changes", "Changes applied to the cache", ["kind"], registry=registry
        )
        self.ghosts = Counter(
            f"{_P}cache_ghosts",
            "Deleted objects found only by a full list",
            ["kind"],
            registry=registry,
        )
        self.missed = Counter(
            f"{_P}cache_missed", "Changes found only by a full list", ["kind"], registry=registry
        )
        self.left_out = Counter(
            f"{_P}objects_left_out",
            "Objects not taken in: larger than 8 MiB, or too much in their namespace",
            ["kind"],
            registry=registry,
        )
        build = Gauge(f"{_P}build_info", "Always 1", ["version"], registry=registry)
        build.labels(version).set(1)

    def request(self, verb: str, resource: str, code: str, seconds: float) -> None:
        """A request to the API server ended; `code` is the HTTP status, `0` without an answer."""
        self.api_requests.labels(verb, resource, code).inc()
        self.api_seconds.labels(verb).observe(seconds)

    def leave_out(self, kind: str) -> None:
        """An object is too large, or one too many in its namespace."""
        self.left_out.labels(kind).inc()

    def add_gauge(self, name: str, text: str, read: Read, *labels: str) -> None:
        """A gauge that is read when somebody asks: a number, or numbers by the values of `labels`
        (of one label: by its value alone).
        """
        self.registry.register(_Live(f"{_P}{name}", text, read, labels))

    def exposition(self) -> bytes:
        """All series in the text format."""
        return generate_latest(self.registry)


class _Live(Collector):
    def __init__(self, name: str, text: str, read: Read, labels: Sequence[str]) -> None:
        self._name, self._text, self._read, self._labels = name, text, read, labels

    def describe(self) -> Iterable[Metric]:
        # Else registering would read the gauge before what it reads is there.
        return [GaugeMetricFamily(self._name, self._text)]

    def collect(self) -> Iterable[Metric]:
        family = GaugeMetricFamily(self._name, self._text, labels=self._labels)
        value = self._read()
        if isinstance(value, Mapping):
            for key, number in sorted(value.items()):
                family.add_metric([key] if isinstance(key, str) else key, number)
        else:
            family.add_metric([], value)
        yield family
