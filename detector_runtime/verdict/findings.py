"""What is found in a window: an anomaly of the model, or a breached SLO that it does not explain.

A finding carries its reasons: severity, one sentence, contributions, and what to do. Whether the
window may be judged at all is decided before.
"""

from __future__ import annotations

from detector_runtime.contract.detection import Finding
from detector_runtime.contract.text import decimal, iso, percent
from detector_runtime.contract.vocabulary import Severity, SLOStatus
from detector_runtime.errors import one_line
from detector_runtime.model.severity_levels import SeverityLevels
from detector_runtime.verdict import explain
from detector_runtime.verdict.actions import recommended
from detector_runtime.verdict.severity import (
    SeverityInputs,
    Subject,
    model_severity,
    through_slo,
)
from detector_runtime.verdict.slo import SLOVerdict
from detector_runtime.verdict.window import JudgeContext, Window

SLO_BREACH = "slo_breach"


def anomaly(context: JudgeContext, window: Window, levels: SeverityLevels) -> Finding:
    """The finding of a window that the model takes for anomalous at `levels`."""
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


def breach(window: Window) -> Finding:
    """The finding of a window that breaches the SLO without an anomaly."""
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
