"""Which windows a run scores, and how its result is merged into `.status.detection`.

Pure. The document always speaks of one unbroken span (scoredFrom, scoredThrough] of at most
MAX_WINDOWS windows of one length, of which those that are not listed were Normal. Windows that an
earlier run listed stay listed while they are in the span, so that an outage of the operator loses
nothing; with another step the span begins anew. A run that is late, repeated or concurrent adds
what is new and removes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from detector_runtime.contract.context import MAX_CONTEXT, ContextResult
from detector_runtime.contract.dependencies import Dependencies
from detector_runtime.contract.detection import (
    Detection,
    RunStatus,
    WindowReport,
    WindowVerdict,
    window_order,
)
from detector_runtime.contract.objectives import ObjectiveReport
from detector_runtime.contract.text import iso, unix
from detector_runtime.contract.training_run import MAX_WINDOW_TRIGGERS
from detector_runtime.contract.vocabulary import MAX_WINDOWS, RunOutcome, Verdict
from detector_runtime.errors import one_line

MAX_RUN_MESSAGE = 400


@dataclass(frozen=True, slots=True)
class Span:
    """The windows with since < end <= until, UTC unix seconds; `until` is a window end."""

    since: int
    until: int
    step: int

    @property
    def empty(self) -> bool:
        return self.until <= self.since


@dataclass(frozen=True, slots=True)
class Known:
    """What the status says before a run: windows that were not Normal, the dependencies, how the
    objectives stood, and what context queries found."""

    recent: tuple[WindowVerdict, ...] = ()
    dependencies: Dependencies = field(default_factory=Dependencies)
    objectives: tuple[ObjectiveReport, ...] = ()
    context: tuple[ContextResult, ...] = ()


@dataclass(frozen=True, slots=True)
class Scored:
    """The judged windows of `span`. `outcome`: Succeeded, or NoData when no value came at all.
    `context`: what was asked in this run."""

    span: Span
    reports: tuple[WindowReport, ...]
    outcome: RunOutcome
    message: str = ""
    objectives: tuple[ObjectiveReport, ...] = ()
    context: tuple[ContextResult, ...] = ()


def newest_complete(now: float, delay: int, step: int) -> int:
    """End of the newest window whose data has had `delay` seconds to arrive."""
    return int(now - delay) // step * step


def to_score(scored_through: int | None, until: int, step: int, interval: int) -> Span:
    """What a run scores: all since `scored_through`, the newest MAX_WINDOWS at most.

    A first run takes the windows of one interval and leaves the past unscored.
    """
    oldest = until - MAX_WINDOWS * step
    if scored_through is None:
        return Span(max(until - max(interval // step, 1) * step, oldest), until, step)
    return Span(max(scored_through, oldest), until, step)


def scored_through(detection: Detection | None) -> int | None:
    """End of the newest window in `detection`; None when it has none."""
    if detection is None or not detection.scored_through:
        return None
    try:
        return unix(detection.scored_through)
    except ValueError:
        return None


def verdict_of(report: WindowReport) -> WindowVerdict:
    """The line of `.status.detection.windows` for a window that was not Normal."""
    anomalous = report.verdict is Verdict.ANOMALOUS
    return WindowVerdict(
        end=report.end,
        verdict=report.verdict,
        reason=report.reason,
        score=report.score if anomalous else "",
        severity=report.severity,
        model_severity=report.model_severity,
        confidence=report.confidence if anomalous else "",
        patterns=tuple(finding.pattern for finding in report.findings),
        slo_status=report.slo.status,
        proximity=report.slo.proximity,
        triggers=_triggers(report),
    )


def _triggers(report: WindowReport) -> tuple[str, ...]:
    """`name@step` of the worst ones of a training run."""
    if report.training_run is None:
        return ()
    worst = report.training_run.triggers[:MAX_WINDOW_TRIGGERS]
    return tuple(f"{one.name}@{one.step}" for one in worst)


def joined(
    previous: Detection | None,
    scored: Scored,
    revision: str,
    run: RunStatus,
    bridged: int = 0,
) -> Detection:
    """`previous` with the windows of `scored` merged in. `bridged`: Normal windows in a row that do
    not part what is reported in full."""
    span, reports = scored.span, scored.reports
    before = scored_through(previous)
    skipped = 0 if previous is None else previous.skipped_windows
    begin = span.since
    kept: tuple[WindowVerdict, ...] = ()
    if previous is not None and before is not None:
        gap = max(0, (span.since - before) // span.step)
        skipped += gap
        if gap == 0 and previous.step_seconds == span.step:
            # Unbroken: the old span goes on, as far back as the document reaches.
            begin = max(_start(previous, before), span.until - MAX_WINDOWS * span.step)
            kept = tuple(one for one in previous.windows if begin < unix(one.end) <= span.since)
    listed = (verdict_of(one) for one in reports if one.verdict is not Verdict.NORMAL)
    windows = (*kept, *listed)
    return Detection(
        model_revision=revision,
        run=run,
        step_seconds=span.step,
        scored_from=iso(begin),
        scored_through=iso(span.until),
        windows=windows,
        skipped_windows=skipped,
        report=reports[-1],
        anomaly=_in_full(previous, reports, windows, (bridged + 1) * span.step),
        objectives=scored.objectives,
        context=_context(previous, scored, begin),
    )


def run_status(
    previous: Detection | None, outcome: RunOutcome, message: str, now: int
) -> RunStatus:
    """How a run ended; `since` goes on while the outcome is the same."""
    message = one_line(message, MAX_RUN_MESSAGE)
    if previous is not None and previous.run.outcome is outcome and previous.run.since:
        return RunStatus(outcome, message, previous.run.since)
    return RunStatus(outcome, message, iso(now))


def failed(previous: Detection | None, revision: str, run: RunStatus) -> Detection | None:
    """`previous` with the run's failure and no new window; None when it says so already."""
    if previous is None:
        return Detection(model_revision=revision, run=run)
    return None if previous.run == run else replace(previous, run=run)


