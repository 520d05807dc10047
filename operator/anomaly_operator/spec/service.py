"""An AnomalyService's spec as frozen values: parsed once, then nobody reads the raw dict again.

Units are in the names: seconds, shares as fractions, times as unix seconds. Everything that the
schema defaults has been filled in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from anomaly_operator.spec.calendars import Calendar
from anomaly_operator.spec.context import ContextPlan
from anomaly_operator.spec.expected import Expectation
from anomaly_operator.spec.pod_template import PodTemplate
from anomaly_operator.spec.profile import Profile
from anomaly_operator.spec.serving import ServingPlan
from anomaly_operator.spec.training_run import TrainingRunPlan
from anomaly_operator.spec.workload import WorkloadRef
from detector_runtime.contract.patterns import PatternSpec
from detector_runtime.contract.run_config import DetectorSpec, Interval, MetricSpec, PeriodSpec
from detector_runtime.contract.training_run import Trainer
from detector_runtime.contract.vocabulary import Category

LEARN_AFTER_SECONDS = 3 * 86400


class MetricPreset(StrEnum):
    OPEN_TELEMETRY_SPAN_METRICS = "OpenTelemetrySpanMetrics"


class PeriodPreset(StrEnum):
    WORK_WEEK = "WorkWeek"


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """`schedule` is a cron expression in the service's time zone."""

    schedule: str = "0 2 * * *"
    spread_seconds: int = 7200
    lookback_seconds: int = 30 * 86400
    min_univariate: int = 500
    min_multivariate: int = 1000
    exclude: tuple[Interval, ...] = ()


@dataclass(frozen=True, slots=True)
class IncidentPlan:
    """Cycles are windows. `separation_seconds` > (grace + 1) x max(step, interval). An incident
    that lasts longer than `learn_after_seconds` is learned: training leaves it out no more.
    `expected`: what opens none for a while."""

    confirmation_cycles: int = 2
    resolution_grace_cycles: int = 3
    separation_seconds: int = 1800
    reopen_within_seconds: int = 1800
    retention_seconds: int = 30 * 86400
    max_kept: int = 100
    learn_after_seconds: int = LEARN_AFTER_SECONDS
    expected: tuple[Expectation, ...] = ()


@dataclass(frozen=True, slots=True)
class Dependency:
    """Another AnomalyService; `namespace` empty: of the same namespace."""

    name: str
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """`metrics` are the user's own; those of `preset` depend on the source and come later.
    Their queries still hold placeholders. Resources are those of a container, empty = settings'.
    `tolerance_stated`: how many false incidents are tolerated is the user's own figure, not the
    default, for which the settings may have another. `patterns`: the service's own, which
    replace the administrator's and the built-in ones of the same name. `alert_labels`: on messages,
    and what the administrator's routes match. `training_run`: where the profile is TrainingRun.
    """

    category: Category
    suspend: bool
    source: str
    parameters: Mapping[str, str]
    step_seconds: int
    rate_interval_seconds: int
    preset: MetricPreset | None
    metrics: tuple[MetricSpec, ...]
    time_zone: str
    periods: tuple[PeriodSpec, ...]
    detector: DetectorSpec
    training: TrainingPlan
    interval_seconds: int
    incidents: IncidentPlan
    depends_on: tuple[Dependency, ...] = ()
    slo_policy: str = ""
    model_revision: str = ""
    calendars: tuple[Calendar, ...] = ()
    training_resources: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    inference_resources: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    pod_template: PodTemplate = field(default_factory=PodTemplate)
    tolerance_stated: bool = False
    patterns: tuple[PatternSpec, ...] = ()
    non_alerting_patterns: tuple[str, ...] = ()
    workload: WorkloadRef | None = None
    context: tuple[ContextPlan, ...] = ()
    alert_labels: Mapping[str, str] = field(default_factory=dict)
    training_run: TrainingRunPlan | None = None
    serving: ServingPlan = field(default_factory=ServingPlan)

    @property
    def profile(self) -> Profile:
        return Profile.TRAINING_RUN if self.training_run else Profile.MICROSERVICE

    @property
    def trainer(self) -> Trainer | None:
        """The workload that a training run names."""
        return self.training_run.run.trainer if self.training_run else None
