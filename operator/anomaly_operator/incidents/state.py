"""What the operator remembers of a service's incidents, and the bounds of that memory.

All of it lives in `status.incidents` of the AnomalyService, written and read by the field types
below (`wire`): killing the operator at any point loses nothing. A value here is enough to re-create
its Anomaly object at any time. There is no list of windows, no log and no notification queue in
these types, because a status has no room for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, ClassVar

from anomaly_operator.spec.expected import Expectation
from detector_runtime.contract.codec import OMIT_DEFAULT, Key, Time
from detector_runtime.contract.detection import Contribution, MetricComparison
from detector_runtime.contract.vocabulary import Severity, SLOStatus

MAX_TRACKED = 8
MAX_PATTERNS = 8
MAX_RULES = 32
MAX_CONTEXT_METRICS = 5
UNEXPLAINED = "unexplained"
"""Pattern of a window that was anomalous though the document names no finding."""


class IncidentPhase(StrEnum):
    SUSPECTED = "Suspected"
    OPEN = "Open"
    RECOVERING = "Recovering"
    CLOSED = "Closed"


class Verdict(StrEnum):
    """What a person says of an incident, in `spec.feedback.verdict`."""

    TRUE_POSITIVE = "TruePositive"
    FALSE_POSITIVE = "FalsePositive"
    EXPECTED = "Expected"

    @property
    def normal(self) -> bool:
        """Whether the windows were normal after all."""
        return self is not Verdict.TRUE_POSITIVE


class Resolution(StrEnum):
    """Why an incident closed. A suspected one that expires leaves no record at all."""

    RESOLVED = "Resolved"
    STALE = "Stale"
    EXPECTED = "Expected"
    FALSE_POSITIVE = "FalsePositive"
    LOST = "Lost"
    RUN_ENDED = "RunEnded"


@dataclass(frozen=True, slots=True)
class IncidentSettings:
    """One service's identity and the life cycle's settings; durations in seconds.

    `separation_seconds` exceeds (grace + 1) x max(step, interval): admission checks that, because
    otherwise an incident goes stale before its grace has passed. `expected`: by the spec; what
    people said of incidents is in the state.
    """

    service: str
    service_uid: str
    step_seconds: int
    confirmation_cycles: int = 2
    grace_cycles: int = 3
    separation_seconds: int = 1_800
    reopen_seconds: int = 1_800
    expected: tuple[Expectation, ...] = ()


@dataclass(frozen=True, slots=True)
class PatternSight:
    """A pattern that joined an incident; `severity` is the highest of the windows it was in."""

    name: str
    first_seen: Time
    last_seen: Time
    severity: Severity


@dataclass(frozen=True, slots=True)
class SLOResult:
    """A window against its SLO; `proximity` = worst value / its critical threshold, or empty.
    `explanation`: what decided the status, where the window was known in full."""

    omit_empty: ClassVar[bool] = True

    status: SLOStatus = SLOStatus.UNKNOWN
    proximity: str = ""
    explanation: str = ""


@dataclass(frozen=True, slots=True)
class ResolutionContext:
    """How the service stood when the incident closed: the newest scored window at that moment."""

    omit_empty: ClassVar[bool] = True

    at: Time
    slo: SLOResult = SLOResult()
    metrics: tuple[MetricComparison, ...] = ()


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident. Times are window ends in unix seconds, never the times of runs.

    `pattern`, `severity`, `model_severity`, `score`, `confidence` and `slo` are those of the worst
    window so far, by severity, model severity and score, and `worst_at` is the end of that window
    (but a first window that only its score makes the worst gives no `pattern` alone, `evidence`);
    the `current_*` fields are those of the newest anomalous window, which ends at `last_seen`.
    `opening_pattern` is that of the window that confirmed the incident, and until then of its first
    window; the fingerprint follows it. `impact`: what the worst window means for those who use the
    service; `adjustment`: why its severity is not the model's. `normal_since`: the first of the
    Normal windows that came last, None while there is none.
    `reopened_at`: the newest reopening. `anomaly` is the object's name, empty until the incident is
    confirmed.
    """

    omit_empty: ClassVar[bool] = True

    fingerprint: str
    opening_pattern: str
    pattern: str
    phase: Annotated[IncidentPhase, Key("state")]
    first_seen: Time
    last_seen: Time
    severity: Severity
    current_severity: Severity
    anomaly: str = ""
    confirmed_at: Time | None = None
    closed_at: Time | None = None
    resolution: Resolution | None = None
    # None in a status older than the field, which is written as it was read.
    model_severity: Annotated[Severity, OMIT_DEFAULT] = Severity.NONE
    score: str = ""
    confidence: str = ""
    slo: SLOResult = SLOResult()
    occurrences: int = 0
    consecutive: int = 0
    missed: int = 0
    cycles_to_confirm: int = 0
    reopened: int = 0
    patterns: tuple[PatternSight, ...] = ()
    summary: str = ""
    contributions: tuple[Contribution, ...] = ()
    recommended_actions: tuple[str, ...] = ()
    impact: str = ""
    context: ResolutionContext | None = None
    worst_at: Time | None = None
    reopened_at: Time | None = None
    normal_since: Time | None = None
    current_slo: Annotated[SLOStatus, OMIT_DEFAULT] = SLOStatus.UNKNOWN
    current_score: str = ""
    current_summary: str = ""
    adjustment: str = ""

    @property
    def opened(self) -> int:
        """Since when it has been going on: the newest reopening, else its first window."""
        return self.reopened_at or self.first_seen

    @property
    def running(self) -> bool:
        return self.phase is not IncidentPhase.CLOSED

    @property
    def confirmed(self) -> bool:
        return bool(self.anomaly)

    def duration_seconds(self, step_seconds: int) -> int:
        """From the start of the first anomalous window since the (re)opening to the end of the last
        one."""
        return self.last_seen - self.opened + step_seconds


