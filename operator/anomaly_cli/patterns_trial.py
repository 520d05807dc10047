"""`kubectl-anomaly patterns test`: which patterns would have named the windows of a recording.

The recording is replayed as a backtest does. A pattern names anomalous windows only, so it is held
against those; where none is, against the window with the highest score, to show what it lacks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from anomaly_cli.backtest import calendar_of, engine_settings, naming_of, selected
from anomaly_cli.local_time import moment
from anomaly_cli.object_files import ServiceFileError
from anomaly_cli.patterns import Row
from anomaly_cli.recording import Recording
from anomaly_cli.replay import Chunk, Judging, replay
from anomaly_cli.service_file import Plan
from anomaly_operator.api.fields import SpecError
from anomaly_operator.incidents.settings import incident_settings
from anomaly_operator.spec.pattern_fit import check_patterns
from detector_runtime.commands.span import verdict_of
from detector_runtime.contract.detection import WindowVerdict
from detector_runtime.contract.patterns import PatternSpec
from detector_runtime.contract.vocabulary import Verdict
from detector_runtime.patterns.match import Match, Situation, match
from detector_runtime.series.reading import read_history
from detector_runtime.verdict.naming import situation
from detector_runtime.verdict.window import window_of

_MET = ("PATTERN", "MET", "NAMES", "FIRST", "LAST")
_UNMET = ("PATTERN", "WINDOW", "LACKS")


@dataclass(frozen=True, slots=True)
class Seen:
    """One window: its end in unix seconds, its first finding's name, and how patterns see it."""

    end: int
    score: float
    name: str
    situation: Situation


@dataclass(slots=True)
class Tried:
    """One pattern over all windows. `matched`, `named`: ends of those that meet it, and of those
    that it names; `closest`: the window that lacks least, and what it lacks."""

    spec: PatternSpec
    matched: list[int] = field(default_factory=list)
    named: list[int] = field(default_factory=list)
    closest: tuple[int, tuple[str, ...]] | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """`judged`: windows with a verdict; `anomalous`: how many of them were."""

    judged: int
    anomalous: int
    patterns: tuple[Tried, ...]


def run(
    recording: Recording,
    plan: Plan,
    warmup: int,
    refit_seconds: int,
    on_progress: Callable[[int, int], None],
    *,
    gated: bool = False,
) -> Trial:
    """Replay `recording` under `plan` and hold its patterns against what is found; the arguments
    are those of `backtest.run`. Raises ServiceFileError for patterns that do not fit the metrics.
    """
    try:
        check_patterns(plan.spec.patterns, plan.metrics)
    except SpecError as error:
        raise ServiceFileError(str(error)) from error
    clean = read_history(selected(recording, plan), plan.metrics)
    step, rows = clean.frame.step, len(clean.frame)
    calendar, training, naming = calendar_of(plan, clean.frame), plan.spec.training, naming_of(plan)
    anomalous: list[Seen] = []
    highest: Seen | None = None
    judged = 0
    for chunk in replay(
        clean,
        engine_settings(plan, step, calendar),
        incident_settings("backtest", "backtest", step, plan.incidents),
        warmup,
        refit_seconds,
        lookback_seconds=training.lookback_seconds if refit_seconds else warmup * step,
        exclude=training.exclude,
        calendar=calendar,
        gated=gated,
        judging=Judging(plan.slo, naming),
    ):
        on_progress(chunk.last - warmup, rows - warmup)
        judged += sum(one.verdict is not Verdict.INCONCLUSIVE for one in chunk.reports.values())
        for seen, counts in _seen(chunk, highest.score if highest else -1.0):
            if counts:
                anomalous.append(seen)
            if highest is None or seen.score > highest.score:
                highest = seen
    windows = anomalous or ([highest] if highest else [])
    tried = tuple(_tried(spec, windows, counts=bool(anomalous)) for spec in naming.patterns)
    return Trial(judged, len(anomalous), tried)


def _seen(chunk: Chunk, above: float) -> Iterator[tuple[Seen, bool]]:
    """The anomalous windows of a chunk, and others whose score is more than all before."""
    context, scores = chunk.context, chunk.scores
    if context is None or scores is None:
        return
    told: list[WindowVerdict] = []
    for at, report in enumerate(chunk.reports.values()):
        score = float(np.nan_to_num(scores.score[at], nan=-1.0))
        counts = report.verdict is Verdict.ANOMALOUS
        if counts or (report.verdict is Verdict.NORMAL and score > above):
            above = max(above, score)
            window = window_of(context, scores, at)
            name = report.findings[0].pattern if report.findings else ""
            seen = situation(context, scores, at, told, window)
            yield Seen(window.end, score, name, seen), counts
        if report.verdict is not Verdict.NORMAL:
            told.append(verdict_of(report))


def _tried(spec: PatternSpec, windows: Sequence[Seen], *, counts: bool) -> Tried:
    tried, least = Tried(spec), (0, 0.0)
    for window in windows:
        found = match(spec, window.situation)
        if isinstance(found, Match):
            # A window that is not anomalous is named by nothing.
            if counts:
                tried.matched.append(window.end)
        elif tried.closest is None or (len(found.reasons), -window.score) < least:
            least = (len(found.reasons), -window.score)
            tried.closest = (window.end, found.reasons)
        if window.name == spec.name:
            tried.named.append(window.end)
    return tried


def head(trial: Trial) -> Iterator[str]:
    """What stands over the tables."""
    yield f"{trial.judged} windows judged, {trial.anomalous} of them anomalous"
    if not trial.anomalous:
        yield "a pattern names anomalous windows only; below, the window with the highest score"
    elif not any(one.matched for one in trial.patterns):
        yield "no pattern is met by any of them; findings are called metric_<name>"


def tables(trial: Trial, zone: ZoneInfo) -> Iterator[tuple[str, Row, list[Row]]]:
    """A title, the heads and the lines of each table."""
    met: list[Row] = [
        (
            one.spec.name,
            str(len(one.matched)),
            str(len(one.named)),
            moment(one.matched[0], zone),
            moment(one.matched[-1], zone),
        )
        for one in trial.patterns
        if one.matched
    ]
    if met:
        yield "met, and how many windows the pattern names first:", _MET, met
    unmet: list[Row] = [
        (one.spec.name, moment(one.closest[0], zone), "; ".join(one.closest[1]))
        for one in trial.patterns
        if not one.matched and one.closest
    ]
    if unmet:
        yield "not met, the window that came closest, and what it lacks:", _UNMET, unmet


def document(trial: Trial, zone: ZoneInfo) -> dict[str, Any]:
    """The report as JSON values."""
    return {
        "judged": trial.judged,
        "anomalous": trial.anomalous,
        "patterns": [
            {
                "name": one.spec.name,
                "met": [moment(end, zone) for end in one.matched],
                "names": [moment(end, zone) for end in one.named],
                "closest": one.closest
                and {"window": moment(one.closest[0], zone), "lacks": list(one.closest[1])},
            }
            for one in trial.patterns
        ],
    }
