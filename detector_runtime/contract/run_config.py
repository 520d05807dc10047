"""`RunConfig`: everything that a pod is told, as a mounted file. Immutable once written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from detector_runtime.contract.codec import OMIT_DEFAULT
from detector_runtime.contract.context import ContextQuery
from detector_runtime.contract.members import MAJORITY, MemberSpec, VoteSpec
from detector_runtime.contract.objectives import ObjectiveSpec
from detector_runtime.contract.patterns import PatternSpec
from detector_runtime.contract.source_request import SourceLimits, SourceRequest
from detector_runtime.contract.training_run import TrainingRunSpec
from detector_runtime.contract.vocabulary import (
    FORMAT_VERSION,
    AuthType,
    Category,
    DayTreatment,
    Direction,
    MetricType,
    Role,
    RunKind,
    SourceType,
    Unit,
)


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
    type: Annotated[MetricType, OMIT_DEFAULT] = MetricType.AUTO


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

    @property
    def spoken(self) -> str:
        """What a sentence calls it. Empty for one that is the whole week, which says nothing of
        a window."""
        whole = len(set(self.days)) == 7 and self.start_minute == self.end_minute
        return "" if whole else self.name.replace("_", " ")


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """Where metrics come from. `file` is the CSV file's name below the mounted data folder.

    `request` and `limits` are None where the administrator sets nothing.
    """

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
    request: SourceRequest | None = None
    limits: SourceLimits | None = None


@dataclass(frozen=True, slots=True)
class DetectorSpec:
    """`false_incidents_per_week` sets the alert level; `expected_anomaly_rate` only trims.
    `level_offset`: by how much scoring raises the level because more came true than was asked for.
    `members`: the detectors that `vote`; none where the engine's own set serves.
    """

    false_incidents_per_week: float
    expected_anomaly_rate: float
    seed: int
    level_offset: float = 0.0
    members: Annotated[tuple[MemberSpec, ...], OMIT_DEFAULT] = ()
    vote: Annotated[VoteSpec, OMIT_DEFAULT] = MAJORITY


@dataclass(frozen=True, slots=True)
class Interval:
    """Half-open span of time, UTC unix seconds."""

    start: int
    end: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class CalendarSpec:
    """The days of one calendar as spans, in order and apart."""

    name: str
    treat: DayTreatment
    spans: tuple[Interval, ...]


@dataclass(frozen=True, slots=True)
class LivePart:
    """The live services whose uid begins with `prefix`, instead of all of a large namespace."""

    prefix: str
    uids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TrainingSpec:
    """`exclude`: declared by the user; `incidents`: confirmed windows that training leaves out;
    `accepted`: windows of incidents that are the new normal, which training learns whole.
    `live_services`: uids of all services of the namespace; where they are many it is empty, and
    `live_part` has those that this training is to tell from the ones that are gone."""

    lookback_seconds: int
    min_univariate: int
    min_multivariate: int
    exclude: tuple[Interval, ...] = ()
    incidents: tuple[Interval, ...] = ()
    keep_revisions: int = 3
    live_services: tuple[str, ...] = ()
    accepted: Annotated[tuple[Interval, ...], OMIT_DEFAULT] = ()
    live_part: Annotated[LivePart | None, OMIT_DEFAULT] = None


@dataclass(frozen=True, slots=True)
class IncidentSpec:
    """When windows become an incident, as the operator folds them: the alert level is set by it.

    Cycles are windows. `separation_seconds` is more than (grace_cycles + 1) steps.
    """

    confirmation_cycles: int = 2
    grace_cycles: int = 3
    separation_seconds: int = 1800
    reopen_seconds: int = 1800


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
    """Everything that a pod is told. Immutable; its ConfigMap is named by its hash.

    `patterns`: the administrator's and the user's, which add to the built-in ones or replace them.
    `training_run`: of a run of kind Follow, which has no model and may have no metrics.
    """

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
    incidents: IncidentSpec = IncidentSpec()
    calendars: Annotated[tuple[CalendarSpec, ...], OMIT_DEFAULT] = ()
    patterns: Annotated[tuple[PatternSpec, ...], OMIT_DEFAULT] = ()
    non_alerting_patterns: Annotated[tuple[str, ...], OMIT_DEFAULT] = ()
    objectives: Annotated[tuple[ObjectiveSpec, ...], OMIT_DEFAULT] = ()
    context: Annotated[tuple[ContextQuery, ...], OMIT_DEFAULT] = ()
    training_run: Annotated[TrainingRunSpec | None, OMIT_DEFAULT] = None
    format_version: int = FORMAT_VERSION
