"""Replay of a recording as the product would have lived it: learn, score a while, learn again.

Causal by construction: every window is scored by a model fitted on windows before it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from anomaly_cli.level_control import LivedControl
from anomaly_operator.incidents.state import IncidentSettings
from detector_runtime.commands.score_windows import busy_on
from detector_runtime.commands.span import verdict_of
from detector_runtime.contract.dependencies import Dependencies
from detector_runtime.contract.detection import WindowReport
from detector_runtime.contract.run_config import Interval, SLOSpec
from detector_runtime.contract.vocabulary import MAX_WINDOWS, Verdict
from detector_runtime.fitting.candidate import Fit, candidate
from detector_runtime.fitting.fit import fit_model
from detector_runtime.model.fitted import EngineSettings, FittedModel, NotEnoughHistory
from detector_runtime.model.scoring import Scores
from detector_runtime.objectives.burn import Burn
from detector_runtime.patterns.assemble import of_graph
from detector_runtime.series.calendar import Calendar
from detector_runtime.series.reading import CleanRows
from detector_runtime.verdict.calendar_days import score_calendar
from detector_runtime.verdict.judge import judge
from detector_runtime.verdict.periods import period_lookup
from detector_runtime.verdict.window import JudgeContext, Naming

DAY = 86_400
NO_CALENDAR = Calendar()
LOOKBACK_SECONDS = 30 * DAY
"""What a model learns from at most, unless the service says otherwise."""


@dataclass(frozen=True, slots=True)
class Judging:
    """What a pod is told beside the model: the policy that holds, how to name what is found, how
    the dependencies stand at the end of a window (unix seconds), None = none are watched, and which
    error budgets burn, by the same."""

    policy: SLOSpec | None = None
    naming: Naming = field(default_factory=Naming)
    dependencies: Callable[[int], Dependencies] | None = None
    burning: Mapping[int, tuple[Burn, ...]] = field(default_factory=dict)

    def context(
        self,
        settings: EngineSettings,
        model: FittedModel,
        calendar: Calendar,
        unjudged: Mapping[int, str],
        before: deque[WindowReport],
    ) -> JudgeContext:
        """`before`: the windows right before those to judge."""
        told = (verdict_of(one) for one in before if one.verdict is not Verdict.NORMAL)
        naming = replace(self.naming, recent=tuple(told))
        at = self.dependencies

        def naming_at(end: int) -> Naming:
            assert at is not None
            found = at(end)
            unhealthy = tuple(one.name for one in found.unhealthy)
            return replace(naming, dependencies=unhealthy, graph=of_graph(found))

        return JudgeContext(
            settings.metrics,
            busy_on(self.policy, calendar),
            period_lookup(settings.periods, settings.time_zone),
            model,
            unjudged=unjudged,
            naming=naming,
            burning=self.burning,
            naming_at=None if at is None else naming_at,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """Rows [first, last) of the frame under one model; `scores` has a row for each of them, and
    `reports` says by row what was said of it.

    `candidate` was trained on what came before, None where none was or there was too little;
    `model` serves, and it and `scores` are None where none does; `context`: what they were judged
    by.
    """

    first: int
    last: int
    candidate: FittedModel | None
    model: FittedModel | None
    scores: Scores | None
    reports: Mapping[int, WindowReport]
    context: JudgeContext | None = None


def replay(
    clean: CleanRows,
    settings: EngineSettings,
    rules: IncidentSettings,
    warmup: int,
    refit_seconds: int,
    *,
    lookback_seconds: int = LOOKBACK_SECONDS,
    exclude: tuple[Interval, ...] = (),
    calendar: Calendar = NO_CALENDAR,
    judging: Judging = Judging(),
    gated: bool = False,
    fit: Fit = candidate,
) -> Iterator[Chunk]:
    """Score and judge `clean` from row `warmup` on, a day at a time, as the level is controlled by
    the day; refit every `refit_seconds` (0 = never) on at most `lookback_seconds` before, but for
    `exclude` and the untrained days of `calendar`. `naming`: what names the findings.

    `gated`: a model serves only if it passed its checks, and until another one does, as in the
    product. Else each training's model serves, which says what the detectors are worth. `fit`: by
    which replays of the same windows may share what they learn.
    """
    frame = clean.frame
    serving: FittedModel | None = None
    before: deque[WindowReport] = deque(maxlen=MAX_WINDOWS)
    wanted = settings.detector.false_incidents_per_week
    lived = LivedControl(rules, wanted, int(frame.times[warmup]) if warmup < len(frame) else 0)
    for first, last, trains in _stretches(len(frame), warmup, refit_seconds, frame.step):
        now = int(frame.times[first] - frame.step)
        trained = None
        if trains:
            start = max(first - lookback_seconds // frame.step, 0)
            left_out = (*exclude, *calendar.untrained)
            trained = _trained(clean.rows(start, first), settings, left_out, fit)
            if not gated or (trained is not None and trained.validation.passed):
                serving = trained
        scores, told, reports = None, None, {}
        if serving is not None:
            rows = clean.rows(max(first - serving.history_windows, 0), last)
            scores, unjudged = score_calendar(serving, rows, now, calendar, lived.offset(now))
            told = judging.context(settings, serving, calendar, unjudged, before)
            judged = judge(told, scores)
            before.extend(judged)
            reports = dict(zip(range(first, last), judged, strict=True))
            lived.take(reports)
        yield Chunk(first, last, trained, serving, scores, reports, told)


def _stretches(
    rows: int, warmup: int, refit_seconds: int, step: int
) -> Iterator[tuple[int, int, bool]]:
    """First row, row after the last, and whether a training comes before it."""
    width = max(refit_seconds // step, 1) if refit_seconds else rows
    day = max(DAY // step, 1)
    for start in range(warmup, rows, width):
        end = min(start + width, rows)
        for first in range(start, end, day):
            yield first, min(first + day, end), first == start


def _trained(
    part: CleanRows, settings: EngineSettings, exclude: tuple[Interval, ...], fit: Fit
) -> FittedModel | None:
    try:
        return fit_model(part, settings, exclude, fit=fit)
    except NotEnoughHistory:
        return None
