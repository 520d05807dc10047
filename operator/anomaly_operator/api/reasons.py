"""The reasons that conditions and Events of ours carry; documented in docs/conditions.md, those of
incidents in docs/incidents.md.

A reason is an interface: people alert on it and scripts wait for it, so tests hold these lists
against the pages. Three more come as they are from elsewhere: what ended an incident
(`incidents.state.Resolution`), the verdict that a person gave on it, and the Events of its edges
(`incidents.transitions.Action`).
"""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Reasons of conditions. Those of runs come as they are from `contract.RunOutcome`."""

    # All is well, or on its way.
    READY = "Ready"
    STEADY = "Steady"
    SUSPENDED = "Suspended"
    LEARNING = "Learning"
    TRAINING = "Training"
    TRAINING_QUEUED = "TrainingQueued"
    TRAINING_DEFERRED = "TrainingDeferred"
    SERVING = "Serving"
    PROVISIONAL = "Provisional"
    PINNED = "Pinned"
    AWAITING_PROMOTION = "AwaitingPromotion"
    NEAR_LIMIT = "NearLimit"
    DETECTING = "Detecting"
    ANOMALIES_REMOVED_EARLY = "AnomaliesRemovedEarly"
    ANOMALY_LIMIT = "AnomalyLimit"
    WAITING_FOR_FIRST_RUN = "WaitingForFirstRun"
    NO_MODEL = "NoModel"
    NOT_NEEDED = "NotNeeded"
    NO_ROWS = "NoRows"
    RUN_STALLED = "RunStalled"
    RUN_OVER = "RunOver"
    DATA_COMPLETE = "DataComplete"
    DATA_INCOMPLETE = "DataIncomplete"
    NO_DRIFT = "NoDrift"
    DRIFT_DETECTED = "DriftDetected"
    NO_LEVEL_SHIFT = "NoLevelShift"
    LEVEL_SHIFT = "LevelShift"
    LASTING_INCIDENT = "LastingIncident"
    WITHIN_OBJECTIVES = "WithinObjectives"
    APPROACHING_OBJECTIVES = "ApproachingObjectives"
    OBJECTIVES_BREACHED = "ObjectivesBreached"
    ERROR_BUDGET_BURNING = "ErrorBudgetBurning"
    ERROR_BUDGET_EXHAUSTED = "ErrorBudgetExhausted"
    NO_POLICY = "NoPolicy"
    NOT_EVALUATED = "NotEvaluated"
    RESOLVED = "Resolved"
    NO_DEPENDENCIES = "NoDependencies"

    AVAILABLE = "Available"
    ROLLING_OUT = "RollingOut"
    NOT_AVAILABLE = "NotAvailable"
    SERVING_DISABLED = "ServingDisabled"
    ACCOUNT_NOT_SET = "AccountNotSet"

    # The spec, seen by more than the schema.
    INVALID_SPEC = "InvalidSpec"
    INVALID_TIME_ZONE = "InvalidTimeZone"
    INVALID_SCHEDULE = "InvalidSchedule"
    INVALID_PERIODS = "InvalidPeriods"
    INVALID_CALENDAR = "InvalidCalendar"
    INVALID_PARAMETERS = "InvalidParameters"
    TOO_MUCH_EXCLUDED = "TooMuchExcluded"
    TOO_SHORT_LOOKBACK = "TooShortLookback"
    SEPARATION_TOO_SHORT = "SeparationTooShort"
    SOURCE_UNKNOWN = "SourceUnknown"
    SOURCE_UNSUITABLE = "SourceUnsuitable"
    PRESET_UNSUPPORTED = "PresetUnsupported"
    POD_TEMPLATE_REFUSED = "PodTemplateRefused"
    UNKNOWN_REVISION = "UnknownRevision"
    REVISION_MISMATCH = "RevisionMismatch"
    DEPENDENCY_MISSING = "DependencyMissing"
    DEPENDENCY_CYCLE = "DependencyCycle"
    DEPENDENCY_NOT_ALLOWED = "DependencyNotAllowed"
    PATTERN_UNKNOWN = "PatternUnknown"

    # The spec, seen by the data: as `contract.SpecWarning` has them.
    NO_VALUES = "NoValues"
    UNIT_MISMATCH = "UnitMismatch"
    SLO_UNREACHABLE = "SLOUnreachable"
    SLO_ALWAYS_BREACHED = "SLOAlwaysBreached"

    # Policies.
    POLICY_NOT_FOUND = "PolicyNotFound"
    POLICY_INVALID = "PolicyInvalid"
    POLICY_CONFLICT = "PolicyConflict"
    INVALID_THRESHOLDS = "InvalidThresholds"
    INVALID_OBJECTIVES = "InvalidObjectives"
    INVALID_PLAYBOOK = "InvalidPlaybook"
    VALID = "Valid"
    EXPORTED = "Exported"
    NOTHING_TO_EXPORT = "NothingToExport"
    KIND_NOT_SERVED = "KindNotServed"

    # Objects in the way, and objects that the API server refuses.
    NAME_CONFLICT = "NameConflict"
    QUOTA_EXCEEDED = "QuotaExceeded"
    FORBIDDEN = "Forbidden"
    REJECTED = "Rejected"
    SERVER_ERROR = "ServerError"

    # What became of a pod, a Job or a volume.
    OUT_OF_MEMORY = "OutOfMemory"
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    IMAGE_UNAVAILABLE = "ImageUnavailable"
    POD_REFUSED = "PodRefused"
    UNSCHEDULABLE = "Unschedulable"
    EVICTED = "Evicted"
    CONFIG_MISSING = "ConfigMissing"
    REPORT_MISSING = "ReportMissing"
    FOREIGN_CONTAINER = "ForeignContainer"
    CLAIM_LOST = "ClaimLost"
    STALE = "Stale"
    CLOCK_SKEW = "ClockSkew"

    # As `contract.RunOutcome` has them.
    VALIDATION_FAILED = "ValidationFailed"
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


class EventReason(StrEnum):
    """Reasons of Events, one a transition."""

    TRAINING_STARTED = "TrainingStarted"
    TRAINING_SUCCEEDED = "TrainingSucceeded"
    TRAINING_FAILED = "TrainingFailed"
    POD_KEPT_RUNNING = "PodKeptRunning"
    LEARNING = "Learning"
    MODEL_PROMOTED = "ModelPromoted"
    DETECTION_STARTED = "DetectionStarted"
    DETECTION_STALE = "DetectionStale"
    DETECTION_RESUMED = "DetectionResumed"
    INVALID_SPEC = "InvalidSpec"
    NAME_CONFLICT = "NameConflict"
    POLICY_CONFLICT = "PolicyConflict"
    SUSPENDED = "Suspended"
    RESUMED = "Resumed"
    RECONCILE_FAILED = "ReconcileFailed"
    DEADLINE_MISSED = "DeadlineMissed"
    CONTAINMENT_REQUESTED = "ContainmentRequested"
    CONTAINMENT_SUCCEEDED = "ContainmentSucceeded"
    CONTAINMENT_FAILED = "ContainmentFailed"
    ROOT_CAUSE_CHANGED = "RootCauseChanged"
    TRAINER_SUSPENDED = "TrainerSuspended"
    TRAINER_NOT_SUSPENDED = "TrainerNotSuspended"
    STATUS_FIELDS_REMOVED = "StatusFieldsRemoved"
    STATUS_CONTESTED = "StatusContested"


class AnomalyReason(StrEnum):
    """Reasons of an Anomaly's conditions."""

    OPEN = "Open"
    RECOVERING = "Recovering"
    SUSPENDED = "Suspended"
    ACKNOWLEDGED = "Acknowledged"
    NOT_ACKNOWLEDGED = "NotAcknowledged"
    EXCLUDED = "Excluded"
    LEARNED = "Learned"
    NOT_TRAINED = "NotTrained"
    NO_RECEIVER = "NoReceiver"
    NOT_ALERTING = "NotAlerting"
    DELIVERED = "Delivered"
    PENDING = "Pending"
    FAILING = "Failing"
    GROUPED_WITH_ROOT = "GroupedWithRoot"
