"""What Prometheus reads of the server: requests, answers, and which model gives them."""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from detector_runtime.serving.current import CurrentModel

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Measures:
    """A registry of its own, so that two servers in one process count apart."""

    def __init__(self, current: CurrentModel) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "anomaly_serving_requests",
            "Requests by path and status code",
            ["path", "code"],
            registry=self._registry,
        )
        self.seconds = Histogram(
            "anomaly_serving_request_seconds",
            "Time from the request's head to the end of the answer",
            ["path"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.inference = Histogram(
            "anomaly_serving_inference_seconds",
            "Time of the model alone, a request or a job",
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.observations = Counter(
            "anomaly_serving_observations", "Observations judged", registry=self._registry
        )
        self.anomalies = Counter(
            "anomaly_serving_anomalies", "Observations found anomalous", registry=self._registry
        )
        self.in_progress = Gauge(
            "anomaly_serving_requests_in_progress",
            "Requests let in and not yet answered",
            registry=self._registry,
        )
        self._registry.register(_ModelState(current))
        ProcessCollector(registry=self._registry)

    def text(self) -> bytes:
        return generate_latest(self._registry)


class _ModelState(Collector):
    """Read at each scrape, as it stands."""

    def __init__(self, current: CurrentModel) -> None:
        self._current = current

    def collect(self) -> list[GaugeMetricFamily | CounterMetricFamily]:
        model = self._current.model
        info = GaugeMetricFamily(
            "anomaly_serving_model_info", "The revision that answers", labels=["revision"]
        )
        if model is not None:
            info.add_metric([model.served.revision], 1)
        failed = 1.0 if self._current.error else 0.0
        return [
            info,
            GaugeMetricFamily(
                "anomaly_serving_model_outdated",
                "1 while the revision that the operator names does not answer",
                failed,
            ),
            CounterMetricFamily(
                "anomaly_serving_model_load_failures",
                "Loads that failed",
                self._current.failures,
            ),
            CounterMetricFamily(
                "anomaly_serving_model_swaps", "Revisions swapped", self._current.swaps
            ),
        ]
