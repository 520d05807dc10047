"""`kubectl-anomaly backtest`: the scores and incidents of a recording, without a cluster.

It shows what the product would have reported before a service is created, and it changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from anomaly_cli.budgets import Budgets, budgets
from anomaly_cli.cluster import Raw, lived
from anomaly_cli.false_incidents import SEVERITIES
from anomaly_cli.incidents import Folded, in_rows
from anomaly_cli.onset import onset_score
from anomaly_cli.recording import Recording
from anomaly_cli.replay import NO_CALENDAR, Chunk, Judging, replay
from anomaly_cli.service_file import Plan
from anomaly_operator.incidents.settings import incident_settings, incident_spec
from anomaly_operator.incidents.state import Incident
from anomaly_operator.spec.calendars import resolved
from detector_runtime.contract.dependencies import Dependencies
from detector_runtime.contract.detection import WindowReport
from detector_runtime.contract.vocabulary import Verdict
from detector_runtime.fitting.alert_level import WEEK
from detector_runtime.fitting.candidate import Fit, candidate
from detector_runtime.model.fitted import EngineSettings
from detector_runtime.model.gate_checks import Check, Validation
from detector_runtime.patterns.assemble import assembled
from detector_runtime.series.calendar import Calendar, read_calendar
from detector_runtime.series.frame import Floats, Frame
from detector_runtime.series.reading import read_history
from detector_runtime.verdict.window import Naming

MIN_ROWS = 60
"""Windows that a first model needs at the very least; below, rows have no score."""


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """What was scored, in the metrics' own units (n, m) with NaN where nothing was: `values`, and
    `low` to `high`, which is usual at that time; `score` (n,) as it is reported; `level` (n,):
    score from which a window was anomalous."""

    values: Floats
    low: Floats
    high: Floats
    score: Floats
    level: Floats

    @classmethod
    def empty(cls, windows: int, metrics: int) -> Course:
        values, low, high = (np.full((windows, metrics), np.nan) for _ in range(3))
        return cls(values, low, high, np.full(windows, np.nan), np.full(windows, np.nan))

    def take(self, chunk: Chunk) -> None:
        assert chunk.scores is not None
        rows = slice(chunk.first, chunk.last)
        self.values[rows] = chunk.scores.values
        self.low[rows], self.high[rows] = chunk.scores.usual_low, chunk.scores.usual_high
        self.score[rows] = chunk.scores.score
        self.level[rows] = chunk.scores.levels.alert


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """Per window of the frame (n,): `score` and `probability` (NaN without one), `onset`,
    `reports` by row; `course` in columns as `plan` has its metrics.

    `rates` (k, 2): change of the alert level, false incidents a week expected there, mean over the
    serving models; `expected` (4,): false incidents a week to expect at this setting, of any
    severity, Medium and above, High and above, Critical; `weeks`: how much history each model
    learned from. `models`: trainings that gave one, `failed` those of them that failed checks,
    `failures` which; `gated`: these did not serve. `impossible`: values outside a metric's valid
    range, taken as missing, by metric. `anomalies`: the Anomaly objects at the end; `incidents`:
    the confirmed ones by the name of their object, as they were last.
    """

    plan: Plan
    warmup: int
    score: Floats
    probability: Floats
    onset: Floats
    course: Course
    anomalous: NDArray[np.bool_]
    reports: dict[int, WindowReport]
    folded: Folded
    incidents: Mapping[str, Incident]
    rates: Floats
    expected: Floats
    weeks: tuple[float, ...]
    models: int
    failed: int
    gated: bool
    failures: tuple[Check, ...]
    detectors: tuple[str, ...]
    impossible: dict[str, int]
    anomalies: tuple[Raw, ...]
    budgets: Budgets


def engine_settings(plan: Plan, step: int, calendar: Calendar = NO_CALENDAR) -> EngineSettings:
    """The service's settings. The minimum samples are lower, because the user chose the warm-up."""
    return EngineSettings(
        plan.metrics,
        step,
        plan.spec.time_zone,
        plan.spec.periods,
        plan.spec.category,
        plan.spec.detector,
        MIN_ROWS,
        4 * MIN_ROWS,
        incident_spec(step, plan.incidents),
        calendar.own,
    )


def naming_of(plan: Plan) -> Naming:
    """The patterns that hold for the service."""
    spec = plan.spec
    return Naming(assembled(plan.patterns, spec.non_alerting_patterns), spec.category)


