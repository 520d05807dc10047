"""Reads the operator's settings from the YAML file that the chart renders.

It is read once at the start; a change of it restarts the Deployment. Unknown keys, values out of
bounds and sources that cannot work are refused with their path, before anything is watched.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from urllib.parse import urlsplit

from anomaly_operator.api.fields import Fields, SettingsError
from anomaly_operator.settings import yaml_text
from anomaly_operator.settings.containment_file import read_containment
from anomaly_operator.settings.notifications_file import read_notifications
from anomaly_operator.settings.patterns_file import read_shared_patterns
from anomaly_operator.settings.pods_file import read_pods
from anomaly_operator.settings.source_request import (
    read_harmless_warnings,
    read_headers,
    read_limits,
    read_query_parameters,
)
from anomaly_operator.settings.suspend import read_suspend
from anomaly_operator.settings.values import (
    INFERENCE_RESOURCES,
    TRAINING_RESOURCES,
    AccessMode,
    ChangesSettings,
    DependencySettings,
    DetectorSettings,
    ImageSettings,
    InferenceSettings,
    MetricsSource,
    Settings,
    SpanMetrics,
    StorageSettings,
    TrainingSettings,
    WatchSettings,
)
from detector_runtime.contract.vocabulary import AuthType, SourceType, Unit


def load_settings(path: Path) -> Settings:
    """Settings from a file. Raises SettingsError, whose message names the file."""
    try:
        return parse_settings(path.read_text(encoding="utf-8"))
    except (OSError, SettingsError) as error:
        raise SettingsError(f"settings file {path}: {error}") from error


def parse_settings(text: str) -> Settings:
    """Settings from YAML text; an empty text gives the defaults. Raises SettingsError."""
    try:
        document = yaml_text.load(text)
    except yaml_text.YAMLError as error:
        raise SettingsError(str(error)) from error
    root = Fields({} if document is None else document, "", SettingsError)
    anomalies = root.child("anomalies")
    settings = Settings(
        sources={
            name: _source(name, part) for name, part in root.child("sources").children().items()
        },
        storage=_storage(root.child("storage")),
        images=_images(root.child("images")),
        training=_training(root.child("training")),
        inference=_inference(root.child("inference")),
        detector=_detector(root.child("detector")),
        pods=read_pods(root.child("pods")),
        watch=_watch(root.child("watch")),
        containment=read_containment(root.child("containment")),
        suspend=read_suspend(root.child("trainingRuns")),
        changes=_changes(root.child("changes")),
        dependencies=_dependencies(root.child("dependencies")),
        notifications=read_notifications(root.child("notifications")),
        watch_namespaces=root.texts("watchNamespaces"),
        concurrency=root.integer("concurrency", 16, minimum=1, maximum=256),
        qps=root.number("qps", 50.0, minimum=1.0, maximum=10_000.0),
        burst=root.integer("burst", 100, minimum=1, maximum=100_000),
        patterns=read_shared_patterns(root),
        max_anomalies=anomalies.integer("maxPerCluster", 20_000, minimum=100, maximum=1_000_000),
    )
    anomalies.done()
    root.done()
    return settings


def _source(name: str, part: Fields) -> MetricsSource:
    kind = part.choice("type", SourceType.PROMETHEUS)
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
        query_parameters=read_query_parameters(part),
        harmless_warnings=read_harmless_warnings(part),
        limits=read_limits(part.child("limits")),
        span_metrics=_span_metrics(part.child("spanMetrics")),
    )
    auth.done()
    part.done()
    if (source.auth is AuthType.NONE) != (not source.secret_name):
        raise part.refuse("auth", "set secretName together with type Bearer or Basic")
    return source


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


def _storage(part: Fields) -> StorageSettings:
    storage = StorageSettings(
        size=part.text("size", "5Gi"),
        storage_class_name=part.text("storageClassName"),
        access_mode=part.choice("accessMode", AccessMode.READ_WRITE_ONCE),
        retain=part.flag("retain", default=False),
        keep_revisions=part.integer("keepRevisions", 3, minimum=2, maximum=20),
    )
    part.done()
    return storage


def _images(part: Fields) -> ImageSettings:
    default = ImageSettings()
    images = ImageSettings(
        score=part.text("score", default.score),
        train=part.text("train", default.train),
        pull_policy=part.choice("pullPolicy", default.pull_policy),
        pull_secrets=part.texts("pullSecrets"),
    )
    part.done()
    return images


def _training(part: Fields) -> TrainingSettings:
    training = TrainingSettings(
        max_concurrent=part.integer("maxConcurrent", 10, minimum=1, maximum=1000),
        deadline_seconds=int(part.seconds("deadline", 3600, minimum=60, maximum=86_400)),
        resources=part.mapping("resources", TRAINING_RESOURCES),
    )
    part.done()
    return training


def _inference(part: Fields) -> InferenceSettings:
    inference = InferenceSettings(resources=part.mapping("resources", INFERENCE_RESOURCES))
    part.done()
    return inference


def _detector(part: Fields) -> DetectorSettings:
    default = DetectorSettings().false_incidents_per_week
    # The bounds of `spec.detector.falseIncidentsPerWeek`.
    wanted = part.number("falseIncidentsPerWeek", default, minimum=0.01, maximum=100.0)
    part.done()
    return DetectorSettings(wanted)


def _watch(part: Fields) -> WatchSettings:
    watch = WatchSettings(
        inactivity_seconds=part.seconds("inactivity", 70, minimum=1, maximum=600),
        server_timeout_seconds=part.seconds("serverTimeout", 300, minimum=5, maximum=3600),
        relist_seconds=part.seconds("relist", 600, minimum=5, maximum=86_400),
    )
    part.done()
    return watch


def _changes(part: Fields) -> ChangesSettings:
    default = ChangesSettings()
    changes = ChangesSettings(
        enabled=part.flag("enabled", default.enabled),
        lookback_seconds=int(
            part.seconds("lookback", default.lookback_seconds, minimum=60, maximum=86_400)
        ),
        nodes=part.flag("nodes", default.nodes),
    )
    part.done()
    return changes


def _dependencies(part: Fields) -> DependencySettings:
    dependencies = DependencySettings(frozenset(part.texts("acrossNamespaces")))
    part.done()
    return dependencies
