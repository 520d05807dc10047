"""The words that operator and pods share: enums, bounds, mount paths, exit codes.

A document of a newer format is refused rather than guessed at.
"""

from __future__ import annotations

from collections.abc import Mapping
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
RUN_DATA_DIR = "/var/lib/anomaly-operator/run"
"""The claim with a training run's log, checkpoints and snapshots."""
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
    FOLLOW = "Follow"


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
    STEP = "Step"
    LOSS = "Loss"
    LEARNING_RATE = "LearningRate"
    ACCURACY = "Accuracy"

    @property
    def of_a_run(self) -> bool:
        """Whether only a training run has it, whose findings come from rules on its rows."""
        return self in (Role.STEP, Role.LOSS, Role.LEARNING_RATE, Role.ACCURACY)


class Unit(StrEnum):
    REQUESTS_PER_SECOND = "RequestsPerSecond"
    SECONDS = "Seconds"
    MILLISECONDS = "Milliseconds"
    RATIO = "Ratio"
    PERCENT = "Percent"
    BYTES = "Bytes"
    COUNT = "Count"
    NONE = "None"


class MetricType(StrEnum):
    """`Auto`: training tells from the values, and takes a gauge where it is not sure."""

    AUTO = "Auto"
    GAUGE = "Gauge"
    COUNTER = "Counter"


class Direction(StrEnum):
    UP = "Up"
    DOWN = "Down"
    BOTH = "Both"


class SourceType(StrEnum):
    PROMETHEUS = "Prometheus"
    CSV = "CSV"
    MLFLOW = "MLflow"
    RUN_LOG = "RunLog"
    TRAIN_JOB = "TrainJob"


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


class NotJudged(StrEnum):
    """Why a window is Inconclusive."""

    NO_DATA = "NoData"
    TRAFFIC_MISSING = "TrafficMissing"
    PARTIAL_DATA = "PartialData"
    UNDEFINED = "Undefined"
    EXCLUDED = "Excluded"
    CALENDAR_DAY = "CalendarDay"

    @property
    def data_lost(self) -> bool:
        """Whether anything is missing. Undefined: every metric is a ratio without a denominator, as
        the service has nothing to do; on a day of a calendar nobody asked for a verdict."""
        return self in {NotJudged.NO_DATA, NotJudged.TRAFFIC_MISSING, NotJudged.PARTIAL_DATA}


class DayTreatment(StrEnum):
    """What becomes of the days of a calendar."""

    OWN_BASELINE = "OwnBaseline"
    EXCLUDE = "Exclude"
    BUSY = "Busy"


class SpecWarning(StrEnum):
    """First word of a warning `Reason: text` of a training or a window that speaks of the spec.

    Each becomes a condition reason as it is; a warning without one of them stays a warning.
    """

    NO_VALUES = "NoValues"
    UNIT_MISMATCH = "UnitMismatch"
    SLO_UNREACHABLE = "SLOUnreachable"
    SLO_ALWAYS_BREACHED = "SLOAlwaysBreached"


def require_version(document: Mapping[str, Any], what: str) -> None:
    """Raise ContractError when `document` is of another format than this one reads."""
    version = document.get("formatVersion")
    if version != FORMAT_VERSION:
        raise ContractError(
            f"{what}: formatVersion is {version!r}, this version reads {FORMAT_VERSION}; "
            "upgrade the older of operator and runtime image"
        )
