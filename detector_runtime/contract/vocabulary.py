"""What the operator and the pods say to one another, and nothing else.

Three documents cross the border: `RunConfig` (operator -> pod, a mounted file), `TrainReport`
(training pod -> operator, the termination message) and `Detection` (scoring pod -> operator,
`.status.detection`). This module is standard library only, so that the operator never imports
numpy and the scoring pod never imports a Kubernetes client. It refuses a document of a newer
format rather than guess at it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any

FORMAT_VERSION = 1

MAX_WINDOWS = 64
"""Windows that one run scores at most, and that stand in `.status.detection` at most."""
MAX_FINDINGS = 4
MAX_CONTRIBUTIONS = 5
MAX_ACTIONS = 5
MAX_DETECTORS = 16
"""Lines that say what serves and why."""
MAX_LEVEL_SHIFT = 300
"""Characters of the line about a level shift."""
TERMINATION_MESSAGE_BYTES = 4096
"""The kubelet cuts a container's termination message there."""

# Where the operator mounts things, and the arguments by which the pod is told.
RUN_CONFIG_PATH = "/etc/anomaly-operator/run/run.json"
SOURCE_AUTH_DIR = "/etc/anomaly-operator/source-auth"
SOURCE_CA_DIR = "/etc/anomaly-operator/source-ca"
MODELS_DIR = "/var/lib/anomaly-operator/models"
DATA_DIR = "/var/lib/anomaly-operator/data"
IDENTITY_DIR = "/var/run/secrets/anomaly-operator"
TERMINATION_LOG = "/dev/termination-log"

API_GROUP = "anomaly-operator.dev"
API_VERSION = "v1alpha1"
DETECTION_FIELD_MANAGER = "anomaly-runtime"


class ContractError(ValueError):
    """A document that this version cannot read. The message names the field and the value."""


class ExitCode(IntEnum):
    """What a pod's exit tells the Job: only `INVALID` ends it at once, the others count."""

    OK = 0
    INTERNAL = 1
    SOURCE_UNAVAILABLE = 69
    STORAGE_FULL = 73
    MODEL_REFUSED = 76
    API_UNAVAILABLE = 75
    INVALID = 78


class RunKind(StrEnum):
    TRAIN = "Train"
    SCORE = "Score"


class Category(StrEnum):
    BUSINESS_CRITICAL = "BusinessCritical"
    CORE = "Core"
    STANDARD = "Standard"
    ADMIN = "Admin"
    MICRO = "Micro"
    BACKGROUND = "Background"


class Role(StrEnum):
    TRAFFIC = "Traffic"
    LATENCY = "Latency"
    ERRORS = "Errors"
    DEPENDENCY_LATENCY = "DependencyLatency"
    DATABASE_LATENCY = "DatabaseLatency"
    SATURATION = "Saturation"
    CUSTOM = "Custom"


class Unit(StrEnum):
    REQUESTS_PER_SECOND = "RequestsPerSecond"
    SECONDS = "Seconds"
    MILLISECONDS = "Milliseconds"
    RATIO = "Ratio"
    PERCENT = "Percent"
    BYTES = "Bytes"
    COUNT = "Count"
    NONE = "None"


class Direction(StrEnum):
    UP = "Up"
    DOWN = "Down"
    BOTH = "Both"


class SourceType(StrEnum):
    PROMETHEUS = "Prometheus"
    CSV = "CSV"


class AuthType(StrEnum):
    NONE = "None"
    BEARER = "Bearer"
    BASIC = "Basic"


class Verdict(StrEnum):
    NORMAL = "Normal"
    ANOMALOUS = "Anomalous"
    INCONCLUSIVE = "Inconclusive"


class Severity(StrEnum):
    NONE = "None"
    INFORMATIONAL = "Informational"
    LOW = "Low"
    MEDIUM = "Medium"
    HIGH = "High"
    CRITICAL = "Critical"

    @property
    def rank(self) -> int:
        return _SEVERITY_ORDER[self]


_SEVERITY_ORDER = {severity: rank for rank, severity in enumerate(Severity)}


class SLOStatus(StrEnum):
    """`Unknown`: there is no policy, or no value to hold against it."""

    UNKNOWN = "Unknown"
    OK = "Ok"
    ELEVATED = "Elevated"
    WARNING = "Warning"
    BREACHED = "Breached"

    @property
    def rank(self) -> int:
        return _SLO_ORDER[self]


_SLO_ORDER = {status: rank for rank, status in enumerate(SLOStatus)}


class RunOutcome(StrEnum):
    """How a run ended. All but `SUCCEEDED` and `LEARNING` become a condition reason as they are."""

    SUCCEEDED = "Succeeded"
    LEARNING = "Learning"
    REJECTED = "ValidationFailed"
    INVALID_CONFIG = "InvalidConfig"
    INVALID_QUERY = "InvalidQuery"
    NO_DATA = "NoData"
    SOURCE_UNAVAILABLE = "SourceUnavailable"
    SOURCE_UNAUTHORIZED = "SourceUnauthorized"
    SECRET_MISSING = "SecretMissing"  # noqa: S105 - a reason code, not a secret
    ADDRESS_REFUSED = "AddressRefused"
    RESPONSE_TOO_LARGE = "ResponseTooLarge"
    MODEL_REFUSED = "ModelRefused"
    MODEL_MISSING = "ModelMissing"
    STORAGE_FULL = "StorageFull"
    INTERNAL_ERROR = "InternalError"


