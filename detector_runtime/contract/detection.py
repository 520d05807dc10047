"""`.status.detection`: what a scoring run says about the windows it scored.

Part of the contract (standard library only): the scoring pod writes it, the operator folds it.
Windows that are not listed between `scored_from` and `scored_through` were Normal, which keeps a
quiet service's status at a few lines. Times are ISO 8601 with `Z`, decimals are strings, as in
every other part of the API.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

from detector_runtime.contract.codec import OMIT_DEFAULT
from detector_runtime.contract.context import ContextResult
from detector_runtime.contract.members import MemberName, VoteRule
from detector_runtime.contract.objectives import ObjectiveReport
from detector_runtime.contract.training_run import RunEvidence
from detector_runtime.contract.vocabulary import RunOutcome, Severity, SLOStatus, Verdict


@dataclass(frozen=True, slots=True)
class Contribution:
    """One metric's part in a finding. `share` adds up to 1 over all metrics of the window."""

    metric: str
    value: str
    unit: str
    usual_low: str
    usual_high: str
    deviation: str
    """How far outside, in words: `4.1x the upper end of its usual range`."""
    share: str
    detector: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found in a window: a named pattern, `metric_<name>` for what no pattern explains,
    `slo_breach` where the model finds nothing unusual, `error_budget_burn` where failures use up an
    objective's error budget too fast.

    `impact`: what it means for those who use the service; `explains`: the metrics that it is about.
    `adjustment`: why `severity` is not the model's, in one sentence; empty where it is.
    """

    pattern: str
    severity: Severity
    model_severity: Severity
    confidence: str
    score: str
    summary: str
    since: str
    contributions: tuple[Contribution, ...] = ()
    recommended_actions: tuple[str, ...] = ()
    impact: Annotated[str, OMIT_DEFAULT] = ""
    explains: Annotated[tuple[str, ...], OMIT_DEFAULT] = ()
    adjustment: Annotated[str, OMIT_DEFAULT] = ""


@dataclass(frozen=True, slots=True)
class MetricEvaluation:
    """One metric held against its SLO threshold."""

    metric: str
    value: str
    acceptable: str
    warning: str
    critical: str
    status: SLOStatus


@dataclass(frozen=True, slots=True)
class SLOEvaluation:
    """`proximity` = the worst value / its critical threshold; empty when nothing was evaluated.

    `metric`, `value`, `bound`: what decided the status, in people's units; `bound` is the same from
    window to window. All three are empty when nothing was evaluated. `explanation` says it in one
    sentence, or why there is no evaluation.
    """

    status: SLOStatus
    proximity: str = ""
    policy: str = ""
    busy_period: str = ""
    explanation: str = ""
    metric: str = ""
    value: str = ""
    bound: str = ""
    metrics: tuple[MetricEvaluation, ...] = ()


@dataclass(frozen=True, slots=True)
class WindowVerdict:
    """One window that was not Normal, named by its end.

    `model_severity`: of the first finding; None also in documents that are older than the field.
    `triggers`: of a training run, each as `name@step`, the worst first.
    """

    end: str
    verdict: Verdict
    reason: str = ""
    score: str = ""
    severity: Severity = Severity.NONE
    model_severity: Severity = Severity.NONE
    confidence: str = ""
    patterns: tuple[str, ...] = ()
    slo_status: SLOStatus = SLOStatus.UNKNOWN
    proximity: str = ""
    triggers: Annotated[tuple[str, ...], OMIT_DEFAULT] = ()


@dataclass(frozen=True, slots=True)
class MetricComparison:
    """A metric's value in the newest window beside what training saw."""

    metric: str
    value: str
    mean: str
    deviation_sigma: str
    p95: str


@dataclass(frozen=True, slots=True)
class UsualRange:
    """What is usual for a metric at this time of the day and week, in the metric's unit."""

    metric: str
    low: str
    high: str


@dataclass(frozen=True, slots=True)
class Drift:
    """Distance of recent data from the training data: from 3 on it costs confidence, from 5 on
    more."""

    score: str
    penalty: str
    metrics: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MemberVerdict:
    """What one member says of a window, on the scale of the window's score. Inconclusive and
    without a score: it has no value and abstains."""

    member: MemberName
    verdict: Verdict
    score: str = ""


@dataclass(frozen=True, slots=True)
class Votes:
    """`votes` of `members` call the window anomalous; those that abstain are not counted."""

    rule: VoteRule
    votes: int
    members: int
    verdicts: tuple[MemberVerdict, ...] = ()


@dataclass(frozen=True, slots=True)
class WindowReport:
    """One window in full. `alert_level`: the score from which on it is anomalous; `usual`: the
    usual range of each metric that has one. Older documents have neither. `training_run`: of the
    rows of a training run's window that is Anomalous. `votes`: of a model whose members vote.
    """

    end: str
    verdict: Verdict
    period: str
    severity: Severity
    confidence: str
    score: str
    probability: str
    reason: str = ""
    findings: tuple[Finding, ...] = ()
    slo: SLOEvaluation = SLOEvaluation(status=SLOStatus.UNKNOWN)
    drift: Drift | None = None
    warnings: tuple[str, ...] = ()
    comparison: tuple[MetricComparison, ...] = ()
    alert_level: Annotated[str, OMIT_DEFAULT] = ""
    usual: Annotated[tuple[UsualRange, ...], OMIT_DEFAULT] = ()
    training_run: Annotated[RunEvidence | None, OMIT_DEFAULT] = None
    votes: Annotated[Votes | None, OMIT_DEFAULT] = None

    @property
    def model_severity(self) -> Severity:
        """Of the first finding, before cap and SLO; None without a finding."""
        return self.findings[0].model_severity if self.findings else Severity.NONE


@dataclass(frozen=True, slots=True)
class RunStatus:
    """How the newest run ended; written anew only when it differs from the one before."""

    outcome: RunOutcome
    message: str = ""
    since: str = ""


@dataclass(frozen=True, slots=True)
class Detection:
    """The whole of `.status.detection`. `anomaly`: the worst Anomalous window (`window_order`, of
    equals the first) of the newest stretch of them that no Normal one breaks. `step_seconds`: the
    length of its windows; 0 in documents that are older than the field. `context`: by name, the
    newest result of each context query.
    """

    model_revision: str
    run: RunStatus
    step_seconds: int = 0
    scored_from: str = ""
    scored_through: str = ""
    windows: tuple[WindowVerdict, ...] = ()
    skipped_windows: int = 0
    report: WindowReport | None = None
    anomaly: WindowReport | None = None
    objectives: Annotated[tuple[ObjectiveReport, ...], OMIT_DEFAULT] = ()
    context: Annotated[tuple[ContextResult, ...], OMIT_DEFAULT] = ()
    format_version: int = 1


def window_order(
    severity: Severity, model_severity: Severity, score: str
) -> tuple[int, int, float]:
    """Sort key of Anomalous windows: the worst has the largest, and of equals the first counts.

    The model's own severity comes before the score, because under a cap all severities are equal
    and the smoothed score is often highest when the fault is just over. A window without a severity
    counts as Informational: it is worth a record. A score that is no finite number counts as 0.
    """
    try:
        value = float(score or 0)
    except ValueError:
        value = 0.0
    rank = max(severity.rank, Severity.INFORMATIONAL.rank)
    return rank, model_severity.rank, value if math.isfinite(value) else 0.0