@dataclass(frozen=True, slots=True)
class ExpectedRule:
    """What a person called normal: windows with `pattern`, up to `severity` and `slo`, that end by
    `until`. `anomaly` is the incident on which it was said, `at` when the operator took it up.
    """

    omit_empty: ClassVar[bool] = True

    pattern: str
    severity: Severity
    until: Time
    at: Time
    anomaly: str
    verdict: Verdict
    slo: Annotated[SLOStatus, OMIT_DEFAULT] = SLOStatus.UNKNOWN


@dataclass(frozen=True, slots=True)
class IncidentState:
    """The incidents of one service, newest first; a running one is always the first.

    `folded_through` is the end of the newest window that changed anything. Windows up to it are
    never folded again. Normal windows with nothing running do not move it, so they cost no write.
    `expected`: what people called normal, at most MAX_RULES; it outlives the objects on which it
    was said. `judged_at`: when a verdict last changed what training may learn from.
    """

    omit_empty: ClassVar[bool] = True

    folded_through: Time | None = None
    tracked: tuple[Incident, ...] = ()
    judged_at: Time | None = None
    expected: tuple[ExpectedRule, ...] = ()

    @property
    def running(self) -> Incident | None:
        """The one incident that is not closed, if any."""
        return self.tracked[0] if self.tracked and self.tracked[0].running else None

    @property
    def severity(self) -> Severity:
        """Severity of the running confirmed incident; None while nothing is confirmed."""
        running = self.running
        return running.severity if running and running.confirmed else Severity.NONE

    @property
    def model_severity(self) -> Severity:
        """What the model says of the running confirmed incident, before the SLO."""
        running = self.running
        return running.model_severity if running and running.confirmed else Severity.NONE

    def count(self, phase: IncidentPhase) -> int:
        return sum(incident.phase is phase for incident in self.tracked)
