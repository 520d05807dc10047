"""From scores to verdicts: the report of each window.

The model says how unusual a window is; here that becomes Normal, Anomalous or Inconclusive. A
window without enough data is Inconclusive: it neither opens nor closes an incident.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

from detector_runtime.contract.detection import (
    Finding,
    SLOEvaluation,
    WindowReport,
    WindowVerdict,
)
from detector_runtime.contract.text import decimal, iso, percent
from detector_runtime.contract.vocabulary import NotJudged, Severity, SLOStatus, Verdict
from detector_runtime.model.scoring import Scores
from detector_runtime.model.severity_levels import SeverityLevels
from detector_runtime.patterns.match import Situation
from detector_runtime.verdict.burning import with_burn
from detector_runtime.verdict.findings import anomalies, breach
from detector_runtime.verdict.missing import why_inconclusive
from detector_runtime.verdict.naming import situation
from detector_runtime.verdict.window import (
    JudgeContext,
    Window,
    comparison,
    usual_ranges,
    window_of,
)

MAX_WARNINGS = 8
NO_CONFIDENCE = percent(0.0)
"""A score that is high by its memory alone, or in a period that is not trusted at all, opens
nothing."""


def judge(context: JudgeContext, scores: Scores) -> tuple[WindowReport, ...]:
    """A report for each window of `scores`."""
    reports: list[WindowReport] = []
    told: list[WindowVerdict] = []
    for row in range(len(scores.times)):
        here = context.at(int(scores.times[row]))
        window = window_of(here, scores, row)
        seen = partial(situation, here, scores, row, told)
        report = _report(here, window, scores.levels, seen)
        reports.append(report)
        if report.verdict is not Verdict.NORMAL:
            told.append(WindowVerdict(report.end, report.verdict))
    return tuple(reports)


def _report(
    context: JudgeContext,
    window: Window,
    levels: SeverityLevels,
    seen: Callable[[Window], Situation],
) -> WindowReport:
    left_out = context.unjudged.get(window.end, "")
    reason = left_out or why_inconclusive(context, window)
    findings: tuple[Finding, ...] = ()
    if left_out == NotJudged.CALENDAR_DAY and window.slo.breached:
        # A threshold needs no usual.
        reason, findings = "", (breach(context, window, seen(window)),)
    elif not reason and window.anomalous and percent(window.confidence) != NO_CONFIDENCE:
        findings = anomalies(context, window, levels, seen(window))
    elif not reason and window.slo.breached:
        findings = (breach(context, window, seen(window)),)
    elif not reason and context.partial:
        # Partial data can show an anomaly; it cannot show that there is none.
        reason = NotJudged.PARTIAL_DATA
    burns = context.burning.get(window.end, ())
    if burns and left_out != NotJudged.EXCLUDED:
        findings = with_burn(findings, burns[0], window.end, window.score)
    verdict = Verdict.ANOMALOUS if findings else Verdict.NORMAL
    slo = window.slo.evaluation
    if reason and not window.slo.breached and slo.status is not SLOStatus.UNKNOWN:
        # What is there can breach an objective; it cannot show that all are met.
        slo = SLOEvaluation(
            SLOStatus.UNKNOWN, policy=slo.policy, explanation=f"not evaluated: {reason}"
        )
    if findings:
        # A budget has queries of its own: a metric that is missing does not make it doubtful.
        reason = ""
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
        comparison=comparison(context, window.observations),
        alert_level=decimal(levels.alert, 3),
        usual=usual_ranges(window.observations),
        votes=None if reason else window.votes,
    )


def _probability(value: float) -> str:
    # Ten decimals hold the smallest probability, 1e-10.
    return f"{value:.10f}".rstrip("0").rstrip(".") if math.isfinite(value) else ""
