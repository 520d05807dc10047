"""What the admin decides: metrics sources, images, storage, limits.

What a user decides stands in the custom resources and never here. `settings.file` reads these
values from YAML; whoever works with them needs no file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from anomaly_operator.settings.containment import ContainmentSettings
from anomaly_operator.settings.notifications import NotificationSettings
from anomaly_operator.settings.pods import PodSettings
from anomaly_operator.settings.serving import ServingSettings
from anomaly_operator.settings.suspend import SuspendSettings
from detector_runtime.contract.patterns import PatternSpec
from detector_runtime.contract.source_request import SourceLimits
from detector_runtime.contract.vocabulary import AuthType, SourceType, Unit

Resources = Mapping[str, Mapping[str, str]]
"""As in a container: `requests` and `limits`, each from a resource's name to a quantity."""

TRAINING_RESOURCES: Resources = {
    "requests": {"cpu": "250m", "memory": "384Mi"},
    "limits": {"memory": "2Gi"},
}
INFERENCE_RESOURCES: Resources = {
    "requests": {"cpu": "50m", "memory": "64Mi"},
    "limits": {"memory": "256Mi"},
}


class AccessMode(StrEnum):
    READ_WRITE_ONCE = "ReadWriteOnce"
    READ_WRITE_ONCE_POD = "ReadWriteOncePod"
    READ_WRITE_MANY = "ReadWriteMany"


class PullPolicy(StrEnum):
    IF_NOT_PRESENT = "IfNotPresent"
    ALWAYS = "Always"
    NEVER = "Never"


@dataclass(frozen=True, slots=True)
class SpanMetrics:
    """Names of the OpenTelemetry span metrics and their labels, for the preset of queries."""

    calls: str = "traces_span_metrics_calls_total"
    duration: str = "traces_span_metrics_duration_milliseconds"
    duration_unit: Unit = Unit.MILLISECONDS
    service_label: str = "service_name"
    span_kind_label: str = "span_kind"
    status_label: str = "status_code"
    error_value: str = "STATUS_CODE_ERROR"
    db_system_label: str = "db_system"


@dataclass(frozen=True, slots=True)
class MetricsSource:
    """One named source. Prometheus uses `url` and what follows, MLflow the same up to `headers`;
    CSV exactly one of `config_map` and `claim`, both names in the namespace of the service. Values
    of `headers` and `query_parameters` may hold `$(namespace)`. Of a training run's own log, or of
    a TrainJob, only the type is used.
    """

    name: str
    type: SourceType
    delay_seconds: int = 30
    timeout_seconds: float = 30.0
    url: str = ""
    max_response_bytes: int = 64 * 1024 * 1024
    auth: AuthType = AuthType.NONE
    secret_name: str = ""
    ca_config_map: str = ""
    denied_cidrs: tuple[str, ...] = ()
    allow_loopback: bool = False
    headers: tuple[tuple[str, str], ...] = ()
    query_parameters: tuple[tuple[str, str], ...] = ()
    harmless_warnings: tuple[str, ...] = ()
    limits: SourceLimits = field(default_factory=SourceLimits)
    span_metrics: SpanMetrics = field(default_factory=SpanMetrics)
    config_map: str = ""
    claim: str = ""


@dataclass(frozen=True, slots=True)
class StorageSettings:
    """The claim of models, one a namespace. An empty class is the cluster's default."""

    size: str = "5Gi"
    storage_class_name: str = ""
    access_mode: AccessMode = AccessMode.READ_WRITE_ONCE
    retain: bool = False
    keep_revisions: int = 3


@dataclass(frozen=True, slots=True)
class ImageSettings:
    score: str = "anomaly-operator/runtime-score:0.1.0"
    train: str = "anomaly-operator/runtime-train:0.1.0"
    pull_policy: PullPolicy = PullPolicy.IF_NOT_PRESENT
    pull_secrets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """`max_concurrent` trainings in the whole cluster; `deadline_seconds` for one of them;
    `min_pause_seconds` between the starts of two of a service that people asked for. A pod that
    has not started after `placement_seconds` holds no place for its Job."""

    max_concurrent: int = 10
    deadline_seconds: int = 3600
    min_pause_seconds: int = 600
    placement_seconds: int = 120
    resources: Resources = field(default_factory=lambda: TRAINING_RESOURCES)


@dataclass(frozen=True, slots=True)
class InferenceSettings:
    resources: Resources = field(default_factory=lambda: INFERENCE_RESOURCES)


@dataclass(frozen=True, slots=True)
class DetectorSettings:
    """`false_incidents_per_week`: what a service tolerates that does not say so itself. 1 for every
    category: whoever looks after a hundred services is told of a dozen things a day even so. What
    hangs on a service is said by its SLO, not by how often it cries wolf.
    """

    false_incidents_per_week: float = 1.0


@dataclass(frozen=True, slots=True)
class DependencySettings:
    """`across_namespaces`: namespaces whose services may be named in `spec.dependsOn` from any
    other. Whoever names one is told of its incidents, and its incidents list who suffers."""

    across_namespaces: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """How long a silent watch is trusted, and how often the caches are held against the server."""

    inactivity_seconds: float = 70.0
    server_timeout_seconds: float = 300.0
    relist_seconds: float = 600.0


@dataclass(frozen=True, slots=True)
class ChangesSettings:
    """Whether, and how long before an incident, changes of its workload are looked up. `nodes`:
    also trouble of the nodes that its pods are on, which takes a cluster-wide right.
    """

    enabled: bool = True
    lookback_seconds: int = 3600
    nodes: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """`patterns`: those of the administrator, for all services. They add to the built-in ones or
    replace them, and a service's own come before them."""

    sources: Mapping[str, MetricsSource] = field(default_factory=dict)
    storage: StorageSettings = field(default_factory=StorageSettings)
    images: ImageSettings = field(default_factory=ImageSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    inference: InferenceSettings = field(default_factory=InferenceSettings)
    detector: DetectorSettings = field(default_factory=DetectorSettings)
    serving: ServingSettings = field(default_factory=ServingSettings)
    pods: PodSettings = field(default_factory=PodSettings)
    watch: WatchSettings = field(default_factory=WatchSettings)
    containment: ContainmentSettings = field(default_factory=ContainmentSettings)
    suspend: SuspendSettings = field(default_factory=SuspendSettings)
    changes: ChangesSettings = field(default_factory=ChangesSettings)
    dependencies: DependencySettings = field(default_factory=DependencySettings)
    notifications: NotificationSettings = field(default_factory=NotificationSettings)
    watch_namespaces: tuple[str, ...] = ()
    concurrency: int = 16
    qps: float = 50.0
    burst: int = 100
    max_anomalies: int = 20_000
    patterns: tuple[PatternSpec, ...] = ()
