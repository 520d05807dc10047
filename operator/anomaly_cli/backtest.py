"""`kubectl-anomaly backtest`: what the product would have said of a recording, before it is let
loose on a service. It needs no cluster and changes nothing.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from anomaly_cli.recording import Recording
from anomaly_cli.replay import Span, incidents, replay
from anomaly_cli.service_file import Plan
from anomaly_operator.incidents.cycles import Cycle
from anomaly_operator.incidents.state import IncidentSettings
from detector_runtime.contract.detection import WindowReport
from detector_runtime.contract.run_config import IncidentSpec
from detector_runtime.contract.vocabulary import Severity, Verdict
from detector_runtime.fitting.alert_level import WEEK
from detector_runtime.model.fitted import Check, EngineSettings, Validation
from detector_runtime.series.frame import Floats, Frame
from detector_runtime.series.reading import read_history
from detector_runtime.verdict.judge import Bench, judge
from detector_runtime.verdict.periods import period_lookup

MIN_ROWS = 60
"""Windows that a first model needs at the very least; below, rows have no score."""
COLUMNS = (
    "timestamp",
    "score",
    "probability",
    "verdict",
    "severity",
    "confidence",
    "period",
    "top_metric",
    "incident",
)


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """Per window of the frame (n,): `score` and `probability` (NaN without one), `reports` by row.

    `rates` (k, 2): change of the alert level, false incidents a week expected there, mean over the
    serving models; `weeks`: how much history each of these learned from. `models`: trainings that
    gave one, `failed` those of them that failed checks, `failures` which; `gated`: these did not
    serve. `impossible`: values outside a metric's valid range, taken as missing, by metric.
    """

    warmup: int
    score: Floats
    probability: Floats
    anomalous: NDArray[np.bool_]
    reports: dict[int, WindowReport]
    spans: list[Span]
    running: dict[int, str]
    rates: Floats
    weeks: tuple[float, ...]
    models: int
    failed: int
    gated: bool
    failures: tuple[Check, ...]
    detectors: tuple[str, ...]
    impossible: dict[str, int]


def engine_settings(plan: Plan, step: int) -> EngineSettings:
    """The service's settings, but for the minimum samples: the warm-up is the user's word on what
    may be learned from."""
    return EngineSettings(
        plan.metrics,
        step,
        plan.spec.time_zone,
        plan.spec.periods,
        plan.spec.category,
        plan.spec.detector,
        MIN_ROWS,
        4 * MIN_ROWS,
        incident_spec(_incident_settings(plan, step)),
    )


def run(
    recording: Recording,
    plan: Plan,
    warmup: int,
    refit_seconds: int,
    on_progress: Callable[[int, int], None],
    *,
    gated: bool = False,
) -> Outcome:
    """Replay `recording` under `plan`; `warmup` is a row of the frame, `gated` as in `replay`."""
    clean = read_history(_selected(recording.frame, plan), plan.metrics)
    frame = clean.frame
    n = len(frame)
    score, probability = np.full((2, n), np.nan)
    anomalous = np.zeros(n, dtype=bool)
    reports: dict[int, WindowReport] = {}
    rates: list[Floats] = []
    weeks: list[float] = []
    checked: list[Validation] = []
    detectors: tuple[str, ...] = ()
    period_at = period_lookup(plan.spec.periods, plan.spec.time_zone)
    training = plan.spec.training
    lookback = training.lookback_seconds if refit_seconds else warmup * frame.step
    settings = engine_settings(plan, frame.step)
    for chunk in replay(
        clean,
        settings,
        warmup,
        refit_seconds,
        lookback,
        exclude=training.exclude,
        gated=gated,
    ):
        on_progress(chunk.last - warmup, n - warmup)
        if chunk.candidate is not None:
            checked.append(chunk.candidate.validation)
        if chunk.model is None or chunk.scores is None:
            continue
        judged = judge(Bench(plan.metrics, None, period_at, chunk.model), chunk.scores)
        reports.update(zip(range(chunk.first, chunk.last), judged, strict=True))
        score[chunk.first : chunk.last] = chunk.scores.score
        probability[chunk.first : chunk.last] = chunk.scores.probability
        rates.append(chunk.model.expected_per_week - [chunk.model.alert_threshold, 0.0])
        weeks.append(chunk.model.samples * frame.step / WEEK)
        detectors = chunk.model.detectors
    for row, report in reports.items():
        anomalous[row] = report.verdict is Verdict.ANOMALOUS
    spans, running = incidents(
        _cycles(frame, warmup, reports), _incident_settings(plan, frame.step)
    )
    shifted = [
        replace(span, opened=span.opened + warmup, seen=span.seen + warmup) for span in spans
    ]
    return Outcome(
        warmup,
        score,
        probability,
        anomalous,
        reports,
        shifted,
        {row + warmup: name for row, name in running.items()},
        np.mean(rates, axis=0) if rates else np.zeros((0, 2)),
        tuple(weeks),
        len(checked),
        sum(not validation.passed for validation in checked),
        gated,
        tuple(check for validation in checked for check in validation.checks if not check.passed),
        detectors,
        {one.name: one.out_of_range for one in clean.left_out() if one.out_of_range},
    )


def _selected(frame: Frame, plan: Plan) -> Frame:
    wanted = [
        frame.names.index(spec.name if spec.name in frame.names else spec.query)
        for spec in plan.metrics
    ]
    names = tuple(spec.name for spec in plan.metrics)
    return Frame(frame.times, frame.values[:, wanted], names, frame.step)


def _cycles(frame: Frame, warmup: int, reports: dict[int, WindowReport]) -> list[Cycle]:
    return [_cycle(int(frame.times[row]), reports.get(row)) for row in range(warmup, len(frame))]


def _cycle(end: int, report: WindowReport | None) -> Cycle:
    if report is None:
        return Cycle(end, Verdict.INCONCLUSIVE)
    patterns = tuple(finding.pattern for finding in report.findings)
    return Cycle(
        end,
        report.verdict,
        report.severity,
        report.score,
        report.confidence,
        patterns,
        model_severity=report.model_severity,
    )


def incident_spec(rules: IncidentSettings) -> IncidentSpec:
    """As a training is told of them."""
    return IncidentSpec(
        confirmation_cycles=rules.confirmation_cycles,
        grace_cycles=rules.grace_cycles,
        separation_seconds=rules.separation_seconds,
        reopen_seconds=rules.reopen_seconds,
    )


def _incident_settings(plan: Plan, step: int) -> IncidentSettings:
    chosen = plan.incidents
    # a step longer than the service's own needs a longer separation, as admission would ask
    least = (chosen.resolution_grace_cycles + 2) * step
    return IncidentSettings(
        service="backtest",
        service_uid="backtest",
        step_seconds=step,
        confirmation_cycles=chosen.confirmation_cycles,
        grace_cycles=chosen.resolution_grace_cycles,
        separation_seconds=max(chosen.separation_seconds, least),
        reopen_seconds=chosen.reopen_within_seconds,
    )


def write_scores(file: TextIO, recording: Recording, outcome: Outcome, warmup_row: int) -> None:
    """One line for each input row from `warmup_row` on, in the order of time."""
    lines = csv.writer(file, lineterminator="\n")
    lines.writerow(COLUMNS)
    for stamp, row in zip(
        recording.stamps[warmup_row:], recording.window[warmup_row:].tolist(), strict=True
    ):
        lines.writerow((stamp, *_line(outcome, row)))


def _line(outcome: Outcome, row: int) -> tuple[str, ...]:
    """An Inconclusive window has score 0 and probability 1: it says nothing."""
    report = outcome.reports.get(row)
    incident = outcome.running.get(row, "")
    if report is None:
        return ("0", "1", Verdict.INCONCLUSIVE.value, Severity.NONE.value, "", "", "", incident)
    silent = report.verdict is Verdict.INCONCLUSIVE or not np.isfinite(outcome.score[row])
    top = report.findings[0].pattern.removeprefix("metric_") if report.findings else ""
    return (
        "0" if silent else f"{outcome.score[row]:.6f}",
        "1" if silent else f"{outcome.probability[row]:.6g}",
        report.verdict.value,
        report.severity.value,
        report.confidence,
        report.period,
        top,
        incident,
    )
