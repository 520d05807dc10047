"""Reads one metrics source of the settings file: a Prometheus, an MLflow server, or CSV files.

Where a training run's rows come from its own log or a TrainJob, there is no source to name here.
"""

from __future__ import annotations

import ipaddress
from dataclasses import replace
from urllib.parse import urlsplit

from anomaly_operator.api.fields import Fields, SettingsError
from anomaly_operator.settings.source_request import (
    read_harmless_warnings,
    read_headers,
    read_limits,
    read_query_parameters,
)
from anomaly_operator.settings.values import MetricsSource, SpanMetrics
from detector_runtime.contract.vocabulary import AuthType, SourceType, Unit

_NAMED = (SourceType.PROMETHEUS, SourceType.CSV, SourceType.MLFLOW)


def read_source(name: str, part: Fields) -> MetricsSource:
    """One source of the settings. Raises SettingsError."""
    kind = part.choice("type", SourceType.PROMETHEUS)
    if kind not in _NAMED:
        text = f"{kind} is no source of the settings; write one of {', '.join(_NAMED)}"
        raise part.refuse("type", text)
    delay = int(part.seconds("delay", 30, minimum=0, maximum=3600))
    timeout = part.seconds("timeout", 30, minimum=1, maximum=300)
    if kind is SourceType.CSV:
        config_map, claim = part.text("configMap"), part.text("claim")
        part.done()
        if bool(config_map) == bool(claim):
            raise part.refuse("", "a CSV source needs either configMap or claim")
        return MetricsSource(name, kind, delay, timeout, config_map=config_map, claim=claim)
    auth = part.child("auth")
    source = MetricsSource(
        name=name,
        type=kind,
        delay_seconds=delay,
        timeout_seconds=timeout,
        url=_url(part),
        max_response_bytes=part.integer(
            "maxResponseBytes", 64 * 1024 * 1024, minimum=1024, maximum=1024 * 1024 * 1024
        ),
        auth=_auth_type(auth),
        secret_name=auth.text("secretName"),
        ca_config_map=part.text("caConfigMap"),
        denied_cidrs=_cidrs(part),
        allow_loopback=part.flag("allowLoopback", default=False),
        headers=read_headers(part),
    )
    if kind is SourceType.PROMETHEUS:
        source = _with_queries(source, part)
    auth.done()
    part.done()
    if (source.auth is AuthType.NONE) != (not source.secret_name):
        raise part.refuse("auth", "set secretName together with type Bearer or Basic")
    return source


def _with_queries(source: MetricsSource, part: Fields) -> MetricsSource:
    """What only a source of PromQL has."""
    return replace(
        source,
        query_parameters=read_query_parameters(part),
        harmless_warnings=read_harmless_warnings(part),
        limits=read_limits(part.child("limits")),
        span_metrics=_span_metrics(part.child("spanMetrics")),
    )


def _url(part: Fields) -> str:
    url = part.required_text("url", "http://prometheus:9090")
    split = urlsplit(url)
    if split.scheme not in {"http", "https"} or not split.hostname:
        raise part.refuse("url", f"{url!r} is not an http or https URL")
    if split.username or split.password or split.query or split.fragment:
        text = (
            "must have no user, query or fragment; set auth for credentials, headers for a tenant "
            "and queryParameters for a query"
        )
        raise part.refuse("url", text)
    return url.rstrip("/")


def _auth_type(part: Fields) -> AuthType:
    try:
        return part.choice("type", AuthType.NONE)
    except SettingsError as error:
        raise SettingsError(
            f"{error}; for a signature (SigV4) or a cloud login point url at a proxy that signs"
        ) from error


def _cidrs(part: Fields) -> tuple[str, ...]:
    cidrs = part.texts("deniedCIDRs")
    for cidr in cidrs:
        try:
            ipaddress.ip_network(cidr)
        except ValueError as error:
            raise part.refuse("deniedCIDRs", str(error)) from error
    return cidrs


def _span_metrics(part: Fields) -> SpanMetrics:
    default = SpanMetrics()
    names = SpanMetrics(
        calls=part.text("calls", default.calls),
        duration=part.text("duration", default.duration),
        duration_unit=part.choice("durationUnit", default.duration_unit),
        service_label=part.text("serviceLabel", default.service_label),
        span_kind_label=part.text("spanKindLabel", default.span_kind_label),
        status_label=part.text("statusLabel", default.status_label),
        error_value=part.text("errorValue", default.error_value),
        db_system_label=part.text("dbSystemLabel", default.db_system_label),
    )
    part.done()
    if names.duration_unit not in {Unit.SECONDS, Unit.MILLISECONDS}:
        raise part.refuse("durationUnit", "must be Seconds or Milliseconds")
    return names