def run(
    recording: Recording,
    plan: Plan,
    warmup: int,
    refit_seconds: int,
    on_progress: Callable[[int, int], None],
    *,
    dependencies: Callable[[int], Dependencies] | None = None,
    gated: bool = False,
) -> Outcome:
    """Replay `recording` under `plan`; `warmup` is a row of the frame, `dependencies` and `gated`
    are as in `replay`."""
    steps = stepwise(recording, plan, warmup, refit_seconds, dependencies=dependencies, gated=gated)
    while True:
        try:
            done, total = next(steps)
        except StopIteration as end:
            outcome: Outcome = end.value
            return outcome
        on_progress(done, total)


def stepwise(
    recording: Recording,
    plan: Plan,
    warmup: int,
    refit_seconds: int,
    *,
    dependencies: Callable[[int], Dependencies] | None = None,
    gated: bool = False,
    fit: Fit = candidate,
) -> Generator[tuple[int, int], None, Outcome]:
    """As `run`, by the day: windows done and windows in all after each, for several that take
    turns. `fit` is as in `replay`."""
    clean = read_history(selected(recording, plan), plan.metrics)
    frame = clean.frame
    n = len(frame)
    score, probability, evidence = np.full((3, n), np.nan)
    anomalous = np.zeros(n, dtype=bool)
    reports: dict[int, WindowReport] = {}
    rates: list[Floats] = []
    expected: list[Floats] = []
    weeks: list[float] = []
    checked: list[Validation] = []
    detectors: tuple[str, ...] = ()
    course = Course.empty(n, len(plan.metrics))
    rules = incident_settings(plan.meta.name, plan.meta.uid, frame.step, plan.incidents)
    training = plan.spec.training
    lookback = training.lookback_seconds if refit_seconds else warmup * frame.step
    calendar = calendar_of(plan, frame)
    settings = engine_settings(plan, frame.step, calendar)
    by_column = dict(zip(plan.columns, plan.metrics, strict=True))
    spent = budgets(recording, plan.events, by_column, warmup)
    for chunk in replay(
        clean,
        settings,
        rules,
        warmup,
        refit_seconds,
        lookback_seconds=lookback,
        exclude=training.exclude,
        calendar=calendar,
        judging=Judging(plan.slo, naming_of(plan), dependencies, spent.burns),
        gated=gated,
        fit=fit,
    ):
        yield chunk.last - warmup, n - warmup
        if chunk.candidate is not None:
            checked.append(chunk.candidate.validation)
        if chunk.model is None or chunk.scores is None:
            continue
        reports.update(chunk.reports)
        course.take(chunk)
        score[chunk.first : chunk.last] = chunk.scores.rank
        probability[chunk.first : chunk.last] = chunk.scores.probability
        evidence[chunk.first : chunk.last] = chunk.scores.evidence
        rates.append(chunk.model.expected_per_week - [chunk.model.alert_threshold, 0.0])
        expected.append(chunk.model.expected_by_severity)
        weeks.append(chunk.model.samples * frame.step / WEEK)
        detectors = chunk.model.detectors
    for row, report in reports.items():
        anomalous[row] = report.verdict is Verdict.ANOMALOUS
    found = lived(reports, plan.meta, plan.incidents, frame.step)
    return Outcome(
        plan,
        warmup,
        score,
        probability,
        onset_score(evidence, frame.step),
        course,
        anomalous,
        reports,
        in_rows(found.transitions, reports, n),
        found.incidents,
        np.mean(rates, axis=0) if rates else np.zeros((0, 2)),
        np.mean(expected, axis=0) if expected else np.zeros(len(SEVERITIES)),
        tuple(weeks),
        len(checked),
        sum(not validation.passed for validation in checked),
        gated,
        tuple(check for validation in checked for check in validation.checks if not check.passed),
        detectors,
        {one.name: one.out_of_range for one in clean.left_out() if one.out_of_range},
        found.objects,
        spent,
    )


def calendar_of(plan: Plan, frame: Frame) -> Calendar:
    """The service's calendars over the span of the recording."""
    if not plan.spec.calendars or not len(frame):
        return NO_CALENDAR
    begin, end = int(frame.times[0]) - frame.step, int(frame.times[-1])
    return read_calendar(resolved(plan.spec.calendars, plan.spec.time_zone, begin, end))


def selected(recording: Recording, plan: Plan) -> Frame:
    """The plan's metrics, in their units where the cells of the recording had units."""
    frame = recording.frame
    wanted = [frame.names.index(column) for column in plan.columns]
    factors = [
        recording.units[column].factor_to(spec.unit) if column in recording.units else 1.0
        for spec, column in zip(plan.metrics, plan.columns, strict=True)
    ]
    names = tuple(spec.name for spec in plan.metrics)
    chosen = frame.columns(wanted, names)
    return replace(chosen, values=chosen.values * factors)
