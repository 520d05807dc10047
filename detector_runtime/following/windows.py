"""From rows to windows of wall time: which window a row belongs to, and the report of each.

A window is Anomalous for a trigger above Normal or for a run that stalls, Inconclusive without a
row, else Normal. At most as many windows are held as a document lists, the newest ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from detector_runtime.contract.detection import Finding, SLOEvaluation, WindowReport
from detector_runtime.contract.text import decimal, iso, percent
from detector_runtime.contract.training_run import MAX_EVIDENCE_TRIGGERS, RunEvidence
from detector_runtime.contract.vocabulary import (
    MAX_FINDINGS,
    MAX_WINDOWS,
    NotJudged,
    Severity,
    SLOStatus,
    Verdict,
)
from detector_runtime.errors import one_line
from detector_runtime.training_run.trigger import Action, Tier, Trigger

if TYPE_CHECKING:
    from detector_runtime.following.snapshots import Captured

STALLED = "run_stalled"
MAX_PATTERN = 63
MAX_SUMMARY = 240
_CERTAIN = percent(1.0)
_SCORES = {Severity.CRITICAL: "1", Severity.HIGH: "0.9", Severity.MEDIUM: "0.8"}
"""An order for those who sort by score, no probability."""
_BACK = frozenset({Action.STOP, Action.ROLL_BACK})
_STALL_ACTIONS = (
    "Check the trainer's pods, their node and their last log lines.",
    "Check that the trainer still writes to this log.",
)


@dataclass(frozen=True, slots=True)
class Fired:
    """A trigger above Normal; its row was logged `at`, unix seconds."""

    trigger: Trigger
    at: float


@dataclass(slots=True)
class WindowRows:
    """The rows of one window: their steps and newest time, and the triggers above Normal, the worst
    first, of equals in the order of the log. `captured`: what led up to the first of these;
    `patience`: seconds of pause, known before its first row, that were too long."""

    first_step: int
    patience: float
    last_step: int = 0
    last_at: float = 0.0
    fired: list[Fired] = field(default_factory=list)
    captured: Captured | None = None

    def row(self, step: int, at: float) -> None:
        """One more row."""
        self.last_step = step
        self.last_at = max(self.last_at, at)

    def triggers(
        self, found: Iterable[Trigger], at: float, capture: Callable[[], Captured]
    ) -> None:
        """The triggers of the newest row. `capture` is called where one of them is the worst."""
        above = [Fired(one, at) for one in found if severity_of(one) is not Severity.NONE]
        if not above:
            return
        before = self.fired[0].trigger if self.fired else None
        self.fired.extend(above)
        self.fired.sort(key=lambda one: _order(one.trigger), reverse=True)
        del self.fired[MAX_EVIDENCE_TRIGGERS:]
        if self.fired[0].trigger is not before:
            self.captured = capture()


class Windows:
    """The windows that rows have come for, by their ends (unix seconds)."""

    __slots__ = ("_step", "held")

    def __init__(self, step: int) -> None:
        self._step = step
        self.held: dict[int, WindowRows] = {}

    def of(self, end: int, step: int, patience: Callable[[], float]) -> WindowRows | None:
        """The window that ends at `end`, for a row of `step`; None for one that is too old."""
        found = self.held.get(end)
        if found is not None:
            return found
        oldest = end - MAX_WINDOWS * self._step
        if self.held and max(self.held) - end >= MAX_WINDOWS * self._step:
            return None
        for late in [one for one in self.held if one <= oldest]:
            del self.held[late]
        self.held[end] = found = WindowRows(step, patience())
        return found


def severity_of(trigger: Trigger) -> Severity:
    """None for what a window only counts."""
    if trigger.tier is Tier.CRITICAL:
        return Severity.CRITICAL
    if trigger.tier is not Tier.WARNING:
        return Severity.NONE
    return Severity.HIGH if trigger.action in _BACK else Severity.MEDIUM


def pattern_of(kind: str) -> str:
    """The name of a finding: `loss_spike`, `multiple_triggers`, `eval_loss_zscore`."""
    plain = "".join(c if c.isascii() and c.isalnum() else "_" for c in kind.lower())
    return plain[:MAX_PATTERN].strip("_") or "trigger"


@dataclass(frozen=True, slots=True)
class Quiet:
    """What is known of rows that do not come: the time of the newest one before these windows
    (None: there is none), and the seconds from which on a pause is too long now. `expected` is
    False where no row is missing, as the trainer is suspended."""

    last: float | None
    patience: float
    expected: bool = True


def reports(
    windows: Windows,
    ends: Sequence[int],
    quiet: Quiet,
    evidence: Callable[[WindowRows], RunEvidence],
) -> tuple[WindowReport, ...]:
    """A report of each window of `ends`, in their order. `evidence`: what a window with a trigger
    above Normal knows of its rows."""
    return tuple(_reports(windows, ends, quiet, evidence))


def _reports(
    windows: Windows,
    ends: Sequence[int],
    quiet: Quiet,
    evidence: Callable[[WindowRows], RunEvidence],
) -> Iterator[WindowReport]:
    earlier = [rows.last_at for end, rows in windows.held.items() if end < ends[0]] if ends else []
    last = max((*earlier, *([] if quiet.last is None else [quiet.last])), default=None)
    patience = _patience(windows, ends, quiet)
    for end in ends:
        rows = windows.held.get(end)
        if rows is not None:
            last = max(rows.last_at, last or 0.0)
            found = _findings(rows)
            yield _report(end, found, evidence(rows) if found else None)
        elif quiet.expected and last is not None and end - last >= patience[end]:
            yield _report(end, (_stall(last, patience[end]),), None)
        else:
            yield _report(end, (), None, NotJudged.NO_DATA)


def _patience(windows: Windows, ends: Sequence[int], quiet: Quiet) -> dict[int, float]:
    """By window: how long a pause was taken for usual when nobody knew how it would end."""
    found, current = {}, quiet.patience
    for end in reversed(ends):
        found[end] = current
        if end in windows.held:
            current = windows.held[end].patience
    return found


def _report(
    end: int,
    findings: tuple[Finding, ...],
    evidence: RunEvidence | None,
    reason: str = "",
) -> WindowReport:
    verdict = Verdict.ANOMALOUS if findings else Verdict.NORMAL
    return WindowReport(
        end=iso(end),
        verdict=Verdict.INCONCLUSIVE if reason else verdict,
        period="",
        severity=findings[0].severity if findings else Severity.NONE,
        confidence="" if reason else _CERTAIN,
        score=findings[0].score if findings else "" if reason else "0",
        probability="",
        reason=reason,
        findings=findings,
        slo=SLOEvaluation(SLOStatus.UNKNOWN),
        training_run=evidence,
    )


def _findings(rows: WindowRows) -> tuple[Finding, ...]:
    """One a kind, the worst first."""
    kinds: dict[str, Fired] = {}
    for one in rows.fired:
        kinds.setdefault(pattern_of(one.trigger.kind), one)
    found = (_finding(pattern, one) for pattern, one in kinds.items())
    return tuple(found)[:MAX_FINDINGS]


def _finding(pattern: str, fired: Fired) -> Finding:
    trigger, severity = fired.trigger, severity_of(fired.trigger)
    return Finding(
        pattern=pattern,
        severity=severity,
        model_severity=severity,
        # A rule over logged numbers states a fact.
        confidence=_CERTAIN,
        score=_SCORES[severity],
        summary=one_line(f"{trigger.name} at step {trigger.step}: {trigger.message}", MAX_SUMMARY),
        since=iso(fired.at),
        recommended_actions=(one_line(trigger.advice, MAX_SUMMARY),),
    )


def _stall(last: float, patience: float) -> Finding:
    minutes = decimal(patience / 60, 2)
    return Finding(
        pattern=STALLED,
        severity=Severity.MEDIUM,
        model_severity=Severity.MEDIUM,
        confidence=_CERTAIN,
        score=_SCORES[Severity.MEDIUM],
        summary=f"no row since {iso(last)}; a pause of {minutes} minutes is more than usual",
        since=iso(last),
        recommended_actions=_STALL_ACTIONS,
    )


def _order(trigger: Trigger) -> tuple[int, int]:
    return severity_of(trigger).rank, list(Action).index(trigger.action)