def _start(previous: Detection, before: int) -> int:
    try:
        return unix(previous.scored_from)
    except ValueError:
        return before


def _context(previous: Detection | None, scored: Scored, begin: int) -> tuple[ContextResult, ...]:
    """The newest result of each query, as long as its window is in the span."""
    before = previous.context if previous else ()
    known = {one.name: one for one in before if one.at > iso(begin)}
    known |= {one.name: one for one in scored.context}
    return tuple(known[name] for name in sorted(known))[:MAX_CONTEXT]


def _in_full(
    previous: Detection | None,
    reports: tuple[WindowReport, ...],
    windows: tuple[WindowVerdict, ...],
    farthest: int,
) -> WindowReport | None:
    """The worst window of the newest stretch, of equals the first. `farthest`: seconds between two
    windows of a stretch.

    The newest window of a stretch that fades explains least. The window that the document already
    holds takes part as long as its stretch goes on, so a run that is repeated changes nothing.
    """
    stretch = _newest_stretch(windows, farthest)
    old = () if previous is None or previous.anomaly is None else (previous.anomaly,)
    known = [report for report in (*old, *reports) if report.end in stretch]
    return max(known, key=_order, default=None)


def _newest_stretch(windows: tuple[WindowVerdict, ...], farthest: int) -> frozenset[str]:
    """Ends of the newest Anomalous windows with few or no Normal ones, which are not listed,
    between them.

    Inconclusive windows do not end a stretch, as they do not end an incident.
    """
    ends: set[str] = set()
    later = 0
    for window in reversed(windows):
        end = unix(window.end)
        if ends and later - end > farthest:
            break
        later = end
        if window.verdict is Verdict.ANOMALOUS:
            ends.add(window.end)
    return frozenset(ends)


def _order(report: WindowReport) -> tuple[int, int, float]:
    return window_order(report.severity, report.model_severity, report.score)
