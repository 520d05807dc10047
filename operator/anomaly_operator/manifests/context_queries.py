"""The context queries as a pod asks them: presets written out, placeholders filled in.

A preset asks for the names of several exporters with `or`, each with labels of its own: whichever a
source has answers. A name that the source's settings give is the only one asked for.

https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/connector/exceptionsconnector
https://istio.io/latest/docs/reference/config/metrics/
https://linkerd.io/2/reference/proxy-metrics/
"""

from __future__ import annotations

from anomaly_operator.manifests.metric_queries import expanded, query_values
from anomaly_operator.manifests.span_metrics import mean_by, rate_by, server_durations
from anomaly_operator.settings.values import MetricsSource, SpanMetrics
from anomaly_operator.spec.context import ContextPlan, ContextPreset
from anomaly_operator.spec.service import ServiceSpec
from detector_runtime.contract.context import ContextQuery
from detector_runtime.contract.vocabulary import SourceType, Unit

_EXCEPTIONS = "exceptions_total"
_HTTP = "http_server_request_duration_seconds"
_CLASS = "status_class"
_ISTIO = (
    'istio_requests_total{reporter="destination",destination_service_name="$(service)",'
    'destination_service_namespace="$(namespace)"}'
)
_LINKERD = 'response_total{direction="inbound",namespace="$(namespace)",deployment="$(service)"}'


def resolve_context(
    spec: ServiceSpec, source: MetricsSource, namespace: str, name: str
) -> tuple[ContextQuery, ...]:
    """None for a source of files, which holds no such series. Raises SpecError for an unknown
    placeholder."""
    if source.type is not SourceType.PROMETHEUS:
        return ()
    values = query_values(spec, source, namespace, name)
    found = []
    for one in spec.context:
        query, unit = _query(one, source.span_metrics)
        text = expanded(query, f"context {one.name}", "spec.context", values)
        found.append(
            ContextQuery(one.name, text, one.unit or unit, one.top, one.roles, one.patterns)
        )
    return tuple(found)


def _query(plan: ContextPlan, names: SpanMetrics) -> tuple[str, Unit]:
    match plan.preset:
        case None:
            return plan.query, Unit.NONE
        case ContextPreset.EXCEPTIONS_BY_TYPE:
            service = f'{names.service_label}="$(service)"'
            return rate_by("exception_type", f"{_EXCEPTIONS}{{{service}}}"), Unit.NONE
        case ContextPreset.SLOWEST_ROUTES:
            return _slowest(names), names.duration_unit
        case ContextPreset.STATUS_CLASSES:
            return _classes(names), Unit.REQUESTS_PER_SECOND


def _slowest(names: SpanMetrics) -> str:
    server = f'{names.service_label}="$(service)",{names.span_kind_label}="SPAN_KIND_SERVER"'
    ways = [
        f"{factor}{mean_by('span_name', series, server)}"
        for series, factor in server_durations(names)
    ]
    if names == SpanMetrics():
        service = f'{names.service_label}="$(service)"'
        ways.append(f"1000 * {mean_by('http_route', _HTTP, service)}")
    return " or ".join(ways)


def _classes(names: SpanMetrics) -> str:
    service = f'{names.service_label}="$(service)"'
    ways = (
        (_ISTIO, "response_code"),
        (_LINKERD, "status_code"),
        (f"{_HTTP}_count{{{service}}}", "http_response_status_code"),
    )
    return " or ".join(
        f'sum by ({_CLASS}) (label_replace(rate({series}[$(rateInterval)]), "{_CLASS}", '
        f'"${{1}}xx", "{label}", "(.).*"))'
        for series, label in ways
    )
