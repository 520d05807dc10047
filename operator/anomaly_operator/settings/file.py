"""Reads the operator's settings from the YAML file that the chart renders.

It is read once at the start; a change of it restarts the Deployment. Unknown keys, values out of
bounds and sources that cannot work are refused with their path, before anything is watched.
"""

from __future__ import annotations

from pathlib import Path

from anomaly_operator.api.fields import Fields, SettingsError
from anomaly_operator.settings import yaml_text
from anomaly_operator.settings.containment_file import read_containment
from anomaly_operator.settings.notifications_file import read_notifications
from anomaly_operator.settings.patterns_file import read_shared_patterns
from anomaly_operator.settings.pods_file import read_pods
from anomaly_operator.settings.serving import read_serving
from anomaly_operator.settings.source_file import read_source
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
    Settings,
    StorageSettings,
    TrainingSettings,
    WatchSettings,
)


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
            name: read_source(name, part) for name, part in root.child("sources").children().items()
        },
        storage=_storage(root.child("storage")),
        images=_images(root.child("images")),
        training=_training(root.child("training")),
        inference=_inference(root.child("inference")),
        detector=_detector(root.child("detector")),
        serving=read_serving(root.child("serving")),
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
    _check_serving(root, settings)
    return settings


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


def _check_serving(root: Fields, settings: Settings) -> None:
    once = settings.storage.access_mode is AccessMode.READ_WRITE_ONCE_POD
    if settings.serving.enabled and once:
        text = (
            f"is {AccessMode.READ_WRITE_ONCE_POD}, so a server would keep trainings from it; "
            f"write {AccessMode.READ_WRITE_ONCE}, or set serving.enabled to false"
        )
        raise root.child("storage").refuse("accessMode", text)


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
        min_pause_seconds=int(part.seconds("minPause", 600, minimum=0, maximum=86_400)),
        placement_seconds=int(part.seconds("placementTimeout", 120, minimum=10, maximum=86_400)),
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
