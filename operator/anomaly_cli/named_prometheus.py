"""A service's own queries, asked of a Prometheus that the user names.

A source of the cluster is never asked: its address may not be reachable from here, and its
credentials are not ours.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from anomaly_cli.local_time import UTC
from anomaly_cli.recording import Recording, RecordingError
from anomaly_cli.sampling import Sampling
from anomaly_operator.api.fields import SpecError
from anomaly_operator.manifests.metric_queries import resolve_metrics
from anomaly_operator.settings.values import MetricsSource
from anomaly_operator.spec.service import ServiceSpec
from detector_runtime.contract.run_config import MetricSpec, SourceSpec
from detector_runtime.contract.text import iso
from detector_runtime.contract.vocabulary import SourceType
from detector_runtime.errors import RunError
from detector_runtime.sources.fetched import Fetched
from detector_runtime.sources.prometheus import PrometheusSource
from detector_runtime.sources.prometheus_api import PrometheusMounts

DAY = 86_400
FETCH_SECONDS = 300.0
_NOWHERE = Path("/nonexistent")
_OPTION = "--source-url"


def metrics_at(url: str, spec: ServiceSpec, namespace: str, name: str) -> tuple[MetricSpec, ...]:
    """The metrics of a service as they are queried at `url`. Raises RecordingError."""
    try:
        source = MetricsSource(_OPTION, SourceType.PROMETHEUS, url=url)
        return resolve_metrics(spec, source, namespace, name)
    except SpecError as error:
        raise RecordingError(f"{_OPTION} {url}: {error}") from error


def fetch(
    url: str, metrics: tuple[MetricSpec, ...], step: int, span: tuple[int, int], seconds: float
) -> Fetched:
    """The windows of `step` seconds that end in `span` (unix seconds, the first excluded), within
    `seconds`. Raises RecordingError."""
    # The user's own choice, and often a port that is forwarded to this machine.
    source = SourceSpec(_OPTION, SourceType.PROMETHEUS, url, allow_loopback=True)
    try:
        return PrometheusSource(
            source,
            metrics,
            step=step,
            mounts=PrometheusMounts(_NOWHERE, _NOWHERE),
            deadline=time.monotonic() + seconds,
        ).fetch(*span)
    except RunError as error:
        raise RecordingError(f"{_OPTION} {url}: {error}") from error


def recorded(url: str, days: int, spec: ServiceSpec, namespace: str, name: str) -> Recording:
    """The metrics of a service over the last `days`, as a recording. Raises RecordingError."""
    metrics = metrics_at(url, spec, namespace, name)
    end = int(time.time()) // spec.step_seconds * spec.step_seconds
    fetched = fetch(url, metrics, spec.step_seconds, (end - days * DAY, end), FETCH_SECONDS)
    frame = fetched.frame
    if not np.isfinite(frame.values).any():
        raise RecordingError(
            f"{_OPTION} {url}: no metric of {name} has a value in the last {days} days"
        )
    stamps = tuple(iso(int(one)) for one in frame.times)
    sampling = Sampling(frame.step, False, "spec.step")
    rows = np.arange(len(frame), dtype=np.int64)
    return Recording(frame, stamps, rows, None, sampling, UTC, {}, (), fetched.warnings)
