"""The preset's five standard metrics, from whichever OpenTelemetry names a source has.

The names changed over the years: the span metrics connector wrote `calls_total` and
`duration_milliseconds` before it had a namespace, then `traces_span_metrics_*`, and goes from
milliseconds to seconds; `db.system` became `db.system.name` and the status code got a prefix; a
service without span metrics may have those of its HTTP and database libraries
(`http.server.request.duration`). Each query asks for all of them with `or`, newest first, and
gives one unit: whichever exists answers. A name that the source's settings give is the only one
asked for.

https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/connector/spanmetricsconnector
https://opentelemetry.io/docs/specs/semconv/http/http-metrics/
https://opentelemetry.io/docs/specs/semconv/db/database-metrics/
"""

from __future__ import annotations

from collections.abc import Mapping

from anomaly_operator.settings.values import SpanMetrics
from anomaly_operator.spec.service import ServiceSpec
from anomaly_operator.spec.service_parse import ROLE_DIRECTION
from detector_runtime.contract.run_config import MetricSpec
from detector_runtime.contract.vocabulary import Role, Unit

_DEFAULT = SpanMetrics()
_CALLS = ("traces_span_metrics_calls_total", "calls_total")
_DURATIONS = (
    ("traces_span_metrics_duration_milliseconds", Unit.MILLISECONDS),
    ("traces_span_metrics_duration_seconds", Unit.SECONDS),
    ("duration_milliseconds", Unit.MILLISECONDS),
    ("duration_seconds", Unit.SECONDS),
)
_HTTP_SERVER = "http_server_request_duration_seconds"
_HTTP_CLIENT = "http_client_request_duration_seconds"
_DATABASE = "db_client_operation_duration_seconds"


def span_metrics(names: SpanMetrics) -> tuple[MetricSpec, ...]:
    """The five standard metrics, with `$(service)` and `$(rateInterval)` still to be filled in.

    The error rate of a service without a single error series is 0 while it has traffic: `or 0 *
    calls` says so; without traffic it is a division of zero by zero, which is undefined.
    """
    service = f'{names.service_label}="$(service)"'
    server = f'{service},{names.span_kind_label}="SPAN_KIND_SERVER"'
    client = f'{service},{names.span_kind_label}="SPAN_KIND_CLIENT"'
    database, other = _database_labels(names)
    unit = names.duration_unit
    return (
        _metric("request_rate", Role.TRAFFIC, _traffic(names, server), Unit.REQUESTS_PER_SECOND),
        _metric(
            "application_latency",
            Role.LATENCY,
            _latency(names, [server], _HTTP_SERVER),
            unit,
        ),
        _metric(
            "dependency_latency",
            Role.DEPENDENCY_LATENCY,
            _latency(names, [f"{client},{other}"], _HTTP_CLIENT),
            unit,
        ),
        _metric(
            "database_latency",
            Role.DATABASE_LATENCY,
            _latency(names, [f"{client},{labels}" for labels in database], _DATABASE),
            unit,
        ),
        _metric("error_rate", Role.ERRORS, _error_rate(names, server), Unit.RATIO),
    )


def server_durations(names: SpanMetrics) -> tuple[tuple[str, str], ...]:
    """The series of span durations, each with what turns it into the unit of `names`."""
    if (names.duration, names.duration_unit) != (_DEFAULT.duration, _DEFAULT.duration_unit):
        return ((names.duration, ""),)
    return tuple((series, "1000 * " if unit is Unit.SECONDS else "") for series, unit in _DURATIONS)


def rate_by(label: str, series: str) -> str:
    """The rate of `series` for each value of `label`."""
    return f"sum by ({label}) (rate({series}[$(rateInterval)]))"


def mean_by(label: str, series: str, selector: str) -> str:
    """The mean of a histogram or summary for each value of `label`."""
    parts = (rate_by(label, f"{series}_{part}{{{selector}}}") for part in ("sum", "count"))
    return " / ".join(parts)


def metric_roles(spec: ServiceSpec | None) -> Mapping[str, Role]:
    """The roles of a service's metrics by name. Those of a preset do not depend on the source."""
    own = spec.metrics if spec else ()
    return {one.name: one.role for one in own} if own else _PRESET_ROLES


def _traffic(names: SpanMetrics, server: str) -> str:
    ways = [_sum(series, [server]) for series in _calls(names)]
    return " or ".join([*ways, *(_sum(f"{one}_count", _library(names)) for one in _http(names))])


def _error_rate(names: SpanMetrics, server: str) -> str:
    failed = [f'{server},{names.status_label}="{names.error_value}"']
    if (names.status_label, names.error_value) == (_DEFAULT.status_label, _DEFAULT.error_value):
        failed.append(f'{server},otel_status_code="ERROR"')
    ways = [_share(series, failed, [server]) for series in _calls(names)]
    for one in _http(names):
        every = _library(names)
        failed = [f'{labels},http_response_status_code=~"5.."' for labels in every]
        ways.append(_share(f"{one}_count", failed, every))
    return " or ".join(ways)


def _latency(names: SpanMetrics, selectors: list[str], library: str) -> str:
    """Mean duration in the unit of `names`. The series of `library` are in seconds."""
    if (names.duration, names.duration_unit) != (_DEFAULT.duration, _DEFAULT.duration_unit):
        return _mean(names.duration, selectors)
    ways = [(series, unit, selectors) for series, unit in _DURATIONS]
    ways.append((library, Unit.SECONDS, _library(names)))
    return " or ".join(
        f"1000 * {_mean(series, labels)}" if unit is Unit.SECONDS else _mean(series, labels)
        for series, unit, labels in ways
    )


def _calls(names: SpanMetrics) -> tuple[str, ...]:
    return _CALLS if names.calls == _DEFAULT.calls else (names.calls,)


def _http(names: SpanMetrics) -> tuple[str, ...]:
    return (_HTTP_SERVER,) if names.calls == _DEFAULT.calls else ()


def _library(names: SpanMetrics) -> list[str]:
    """Selectors of a service in series of its libraries. What comes in by OTLP has the service's
    name in `job`, unless the resource's attributes are made labels.
    """
    label = names.service_label
    return [f'{label}="$(service)"', *(['job="$(service)"'] if label != "job" else [])]


def _database_labels(names: SpanMetrics) -> tuple[list[str], str]:
    """Labels of calls to a database, one set for each generation; those of calls to others."""
    labels = [names.db_system_label]
    if names.db_system_label == _DEFAULT.db_system_label:
        labels.append("db_system_name")
    return [f'{label}!=""' for label in labels], ",".join(f'{label}=""' for label in labels)


def _share(series: str, part: list[str], every: list[str]) -> str:
    whole = _sum(series, every)
    return f"({_sum(series, part)} or 0 * {whole}) / {whole}"


def _mean(series: str, selectors: list[str]) -> str:
    return f"{_sum(f'{series}_sum', selectors)} / {_sum(f'{series}_count', selectors)}"


def _sum(series: str, selectors: list[str]) -> str:
    """Of all series that one of `selectors` picks; `or` takes a series once."""
    rates = (f"rate({series}{{{labels}}}[$(rateInterval)])" for labels in selectors)
    return f"sum({' or '.join(rates)})"


def _metric(name: str, role: Role, query: str, unit: Unit) -> MetricSpec:
    return MetricSpec(name, role, query, unit, ROLE_DIRECTION[role])


_PRESET_ROLES = {one.name: one.role for one in span_metrics(_DEFAULT)}
