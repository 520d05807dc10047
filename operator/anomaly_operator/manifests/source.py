"""Where a service's values or rows come from: a source of the settings, or what it names itself.

A training run's log and a TrainJob are in the service's own namespace and need no source of the
settings; whatever has an address is one that the administrator named.
"""

from __future__ import annotations

from anomaly_operator.api.fields import SpecError
from anomaly_operator.api.problem import Problem
from anomaly_operator.api.reasons import Reason
from anomaly_operator.settings.source_request import in_namespace
from anomaly_operator.settings.values import MetricsSource, Settings
from anomaly_operator.spec.service import ServiceSpec
from anomaly_operator.world.objects import Meta
from detector_runtime.contract.run_config import SourceSpec
from detector_runtime.contract.source_request import SourceLimits, SourceRequest
from detector_runtime.contract.vocabulary import SourceType

OWN = frozenset({SourceType.RUN_LOG, SourceType.TRAIN_JOB})
"""In the service's own namespace."""


def source_of(spec: ServiceSpec, settings: Settings) -> MetricsSource:
    """Raises SpecError when the source is unknown, or of a type that the profile does not read."""
    run = spec.training_run
    if run is not None and run.rows in OWN:
        return MetricsSource(run.rows.value, run.rows, delay_seconds=0)
    source = settings.sources.get(spec.source)
    if source is None:
        known = ", ".join(sorted(settings.sources)) or "none"
        text = f"{spec.source!r} is not a source in the operator's settings; known: {known}"
        raise SpecError(Problem(Reason.SOURCE_UNKNOWN, "spec.source.name", text))
    wanted = (SourceType.PROMETHEUS, SourceType.CSV) if run is None else (run.rows,)
    if source.type not in wanted:
        text = (
            f"{source.name} is a source of type {source.type}, and profile {spec.profile} reads "
            f"{' or '.join(wanted)} here; name one of these"
        )
        raise SpecError(Problem(Reason.SOURCE_UNSUITABLE, "spec.source.name", text))
    return source


def source_spec(spec: ServiceSpec, meta: Meta, source: MetricsSource) -> SourceSpec:
    """The source as a pod is told of it."""
    file = ""
    if source.type is SourceType.CSV:
        file = spec.parameters.get("file", f"{meta.name}.csv")
    return SourceSpec(
        name=source.name,
        type=source.type,
        url=source.url,
        file=file,
        auth=source.auth,
        custom_ca=bool(source.ca_config_map),
        delay_seconds=source.delay_seconds,
        timeout_seconds=source.timeout_seconds,
        max_response_bytes=source.max_response_bytes,
        denied_cidrs=source.denied_cidrs,
        allow_loopback=source.allow_loopback,
        request=_request(source, meta.namespace),
        limits=None if source.limits == SourceLimits() else source.limits,
    )


def _request(source: MetricsSource, namespace: str) -> SourceRequest | None:
    request = SourceRequest(
        in_namespace(source.headers, namespace),
        in_namespace(source.query_parameters, namespace),
        source.harmless_warnings,
    )
    return None if request == SourceRequest() else request
