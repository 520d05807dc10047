"""Scoring: rows in, one score a window out, with what it takes to explain it.

Pure and causal: a window's score depends on it and on windows before it, at most
`FittedModel.history_windows` of them. It decides nothing about missing data: that is the
caller's verdict.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from detector_runtime.model.calibrate import CAP, UNUSUAL
from detector_runtime.model.drift import DriftScores
from detector_runtime.model.ensemble import Surprises
from detector_runtime.model.fitted import FittedModel
from detector_runtime.model.magnitude import sustained
from detector_runtime.model.recovery import FAR, outside, recovered
from detector_runtime.model.severity_levels import SeverityLevels
from detector_runtime.model.vote import Ballots
from detector_runtime.series.features import USUAL_WIDTH, Prepared, one_sided
from detector_runtime.series.frame import Floats, Frame, Ints
from detector_runtime.series.reading import CleanRows, ReadingRules

NOTHING_UNUSUAL = 0.434
"""Average surprise of what is usual: -log10 of a uniform probability averages log10 e."""

FIRST_LOOK = 8
"""Windows before an anomalous one that are scored first to see since when it has been building."""


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """One row a window (n,), metrics in columns (n, m); values in the metric's own unit.

    `values`: what was scored and people read, increments of counters, NaN where there is none.
    `undefined` (n, m): there is no value because it is 0/0; `judged` (n, m): the metric took part.
    `evidence`: how unusual each window is by itself, neither averaged with those before it nor
    calibrated. `score` 0 .. 10, `probability` 10 ** -score; NaN where every metric is missing.
    `rank`: the score without its upper limit, which tells windows apart that are all at 10.
    `contributions` rows add up to 1 (0 where all is missing). `detector_index` into `detectors`:
    who saw most of each metric.
    `building_since`: unix seconds, the first of the unbroken run of unusual windows that leads
    to this one (the window itself where it is not unusual). `confidence`: agreement, 0 .. 1.
    `magnitude`: how far a metric has stayed outside its usual range for the last windows, in
    half-widths of it. `drift`: of the hours that end with each window. `levels`: those that the
    windows are judged by. `past` (h, m): values of the windows right before the first; `residual`
    (h + n, m): distance from the usual value in units of its spread, of those and the scored ones;
    `usual`, `width` (n, m): that value and that spread in the metric's own unit. `ballots`: what
    each of `detectors` voted, where they vote; `confidence` is then the share of the members that
    is of the window's opinion.
    """

    times: Ints
    values: Floats
    undefined: NDArray[np.bool_]
    judged: NDArray[np.bool_]
    evidence: Floats
    score: Floats
    rank: Floats
    probability: Floats
    anomalous: NDArray[np.bool_]
    confidence: Floats
    contributions: Floats
    detector_index: Ints
    detectors: tuple[str, ...]
    usual_low: Floats
    usual_high: Floats
    building_since: Ints
    magnitude: Floats
    drift: DriftScores
    levels: SeverityLevels
    past: Floats
    residual: Floats
    usual: Floats
    width: Floats
    ballots: Ballots | None = None


def score_rows(
    model: FittedModel, clean: CleanRows, since: int, level_offset: float = 0.0
) -> Scores:
    """Score the windows of `clean` that end after `since` (unix seconds), at levels raised by
    `level_offset`. ValueError for rows that were not read as the model's own were."""
    frame = clean.frame
    if frame.names != model.names or frame.step != model.step:
        raise ValueError(
            f"frame has metrics {list(frame.names)} at {frame.step} s, "
            f"the model {list(model.names)} at {model.step} s"
        )
    if not np.array_equal(clean.rules.counter, model.counter):
        raise ValueError("the rows were read with other counters than the model's history")
    first = int(np.searchsorted(frame.times, since, side="right"))
    start = max(first - model.history_windows, 0)
    judged = model.presence.judged(clean.rows(start))
    frame = judged.frame
    first -= start
    rows = model.ensemble.prepare(frame)
    lead = min(model.smoothing - 1, first)
    level = _level(model, rows, first - lead)
    per_metric, rank = level.per_metric[lead:], level.rank[lead:]
    out = np.minimum(rank, CAP)
    levels = model.levels.raised(level_offset)
    anomalous, building = out >= levels.alert, frame.times[first:].copy()
    if anomalous.any():
        begin, course = _course(model, rows, first, out, min(UNUSUAL, levels.alert))
        side = model.ensemble.scaling.side
        gone = outside(rows.residual, side)[begin:]
        far = outside(rows.residual, side, FAR)[begin:]
        alert = course >= levels.alert
        anomalous &= ~recovered(gone, alert, model.lookback, far)[first - begin :]
        building = _building_since(frame.times[begin:], course, model.lookback)[first - begin :]
    found = level.evidence
    evidence = Surprises(found.single[:, lead:], found.joint[:, lead:], found.weights)
    ballots = _ballots(model, level, lead, levels.alert)
    distance = one_sided(rows.residual, model.ensemble.scaling.side)
    low, high, usual = usual_range(model, frame, rows, first, clean.rules)
    past = max(first - model.lookback, 0)
    return Scores(
        frame.times[first:],
        model.ensemble.scaling.judged(judged.shown[first:]),
        judged.undefined[first:],
        ~np.isnan(rows.scored[first:]),
        level.combined[lead:],
        out,
        rank,
        10.0**-out,
        anomalous,
        _agreement(evidence, per_metric) if ballots is None else ballots.confidence(anomalous),
        evidence_shares(per_metric, distance[first:]),
        seen_by(evidence, per_metric),
        tuple(member.name for member in model.ensemble.members),
        low,
        high,
        building,
        sustained(distance, model.step)[first:],
        model.drift.check(rows.z - usual, first, model.step),
        levels,
        model.ensemble.scaling.judged(judged.shown[past:first]),
        rows.residual[past:],
        usual[first:] * model.ensemble.scaling.scale + model.ensemble.scaling.centre,
        model.ensemble.baseline.width(rows)[first:] * model.ensemble.scaling.scale,
        ballots,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Level:
    """`evidence` with its mean `per_metric` (n, m) and `combined` (n,), and the `rank` (n,) that it
    gives a window with those before it."""

    evidence: Surprises
    per_metric: Floats
    combined: Floats
    rank: Floats


def _level(model: FittedModel, rows: Prepared, first: int) -> _Level:
    """Of the rows from `first` on; the caller allows for the smoothing."""
    evidence = model.ensemble.surprises(replace(rows, first=first))
    per_metric = evidence.per_metric()
    if not len(evidence.single):
        # only detectors of all metrics together: no metric has evidence of its own
        per_metric = np.where(np.isnan(rows.z[first:]), np.nan, 0.0)
    combined = evidence.combined(per_metric)
    smoothed = evidence.smoothed(model.step, combined)
    return _Level(
        evidence, per_metric, combined, model.final.surprise(smoothed[:, None], np.inf)[:, 0]
    )


def _ballots(model: FittedModel, level: _Level, lead: int, alert: float) -> Ballots | None:
    """What each member voted at the `alert` level in the windows after the first `lead`."""
    if model.ensemble.vote is None:
        return None
    voices = level.evidence.voices(model.step)[:, lead:]
    flat = model.final.surprise(voices.reshape(-1, 1))
    scores = flat.reshape(voices.shape)
    return Ballots(scores, np.nan_to_num(scores) >= alert)


def _course(
    model: FittedModel, rows: Prepared, first: int, out: Floats, unusual: float
) -> tuple[int, Floats]:
    """The first row, and the scores from it on, of all windows that may belong to the same run of
    `unusual` scores as that of row `first`; `out`: the scores from there on.

    No further back than a run that scores the first window alone could see. It looks back in steps
    that double, as most runs are short and each row costs as much as the window itself.
    """
    lead = model.smoothing - 1
    earliest = max(first - model.lookback - lead, 0)
    span = FIRST_LOOK
    while True:
        begin = max(first - span, earliest)
        start = max(begin - lead, earliest)
        before = _level(model, rows, start).rank[begin - start : first - start]
        if begin == earliest or not (before >= unusual).all():
            return begin, np.concatenate([before, out])
        span *= 2


def usual_range(
    model: FittedModel, frame: Frame, rows: Prepared, first: int, rules: ReadingRules
) -> tuple[Floats, Floats, Floats]:
    """Lowest and highest usual value of each window from `first` on, in the metric's own unit, and
    the usual value of every row in scaled units. Never beyond a valid range, never below zero for
    a metric that never was; NaN for one that training hardly saw."""
    ensemble = model.ensemble
    scaling, usual = ensemble.scaling, ensemble.baseline.expected(rows)
    low, high = ensemble.baseline.reach(rows)
    if ensemble.special is not None:
        middle, width = ensemble.special.usual(frame, rows, usual, ensemble.baseline.width(rows))
        special = ensemble.special.covers(frame, rows)
        low = np.where(special, middle - USUAL_WIDTH * width, low)
        high = np.where(special, middle + USUAL_WIDTH * width, high)
    low = low[first:] * scaling.scale + scaling.centre
    high = high[first:] * scaling.scale + scaling.centre
    least = model.statistics.quantiles[:, 0]
    low = np.where(least >= 0, np.maximum(low, 0.0), low)
    low, high = np.maximum(low, rules.low), np.minimum(high, rules.high)
    return np.where(scaling.known, low, np.nan), np.where(scaling.known, high, np.nan), usual


def evidence_shares(per_metric: Floats, distance: Floats) -> Floats:
    """Shares of the evidence above its average when nothing is unusual.

    Where only detectors that read all metrics together saw something, the shares are those of each
    metric's own evidence, else of its `distance` (n, m) from the usual value, else even.
    """
    present = ~np.isnan(per_metric)
    own = np.where(present, per_metric, 0.0)
    share: Floats = np.fmax(own - NOTHING_UNUSUAL, 0.0)
    known = present & ~np.isnan(distance)
    for rest in (own, np.where(known, distance, 0.0), present.astype(np.float64)):
        said = share.any(axis=1, keepdims=True)
        if said.all():
            break
        share = np.where(said, share, rest)
    out: Floats = share / np.maximum(share.sum(axis=1, keepdims=True), 1e-300)
    return out


def seen_by(evidence: Surprises, per_metric: Floats) -> Ints:
    """(n, m): who saw most of each metric, single detectors first; where no metric's own evidence
    is above average, the one of all metrics together that saw most."""
    single = np.where(np.isnan(evidence.single), -1.0, evidence.single)
    found: Ints = single.argmax(axis=0) if len(single) else np.zeros(per_metric.shape, np.int64)
    if len(evidence.joint) == 0:
        return found
    joint = np.where(np.isnan(evidence.joint), 0.0, evidence.joint)
    together = (evidence.weights[:, None] * joint).argmax(axis=0)
    alone = (per_metric > NOTHING_UNUSUAL).any(axis=1, keepdims=True)
    return np.where(alone, found, len(evidence.single) + np.atleast_2d(together).T)


def _agreement(surprises: Surprises, per_metric: Floats) -> Floats:
    """Share of the detectors that find the most unusual metric, or all metrics together, unusual
    too; 1 where all do."""
    single = surprises.single
    if per_metric.shape[0] == 0:
        return np.zeros(0)
    top = np.where(np.isnan(per_metric), -1.0, per_metric).argmax(axis=1)
    votes = np.concatenate([single[:, np.arange(len(top)), top], surprises.joint])
    present = ~np.isnan(votes)
    agreeing = (votes >= UNUSUAL).sum(axis=0)
    share: Floats = agreeing / np.maximum(present.sum(axis=0), 1)
    return share


def _building_since(times: Ints, course: Floats, lookback: int) -> Ints:
    """Of each window the first of the unbroken run of unusual ones that leads to it, at most
    `lookback` before; `course` (n,): scores."""
    rows = np.arange(len(course))
    begin = np.maximum.accumulate(np.where(course >= UNUSUAL, 0, rows + 1))
    return times[np.maximum(np.minimum(begin, rows), rows - lookback)]
