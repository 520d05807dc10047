"""Reads the operator's settings from the YAML file that the chart renders.

It is read once at the start; a change of it restarts the Deployment. Unknown keys, values out of
bounds and sources that cannot work are refused with their path, before anything is watched.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from urllib.parse import urlsplit

from anomaly_operator.api.settings_reader import Section, SettingsError
from anomaly_operator.settings import yaml_text
from anomaly_operator.settings.source_request import (
    read_harmless_warnings,
    read_headers,
    read_limits,
    read_query_parameters,
)
from anomaly_operator.settings.values import (
    INFERENCE_RESOURCES,
    TRAINING_RESOURCES,
    AccessMode,
    ImageSettings,
    InferenceSettings,
    MetricsSource,
    PodSettings,
    Settings,
    SpanMetrics,
    StorageSettings,
    TrainingSettings,
    WatchSettings,
)
from detector_runtime.contract.vocabulary import AuthType, SourceType, Unit


def load(path: Path) -> Settings:
    """Settings from a file. Raises SettingsError, whose message names the file."""
    try:
        return parse(path.read_text(encoding="utf-8"))
    except (OSError, SettingsError) as error:
        raise SettingsError(f"settings file {path}: {error}") from error


def parse(text: str) -> Settings:
    """Settings from YAML text; an empty text gives the defaults. Raises SettingsError."""
    try:
        root = Section(yaml_text.load(text), "")
    except yaml_text.YAMLError as error:
        raise SettingsError(str(error)) from error
    anomalies = root.section("anomalies")
    settings = Settings(
        sources={
            name: _source(name, part) for name, part in root.section("sources").sections().items()
        },
        storage=_storage(root.section("storage")),
        images=_images(root.section("images")),
        training=_training(root.section("training")),
        inference=_inference(root.section("inference")),
        pods=_pods(root.section("pods")),
        watch=_watch(root.section("watch")),
        watch_namespaces=root.texts("watchNamespaces"),
        concurrency=root.integer("concurrency", 16, least=1, most=256),
        qps=root.number("qps", 50.0, least=1.0, most=10_000.0),
        burst=root.integer("burst", 100, least=1, most=100_000),
        max_anomalies=anomalies.integer("maxPerCluster", 20_000, least=100, most=1_000_000),
    )
    anomalies.done()
    root.done()
    return settings


def _source(name: str, part: Section) -> MetricsSource:
    kind = part.choice("type", SourceType.PROMETHEUS)
    delay = int(part.seconds("delay", 30, least=0, most=3600))
    timeout = part.seconds("timeout", 30, least=1, most=300)
    if kind is SourceType.CSV:
        config_map, claim = part.text("configMap"), part.text("claim")
        part.done()
        if bool(config_map) == bool(claim):
            raise SettingsError(f"{part.path}: a CSV source needs one of configMap and claim")
        return MetricsSource(name, kind, delay, timeout, config_map=config_map, claim=claim)
    auth = part.section("auth")
    source = MetricsSource(
        name=name,
        type=kind,
        delay_seconds=delay,
        timeout_seconds=timeout,
        url=_url(part),
        max_response_bytes=part.integer(
            "maxResponseBytes", 64 * 1024 * 1024, least=1024, most=1024 * 1024 * 1024
        ),
        auth=_auth_type(auth),
        secret_name=auth.text("secretName"),
        ca_config_map=part.text("caConfigMap"),
        denied_cidrs=_cidrs(part),
        allow_loopback=part.flag("allowLoopback", default=False),
        headers=read_headers(part),
        query_parameters=read_query_parameters(part),
        harmless_warnings=read_harmless_warnings(part),
        limits=read_limits(part.section("limits")),
        span_metrics=_span_metrics(part.section("spanMetrics")),
    )
    auth.done()
    part.done()
    if (source.auth is AuthType.NONE) != (not source.secret_name):
        raise SettingsError(
            f"{part.path}.auth: type Bearer or Basic and secretName belong together"
        )
    return source


def _url(part: Section) -> str:
    url = part.required_text("url", "http://prometheus:9090")
    split = urlsplit(url)
    if split.scheme not in {"http", "https"} or not split.hostname:
        raise SettingsError(f"{part.at('url')}: {url!r} is not an http or https address")
    if split.username or split.password or split.query or split.fragment:
        raise SettingsError(
            f"{part.at('url')}: no user, query or fragment; use auth for a login, headers for a "
            "tenant and queryParameters for a query"
        )
    return url.rstrip("/")


def _auth_type(part: Section) -> AuthType:
    try:
        return part.choice("type", AuthType.NONE)
    except SettingsError as error:
        raise SettingsError(
            f"{error}; for a signature (SigV4) or a cloud login point url at a proxy that signs"
        ) from error


def _cidrs(part: Section) -> tuple[str, ...]:
    cidrs = part.texts("deniedCIDRs")
    for cidr in cidrs:
        try:
            ipaddress.ip_network(cidr)
        except ValueError as error:
            raise SettingsError(f"{part.at('deniedCIDRs')}: {error}") from error
    return cidrs


def _span_metrics(part: Section) -> SpanMetrics:
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
        raise SettingsError(f"{part.at('durationUnit')}: write Seconds or Milliseconds")
    return names


def _storage(part: Section) -> StorageSettings:
    storage = StorageSettings(
        size=part.text("size", "5Gi"),
        storage_class_name=part.text("storageClassName"),
        access_mode=part.choice("accessMode", AccessMode.READ_WRITE_ONCE),
        retain=part.flag("retain", default=False),
        keep_revisions=part.integer("keepRevisions", 3, least=2, most=20),
    )
    part.done()
    return storage


def _images(part: Section) -> ImageSettings:
    default = ImageSettings()
    images = ImageSettings(
        score=part.text("score", default.score),
        train=part.text("train", default.train),
        pull_policy=part.choice("pullPolicy", default.pull_policy),
        pull_secrets=part.texts("pullSecrets"),
    )
    part.done()
    return images


def _training(part: Section) -> TrainingSettings:
    training = TrainingSettings(
        max_concurrent=part.integer("maxConcurrent", 10, least=1, most=1000),
        deadline_seconds=int(part.seconds("deadline", 3600, least=60, most=86_400)),
        resources=part.mapping("resources", TRAINING_RESOURCES),
    )
    part.done()
    return training


def _inference(part: Section) -> InferenceSettings:
    inference = InferenceSettings(resources=part.mapping("resources", INFERENCE_RESOURCES))
    part.done()
    return inference


def _pods(part: Section) -> PodSettings:
    pods = PodSettings(
        node_selector=part.mapping("nodeSelector"),
        tolerations=part.mappings("tolerations"),
        priority_class_name=part.text("priorityClassName"),
    )
    part.done()
    return pods


def _watch(part: Section) -> WatchSettings:
    watch = WatchSettings(
        inactivity_seconds=part.seconds("inactivity", 70, least=1, most=600),
        server_timeout_seconds=part.seconds("serverTimeout", 300, least=5, most=3600),
        relist_seconds=part.seconds("relist", 600, least=5, most=86_400),
    )
    part.done()
    return watch
