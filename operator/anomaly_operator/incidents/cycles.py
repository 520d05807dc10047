"""From a detection document to the windows that the life cycle counts.

The document lists only what was not Normal between `scoredFrom` (exclusive) and `scoredThrough`
(inclusive); the rest of that span is filled in here. Outside the span nothing is known, and
nothing is made up: a window that was never scored is no miss.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from anomaly_operator.api.text import cut, to_seconds
from anomaly_operator.incidents.bounds import FIGURE_BYTES, NAME_BYTES
from detector_runtime.contract.detection import Detection, WindowReport, WindowVerdict
from detector_runtime.contract.training_run import RUN_STALLED
from detector_runtime.contract.vocabulary import (
    MAX_WINDOWS,
    ContractError,
    Severity,
    SLOStatus,
    Verdict,
)

CLOCK_TOLERANCE_SECONDS = 300
"""A window that ends later than this after `now` is not folded: one wrong clock in one pod would
otherwise move `foldedThrough` into the future and have every true window refused from then on."""


@dataclass(frozen=True, slots=True)
class Cycle:
    """One scored window, named by its end in unix seconds.

    `patterns`: the most severe first. `model_severity`: before cap and SLO. `report` is the window
    in full where the document holds it. `triggers`: of a training run, as `name@step`.
    """

    end: int
    verdict: Verdict
    severity: Severity = Severity.NONE
    score: str = ""
    confidence: str = ""
    patterns: tuple[str, ...] = ()
    slo_status: SLOStatus = SLOStatus.UNKNOWN
    proximity: str = ""
    model_severity: Severity = Severity.NONE
    triggers: tuple[str, ...] = ()
    report: WindowReport | None = None

    @property
    def by_rule(self) -> bool:
        """Whether rules over a training log named it: such a name is never luck."""
        return bool(self.triggers) or RUN_STALLED in self.patterns

    @property
    def slo_explanation(self) -> str:
        """What decided the SLO status; empty where the window is not in the document in full."""
        return self.report.slo.explanation if self.report else ""


def cycles(detection: Detection, step_seconds: int, now: int) -> tuple[Cycle, ...]:
    """The document's windows in time order, at most `MAX_WINDOWS` Normal ones among them.

    Raises ContractError when a time or a number in the document is malformed.
    """
    if not detection.scored_through:
        return ()
    through = to_seconds(detection.scored_through, "detection.scoredThrough")
    latest = min(through, now + CLOCK_TOLERANCE_SECONDS)
    listed = _listed(detection)
    normal = {
        end: Cycle(end, Verdict.NORMAL)
        for end in _grid(detection, step_seconds, through)
        if end not in listed
    }
    merged = normal | listed
    return tuple(merged[end] for end in sorted(merged) if end <= latest)


def _grid(detection: Detection, step_seconds: int, through: int) -> range:
    """Ends of the windows in the span. No `scoredFrom`: only the newest window is known."""
    last = through - through % step_seconds
    oldest = last - (MAX_WINDOWS - 1) * step_seconds
    if not detection.scored_from:
        return range(last, last + 1)
    scored_from = to_seconds(detection.scored_from, "detection.scoredFrom")
    first = scored_from - scored_from % step_seconds + step_seconds
    return range(max(first, oldest), last + 1, step_seconds)


def _listed(detection: Detection) -> dict[int, Cycle]:
    reports = {}
    for report in (detection.report, detection.anomaly):
        if report is not None:
            reports[to_seconds(report.end, "detection.report.end")] = report
    found = (
        _cycle(window, f"detection.windows[{index}]", reports)
        for index, window in enumerate(detection.windows)
    )
    return {cycle.end: cycle for cycle in found}


def _cycle(window: WindowVerdict, where: str, reports: dict[int, WindowReport]) -> Cycle:
    end = to_seconds(window.end, f"{where}.end")
    number(window.score, f"{where}.score")
    return Cycle(
        end=end,
        verdict=window.verdict,
        severity=window.severity,
        score=window.score,
        confidence=window.confidence,
        # An empty name names nothing, and the state could not be read back with it.
        patterns=tuple(cut(name, NAME_BYTES) for name in window.patterns if name),
        slo_status=window.slo_status,
        proximity=window.proximity,
        model_severity=window.model_severity,
        triggers=window.triggers,
        report=reports.get(end),
    )


def number(text: str, where: str) -> float:
    """A decimal string as float, 0.0 for an empty one; ContractError for anything else."""
    if not text:
        return 0.0
    try:
        value = float(text[: FIGURE_BYTES + 1])
    except ValueError as error:
        raise ContractError(f"{where}: {text[:40]!r} is not a decimal") from error
    if len(text) > FIGURE_BYTES:
        raise ContractError(f"{where}: {text[:40]!r} is longer than {FIGURE_BYTES} characters")
    if not math.isfinite(value):
        raise ContractError(f"{where}: {text[:40]!r} is not a finite number")
    return value
