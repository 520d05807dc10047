"""What is found in a window: the patterns that name it, and what they leave unexplained.

A finding carries its reasons: severity, one sentence, contributions, and what to do. Whether the
window may be judged at all is decided before, and no pattern makes a window anomalous. The
severity is the model's, which follows the promised rates: a pattern only lowers it, and a harmful
value raises what people are told of in any case. The SLO has the last word.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from detector_runtime.contract.detection import Finding
from detector_runtime.contract.patterns import PatternSpec
from detector_runtime.contract.text import decimal, iso, percent
from detector_runtime.contract.vocabulary import MAX_ACTIONS, MAX_FINDINGS, Severity, SLOStatus
from detector_runtime.errors import one_line
from detector_runtime.model.severity_levels import SeverityLevels
from detector_runtime.patterns.match import Match, Situation
from detector_runtime.patterns.wording import Words, text
from detector_runtime.verdict import explain
from detector_runtime.verdict.actions import BREACH, recommended
from detector_runtime.verdict.adjustment import adjustment, disagreement
from detector_runtime.verdict.harm import harm
from detector_runtime.verdict.naming import named
from detector_runtime.verdict.severity import (
    WITHIN,
    SeverityInputs,
    Subject,
    Weighed,
    model_severity,
    weighed,
)
from detector_runtime.verdict.window import JudgeContext, Window

SLO_BREACH = "slo_breach"
MAX_IMPACT = 160
Observations = tuple[explain.Observation, ...]


@dataclass(frozen=True, slots=True)
class _Anomaly:
    """A window that the model takes for anomalous: its metrics, the largest share first, and its
    severity by the model."""

    context: JudgeContext
    window: Window
    ordered: Observations
    severity: Severity


def anomalies(
    context: JudgeContext, window: Window, levels: SeverityLevels, seen: Situation
) -> tuple[Finding, ...]:
    """The findings of a window that the model takes for anomalous at `levels`, the most telling
    first."""
    ordered = explain.by_share(window.observations, window.slo.outage)
    about = explain.subject(ordered)
    lasted = max(0, window.end - window.since)
    inputs = SeverityInputs(
        window.score,
        window.magnitude,
        lasted,
        windows=lasted // window.step + 1,
        outage=ordered[0].metric.name in window.slo.outage,
    )
    found = _Anomaly(context, window, ordered, model_severity(inputs, levels))
    matches = named(context, seen, frozenset(one.metric.name for one in about))
    explained = {name for one in matches for name in one.explains}
    patterns = tuple(_named(found, one, seen) for one in matches)
    left = tuple(one for one in about if one.metric.name not in explained)
    if left:
        rest = _finding(found, left).plain
        first = matches and {one.metric.name for one in about} & set(matches[0].explains)
        patterns = (*patterns, rest) if first else (rest, *patterns)
    # What is quiet by its name must not hide what is not.
    return tuple(sorted(patterns, key=lambda one: -one.severity.rank))[:MAX_FINDINGS]


def breach(context: JudgeContext, window: Window, seen: Situation) -> Finding:
    """The finding of a window that breaches the SLO without an anomaly."""
    evaluation = window.slo.evaluation
    ranks = {one.metric: one.status.rank for one in evaluation.metrics}
    ordered = tuple(sorted(window.observations, key=lambda one: -ranks.get(one.metric.name, 0)))
    leading = ordered[0]
    where = f" in {window.period.spoken}" if window.period.spoken else ""
    said = f"{evaluation.explanation}; the model finds nothing unusual{where}"
    judged = weighed(Severity.NONE, evaluation.status, context.policy)
    finding = Finding(
        pattern=SLO_BREACH,
        severity=judged.severity,
        model_severity=Severity.NONE,
        # A value over a threshold is a fact, whatever model and period.
        confidence=percent(1.0),
        score=decimal(window.score, 3),
        summary=one_line(said, explain.MAX_SUMMARY),
        since=iso(window.end),
        contributions=explain.contributions(ordered),
        recommended_actions=recommended(
            leading.metric.role,
            leading.side,
            breached=True,
            outage=leading.metric.name in window.slo.outage,
        ),
        explains=(evaluation.metric,),
        adjustment=adjustment(Severity.NONE, Severity.NONE, judged),
    )
    decided = frozenset({evaluation.metric})
    matches = named(context, seen, decided)
    if not matches or not decided & set(matches[0].explains):
        return finding
    return _in_words(context, window, finding, _Named(matches[0], seen, said))


@dataclass(frozen=True, slots=True)
class _Named:
    """A pattern that fits, and what the sentence adds to it."""

    match: Match
    seen: Situation
    slo: str


def _named(found: _Anomaly, match: Match, seen: Situation) -> Finding:
    ordered = found.ordered
    explained = tuple(one for one in ordered if one.metric.name in match.explains)
    finding = _finding(found, explained or explain.subject(ordered), match.spec)
    slo = _slo_words(found, finding.judged, match.explains, match.explains)
    return _in_words(found.context, found.window, finding.plain, _Named(match, seen, slo))


@dataclass(frozen=True, slots=True)
class _Unnamed:
    """A finding in words that need no pattern, and what the SLO made of its severity."""

    plain: Finding
    judged: Weighed


def _finding(found: _Anomaly, about: Observations, spec: PatternSpec | None = None) -> _Unnamed:
    """The finding about some metrics, in words that need no pattern."""
    window, context = found.window, found.context
    slo, leading = window.slo, about[0]
    outage = leading.metric.name in slo.outage
    told = _told_severity(found, spec)
    judged = weighed(
        told,
        slo.status,
        context.policy,
        provisional=context.model.provisional,
        subject=Subject(
            covered=all(one.metric.name in slo.judged for one in about),
            floored=all(one.metric.name in slo.floored for one in about),
            outage=outage and not (spec and spec.locked),
        ),
    )
    rest = (one for one in found.ordered if one not in about)
    ordered = (*about, *rest)
    finding = Finding(
        pattern=f"metric_{leading.metric.name}" if spec is None else spec.name,
        severity=judged.severity,
        model_severity=found.severity,
        confidence=percent(window.confidence),
        score=decimal(window.score, 3),
        summary="",
        since=iso(window.since),
        contributions=explain.contributions(ordered),
        recommended_actions=recommended(leading.metric.role, leading.side, slo.breached, outage),
        explains=tuple(one.metric.name for one in about),
        adjustment=adjustment(found.severity, told, judged, "" if spec is None else spec.name),
    )
    named_here = tuple(one.metric.name for one in explain.named(ordered))
    words = _slo_words(found, judged, finding.explains, named_here)
    text = explain.summary(ordered, window.period.spoken, slo.outage, words)
    return _Unnamed(replace(finding, summary=text), judged)


def _told_severity(found: _Anomaly, spec: PatternSpec | None) -> Severity:
    """The model's severity as pattern and values allow: see the module."""
    severity = found.severity
    if severity.rank >= Severity.MEDIUM.rank:
        severity = max(severity, harm(found.window.observations), key=_rank)
    if spec is None:
        return severity
    if spec.locked:
        return spec.severity
    ceiling = spec.severity if spec.alerting else min(spec.severity, Severity.LOW, key=_rank)
    return min(severity, ceiling, key=_rank)