@dataclass(frozen=True, slots=True)
class ServiceIdentity:
    namespace: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """One metric; `query` is final (placeholders expanded), for a CSV source the column's name.

    `min_deviation_relative` is a share of the usual value (0.1 = 10 %). `None` = not given.
    """

    name: str
    role: Role
    query: str
    unit: Unit
    direction: Direction
    min_deviation_absolute: float | None = None
    min_deviation_relative: float | None = None
    valid_min: float | None = None
    valid_max: float | None = None


@dataclass(frozen=True, slots=True)
class PeriodSpec:
    """Days are 0 = Monday .. 6 = Sunday on which the period starts; minutes count from midnight.

    `end_minute <= start_minute` means that the period ends on the following day.
    """

    name: str
    days: tuple[int, ...]
    start_minute: int
    end_minute: int
    confidence: float


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """Where metrics come from. `file` is the CSV file's name below the mounted data folder."""

    name: str
    type: SourceType
    url: str = ""
    file: str = ""
    auth: AuthType = AuthType.NONE
    custom_ca: bool = False
    delay_seconds: int = 30
    timeout_seconds: float = 30.0
    max_response_bytes: int = 64 * 1024 * 1024
    denied_cidrs: tuple[str, ...] = ()
    allow_loopback: bool = False


@dataclass(frozen=True, slots=True)
class DetectorSpec:
    """`false_incidents_per_week` sets the alert threshold; `expected_anomaly_rate` only trims."""

    false_incidents_per_week: float
    expected_anomaly_rate: float
    seed: int


@dataclass(frozen=True, slots=True)
class Interval:
    """Half-open span of time, UTC unix seconds."""

    start: int
    end: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class TrainingSpec:
    """`exclude`: declared by the user; `incidents`: confirmed windows that training leaves out."""

    lookback_seconds: int
    min_univariate: int
    min_multivariate: int
    exclude: tuple[Interval, ...] = ()
    incidents: tuple[Interval, ...] = ()
    keep_revisions: int = 3
    live_services: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelRef:
    """The revision that serves and the sha256 of its manifest."""

    revision: str
    digest: str


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Acceptable <= warning <= critical; latency in seconds, errors as a ratio."""

    acceptable: float
    warning: float
    critical: float


@dataclass(frozen=True, slots=True)
class DatabaseThresholds:
    """Ratios to the training mean; below `floor` seconds nothing is held against them."""

    informational: float
    warning: float
    high: float
    critical: float
    floor: float


@dataclass(frozen=True, slots=True)
class RequestRateThresholds:
    """Ratios to the usual rate; `minimum`: expected requests a second by period name."""

    surge: float
    cliff: float
    minimum: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class BusyPeriod:
    name: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class SLOSpec:
    """An SLOPolicy as it applies to one service: overrides are already resolved."""

    policy: str
    latency: Thresholds | None = None
    error_rate: Thresholds | None = None
    database_latency: DatabaseThresholds | None = None
    request_rate: RequestRateThresholds | None = None
    error_rate_floor: float = 0.0
    traffic_floor: float = 0.0
    busy_periods: tuple[BusyPeriod, ...] = ()
    busy_factor: float = 1.5
    allow_downgrade: bool = True
    require_breach_for_critical: bool = True


@dataclass(frozen=True, slots=True)
class RunConfig:
    """Everything that a pod is told. Immutable; its ConfigMap is named by its hash."""

    kind: RunKind
    service: ServiceIdentity
    category: Category
    source: SourceSpec
    step_seconds: int
    metrics: tuple[MetricSpec, ...]
    time_zone: str
    periods: tuple[PeriodSpec, ...]
    detector: DetectorSpec
    training: TrainingSpec
    interval_seconds: int
    slo: SLOSpec | None = None
    model: ModelRef | None = None
    format_version: int = FORMAT_VERSION


@dataclass(frozen=True, slots=True)
class TrainReport:
    """The training pod's last word: at most 4,096 bytes of JSON as the termination message.

    `samples` of `needed` training rows; `enough_at` (ISO 8601, UTC) is when a new try can succeed.
    `digest` is the sha256 of the manifest, `arrays_digest` that of the arrays alone: equal data,
    seed and library versions give equal arrays. `level_shift`: what moved a week ago and
    stayed, and what to write to take it as the new normal; empty when nothing did.
    """

    outcome: RunOutcome
    message: str
    revision: str = ""
    digest: str = ""
    arrays_digest: str = ""
    trained_at: str = ""
    grade: str = ""
    samples: int = 0
    needed: int = 0
    enough_at: str = ""
    detectors: tuple[str, ...] = ()
    multivariate: bool = False
    provisional: bool = False
    validation: str = ""
    warnings: tuple[str, ...] = ()
    level_shift: str = ""
    format_version: int = FORMAT_VERSION


def require_version(document: Mapping[str, Any], what: str) -> None:
    """Raise ContractError when `document` is of another format than this one reads."""
    version = document.get("formatVersion")
    if version != FORMAT_VERSION:
        raise ContractError(
            f"{what}: formatVersion is {version!r}, this version reads {FORMAT_VERSION}; "
            "upgrade the older of operator and runtime image"
        )
