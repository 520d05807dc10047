"""From scores to verdicts: the report of each window.

The model says how unusual a window is; here that becomes Normal, Anomalous or Inconclusive, a
severity through the SLO, and a finding with its reasons. A window without enough data is
Inconclusive: it neither opens nor closes an incident.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from detector_runtime.contract.detection import (
    Drift,
    Finding,
    MetricComparison,
    SLOEvaluation,
    WindowReport,
)
from detector_runtime.contract.run_config import MetricSpec, PeriodSpec, SLOSpec
from detector_runtime.contract.text import decimal, iso, percent
from detector_runtime.contract.vocabulary import Role, Severity, SLOStatus, Verdict
from detector_runtime.errors import one_line
from detector_runtime.model.fitted import FittedModel
from detector_runtime.model.scoring import Scores
from detector_runtime.model.severity_levels import SeverityLevels
from detector_runtime.verdict import explain
from detector_runtime.verdict.actions import recommended
from detector_runtime.verdict.calendar_days import CALENDAR_DAY
from detector_runtime.verdict.reading import Reading
from detector_runtime.verdict.severity import (
    SeverityInputs,
    Subject,
    model_severity,
    through_slo,
)
from detector_runtime.verdict.slo import SLOVerdict, evaluate

NO_DATA = "NoData"
TRAFFIC_MISSING = "TrafficMissing"
PARTIAL_DATA = "PartialData"
UNDEFINED = "Undefined"
"""Every metric is a ratio without a denominator: the service has nothing to do."""
SLO_BREACH = "slo_breach"
STANDARD_ROLES = frozenset(
    {Role.TRAFFIC, Role.LATENCY, Role.ERRORS, Role.DEPENDENCY_LATENCY, Role.DATABASE_LATENCY}
)
MISSING_STANDARD = 3
"""So many standard metrics missing at once point at the monitoring, not at the service."""
MAX_WARNINGS = 8
DRIFTED = 3.0
NO_CONFIDENCE = percent(0.0)
"""A score that is high by its memory alone, or in a period that is not trusted at all, opens
nothing."""
RARE = 2
"""Index of the 1st percentile in `Statistics.quantiles`."""


@dataclass(frozen=True, slots=True)
class JudgeContext:
    """What is the same for all windows of a run. `partial`: the source reports missing data;
    `unjudged`: why the model does not judge a window, by its end."""

    metrics: tuple[MetricSpec, ...]
    policy: SLOSpec | None
    period_at: Callable[[int], PeriodSpec]
    model: FittedModel
    warnings: tuple[str, ...] = ()
    partial: bool = False
    unjudged: Mapping[int, str] = field(default_factory=dict)


def judge(context: JudgeContext, scores: Scores) -> tuple[WindowReport, ...]:
    """A report for each window of `scores`."""
    windows = (_window(context, scores, row) for row in range(len(scores.times)))
    return tuple(_report(context, one, scores.levels) for one in windows)


def missing_evidence(metrics: tuple[MetricSpec, ...], present: tuple[bool, ...]) -> str:
    """Why a window with these metrics present cannot be judged; empty when it can."""
    if not any(present):
        return NO_DATA
    pairs = list(zip(metrics, present, strict=True))
    traffic = [there for metric, there in pairs if metric.role is Role.TRAFFIC]
    if traffic and not any(traffic):
        return TRAFFIC_MISSING
    standard = [there for metric, there in pairs if metric.role in STANDARD_ROLES]
    if standard.count(False) >= MISSING_STANDARD or present.count(False) * 2 > len(present):
        return PARTIAL_DATA
    return ""


@dataclass(frozen=True, slots=True)
class _Window:
    """One window with all that is known of it; `since` and `end` in unix seconds."""

    end: int
    since: int
    step: int
    score: float
    probability: float
    anomalous: bool
    confidence: float
    magnitude: float
    drift: Drift
    period: PeriodSpec
    observations: tuple[explain.Observation, ...]
    undefined: tuple[bool, ...]
    judged: tuple[bool, ...]
    slo: SLOVerdict


def _window(context: JudgeContext, scores: Scores, row: int) -> _Window:
    end, step = int(scores.times[row]), context.model.step
    period = context.period_at(end - step)
    observations = _observations(context, scores, row)
    kept = 1 - float(scores.drift.penalty[row])
    return _Window(
        end=end,
        since=int(scores.building_since[row]),
        step=step,
        score=float(scores.score[row]),
        probability=float(scores.probability[row]),
        anomalous=bool(scores.anomalous[row]),
        confidence=float(scores.confidence[row]) * period.confidence * kept,
        magnitude=float(scores.magnitude[row]),
        drift=_drift(context.metrics, scores, row),
        period=period,
        observations=observations,
        undefined=tuple(scores.undefined[row].tolist()),
        judged=tuple(scores.judged[row].tolist()),
        slo=evaluate(context.policy, _readings(context, observations), end, period.name, step),
    )


def _report(context: JudgeContext, window: _Window, levels: SeverityLevels) -> WindowReport:
    left_out = context.unjudged.get(window.end, "")
    reason = left_out or _inconclusive(context, window)
    findings: tuple[Finding, ...] = ()
    if left_out == CALENDAR_DAY and window.slo.breached:
        # A threshold needs no usual.
        reason, findings = "", (_breach(window),)
    elif not reason and window.anomalous and percent(window.confidence) != NO_CONFIDENCE:
        findings = (_finding(context, window, levels),)
    elif not reason and window.slo.breached:
        findings = (_breach(window),)
    elif not reason and context.partial:
        # Partial data can show an anomaly; it cannot show that there is none.
        reason = PARTIAL_DATA
    verdict = Verdict.ANOMALOUS if findings else Verdict.NORMAL
    slo = window.slo.evaluation
    if reason and not window.slo.breached:
        # What is there can breach an objective; it cannot show that all are met.
        slo = SLOEvaluation(
            SLOStatus.UNKNOWN, policy=slo.policy, explanation=f"not evaluated: {reason}"
        )
    return WindowReport(
        end=iso(window.end),
        verdict=Verdict.INCONCLUSIVE if reason else verdict,
        period=window.period.name,
        severity=findings[0].severity if findings else Severity.NONE,
        confidence=findings[0].confidence if findings else percent(window.confidence),
        # A window that cannot be judged has no score, or it would look like a judged one.
        score="" if reason else decimal(window.score, 3),
        probability="" if reason else _probability(window.probability),
        reason=reason,
        findings=findings,
        slo=slo,
        drift=window.drift,
        warnings=context.warnings[:MAX_WARNINGS],
        comparison=_comparison(context, window.observations),
    )


def _observations(
    context: JudgeContext, scores: Scores, row: int
) -> tuple[explain.Observation, ...]:
    return tuple(
        explain.Observation(
            metric=metric,
            value=float(scores.values[row, column]),
            low=float(scores.usual_low[row, column]),
            high=float(scores.usual_high[row, column]),
            share=float(scores.contributions[row, column]),
            detector=_detector(scores, row, column),
            # not where a nightly run is due
            zero_normal=bool(context.model.statistics.zero_normal[column])
            and not float(scores.usual_low[row, column]) > 0,
            undefined=bool(scores.undefined[row, column]),
        )
        for column, metric in enumerate(context.metrics)
    )


def _detector(scores: Scores, row: int, column: int) -> str:
    index = int(scores.detector_index[row, column])
    return scores.detectors[index] if 0 <= index < len(scores.detectors) else ""


def _inconclusive(context: JudgeContext, window: _Window) -> str:
    # A metric that training hardly saw (a service without a database) is not missing, and one that
    # is undefined (0/0) is no lost data: the others judge alone.
    known = context.model.ensemble.scaling.known
    columns = [
        column
        for column in range(len(context.metrics))
        if known[column] and (window.judged[column] or not window.undefined[column])
    ]
    if not columns and any(window.undefined):
        return UNDEFINED
    reason = missing_evidence(
        tuple(context.metrics[column] for column in columns),
        tuple(window.judged[column] for column in columns),
    )
    if not reason and not math.isfinite(window.score):
        return PARTIAL_DATA
    return reason


def _readings(
    context: JudgeContext, observations: tuple[explain.Observation, ...]
) -> tuple[Reading, ...]:
    statistics = context.model.statistics
    return tuple(
        Reading(
            metric=one.metric,
            value=one.value,
            usual=0.0 if one.zero_normal else (one.low + one.high) / 2,
            mean=float(statistics.mean[column]) if statistics.samples[column] else math.nan,
            low=one.low,
            high=one.high,
            least=float(statistics.quantiles[column, RARE])
            if statistics.samples[column]
            else math.nan,
            undefined=one.undefined,
        )
        for column, one in enumerate(observations)
    )


def _finding(context: JudgeContext, window: _Window, levels: SeverityLevels) -> Finding:
    slo = window.slo
    ordered = explain.by_share(window.observations, slo.outage)
    leading, about = ordered[0], explain.subject(ordered)
    outage = leading.metric.name in slo.outage
    open_to_policy = [one.metric.name for one in about if one.metric.name not in slo.judged]
    lasted = max(0, window.end - window.since)
    inputs = SeverityInputs(
        window.score, window.magnitude, lasted, windows=lasted // window.step + 1, outage=outage
    )
    model = model_severity(inputs, levels)
    severity = through_slo(
        model,
        slo.status,
        context.policy,
        provisional=context.model.provisional,
        subject=Subject(
            covered=not open_to_policy,
            floored=all(one.metric.name in slo.floored for one in about),
            outage=outage,
        ),
    )
    return Finding(
        pattern=f"metric_{leading.metric.name}",
        severity=severity,
        model_severity=model,
        confidence=percent(window.confidence),
        score=decimal(window.score, 3),
        summary=explain.summary(
            ordered, window.period.name, slo.outage, _slo_words(slo, open_to_policy, ordered)
        ),
        since=iso(window.since),
        contributions=explain.contributions(ordered),
        recommended_actions=recommended(leading.metric.role, leading.side, slo.breached, outage),
    )


def _slo_words(
    slo: SLOVerdict, open_to_policy: list[str], ordered: tuple[explain.Observation, ...]
) -> str:
    """What the SLO makes of an anomaly; empty without a policy or where the sentence has named the
    metric that decided."""
    found = slo.evaluation
    if slo.status is SLOStatus.OK:
        if open_to_policy:
            return f"SLOPolicy {found.policy} has no threshold for {' and '.join(open_to_policy)}"
        return "the SLO is met"
    known = {one.metric.name for one in explain.named(ordered)}
    said = slo.status is SLOStatus.UNKNOWN or found.metric in known
    return "" if said else found.explanation


def _breach(window: _Window) -> Finding:
    evaluation = window.slo.evaluation
    ranks = {one.metric: one.status.rank for one in evaluation.metrics}
    ordered = tuple(sorted(window.observations, key=lambda one: -ranks.get(one.metric.name, 0)))
    leading = ordered[0]
    text = f"{evaluation.explanation}; the model finds nothing unusual in {window.period.name}"
    return Finding(
        pattern=SLO_BREACH,
        severity=through_slo(Severity.NONE, evaluation.status, None),
        model_severity=Severity.NONE,
        # A value over a threshold is a fact, whatever model and period.
        confidence=percent(1.0),
        score=decimal(window.score, 3),
        summary=one_line(text, explain.MAX_SUMMARY),
        since=iso(window.end),
        contributions=explain.contributions(ordered),
        recommended_actions=recommended(
            leading.metric.role,
            leading.side,
            breached=True,
            outage=leading.metric.name in window.slo.outage,
        ),
    )


def _drift(metrics: tuple[MetricSpec, ...], scores: Scores, row: int) -> Drift:
    found = scores.drift
    pairs = zip(metrics, found.per_metric[row], strict=True)
    return Drift(
        score=decimal(float(found.score[row]), 3),
        penalty=percent(float(found.penalty[row])),
        metrics=tuple(metric.name for metric, distance in pairs if float(distance) >= DRIFTED),
    )


def _comparison(
    context: JudgeContext, observations: tuple[explain.Observation, ...]
) -> tuple[MetricComparison, ...]:
    statistics = context.model.statistics
    rows = []
    for column, one in enumerate(observations):
        if not statistics.samples[column]:
            continue
        mean, std = float(statistics.mean[column]), float(statistics.std[column])
        sigma = (one.value - mean) / std if std > 0 else math.nan
        rows.append(
            MetricComparison(
                metric=one.metric.name,
                value=decimal(one.value),
                mean=decimal(mean),
                deviation_sigma=decimal(sigma, 2),
                p95=decimal(float(statistics.p95[column])),
            )
        )
    return tuple(rows)


def _probability(value: float) -> str:
    # Ten decimals hold the smallest probability, 1e-10.
    return f"{value:.10f}".rstrip("0").rstrip(".") if math.isfinite(value) else ""