def _in_words(context: JudgeContext, window: Window, plain: Finding, named: _Named) -> Finding:
    """`plain` with the name and the texts of a pattern."""
    naming, spec = context.naming, named.match.spec
    words = Words(named.seen.metrics, naming.category, window.period.spoken, naming.dependencies)
    said = text(named.match, words)
    summary = plain.summary
    if said.summary:
        tail = f"; {named.slo}" if named.slo else ""
        room = max(explain.MAX_SUMMARY - len(tail), explain.MAX_SUMMARY // 2)
        summary = one_line(f"{one_line(said.summary, room)}{tail}", explain.MAX_SUMMARY)
    actions = said.actions or plain.recommended_actions
    if window.slo.breached and BREACH not in actions:
        actions = (*actions[: MAX_ACTIONS - 1], BREACH)
    return replace(
        plain,
        pattern=spec.name,
        summary=summary,
        recommended_actions=actions,
        impact=one_line(said.impact, MAX_IMPACT),
    )


def _slo_words(
    anomaly: _Anomaly, judged: Weighed, about: tuple[str, ...], said: tuple[str, ...]
) -> str:
    """What the SLO makes of an anomaly, and where that is not what the model makes of it. Empty
    without a policy, and where both agree and the sentence has `said` the metric that decided."""
    slo = anomaly.window.slo
    found = slo.evaluation
    if slo.status is SLOStatus.UNKNOWN:
        return ""
    if slo.status is SLOStatus.OK:
        unjudged = [name for name in about if name not in slo.judged]
        if unjudged:
            return f"SLOPolicy {found.policy} has no threshold for {' and '.join(unjudged)}"
        return f"{WITHIN}: {judged.severity.lower()}"
    words = "" if found.metric in said else found.explanation
    return "; ".join(one for one in (words, disagreement(anomaly.severity, judged)) if one)


def _rank(severity: Severity) -> int:
    return severity.rank
