"""Which query of a service goes to which source: the administrator's, by name.

No address comes from an object of the cluster: a service names a source, and the operator's
settings file says where that is. Credentials of a source are files that the administrator mounts
beside the dashboard, `<source>/auth` and `<source>/ca` below one folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from anomaly_operator.api.fields import SpecError
from anomaly_operator.api.problem import listed
from anomaly_operator.api.resources import SERVICE
from anomaly_operator.manifests.metric_queries import resolve_metrics
from anomaly_operator.manifests.source import source_of, source_spec
from anomaly_operator.observe.read import metadata
from anomaly_operator.settings.values import Settings
from anomaly_operator.spec.service import ServiceSpec
from anomaly_operator.spec.service_parse import parse_service
from anomaly_operator.world.objects import Meta
from detector_runtime.contract.run_config import MetricSpec, SourceSpec
from detector_runtime.contract.vocabulary import SourceType
from detector_runtime.errors import one_line
from detector_runtime.sources.prometheus_api import PrometheusMounts

MAX_BYTES = 16 * 1024 * 1024
"""Of one answer of a source. 11,000 points of one series are below 1 MiB."""
MAX_SECONDS = 20.0
"""That a source may take for one query."""
Raw = Mapping[str, Any]


class SeriesRefusedError(Exception):
    """No series can be shown. The message says why, and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


@dataclass(frozen=True, slots=True)
class Queries:
    """What is asked for a service: `metrics` with complete queries, each of one series. `key`:
    changes with whatever changes the answers."""

    key: tuple[str, int]
    meta: Meta
    spec: ServiceSpec
    metrics: tuple[MetricSpec, ...]
    source: SourceSpec
    mounts: PrometheusMounts


@dataclass(frozen=True, slots=True)
class Sources:
    """The administrator's sources. `mounts`: the folder with their credentials."""

    settings: Settings
    mounts: Path

    def queries(self, document: Raw) -> Queries:
        """Those of an AnomalyService as the API server has it. Raises SeriesRefusedError."""
        meta = metadata(document)
        spec, problems = parse_service(document.get("spec"))
        if spec is None:
            raise SeriesRefusedError(f"{SERVICE.kind} {meta.name}: {listed(problems)}")
        return self.planned(meta, spec)

    def planned(self, meta: Meta, spec: ServiceSpec) -> Queries:
        """Those of a spec, whether it is applied or not. Raises SeriesRefusedError."""
        try:
            source = source_of(spec, self.settings)
            if source.type is not SourceType.PROMETHEUS:
                raise SeriesRefusedError(_unread(meta, source.type))
            metrics = resolve_metrics(spec, source, meta.namespace, meta.name)
        except SpecError as error:
            raise SeriesRefusedError(f"{SERVICE.kind} {meta.name}: {error.problem}") from error
        asked = source_spec(spec, meta, source)
        asked = replace(
            asked,
            timeout_seconds=min(asked.timeout_seconds, MAX_SECONDS),
            max_response_bytes=min(asked.max_response_bytes, MAX_BYTES),
        )
        folder = self.mounts / source.name
        mounts = PrometheusMounts(folder / "auth", folder / "ca")
        return Queries((meta.uid, meta.generation), meta, spec, metrics, asked, mounts)

    def names(self) -> tuple[str, ...]:
        """The sources that answer PromQL."""
        return tuple(
            name
            for name, one in sorted(self.settings.sources.items())
            if one.type is SourceType.PROMETHEUS
        )


def _unread(meta: Meta, kind: SourceType) -> str:
    return (
        f"{SERVICE.kind} {meta.name} reads a source of type {kind}, which only its own pods can "
        "read; the dashboard draws series of Prometheus sources"
    )
