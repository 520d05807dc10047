"""Training: from clean rows of history to a fitted model and the outcome of its checks.

Fit side only: it imports scikit-learn through the forests. The model is a function of the rows, the
settings (with their seed) and the excluded intervals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from detector_runtime.contract.run_config import Interval, MetricSpec
from detector_runtime.detectors.registry import COSTLY, ONE_METRIC, SEVERAL_METRICS
from detector_runtime.detectors.seasonal import Seasonal
from detector_runtime.fitting.alert_level import LOWEST, PRECISION, History
from detector_runtime.fitting.level_shift import lasting_shift
from detector_runtime.fitting.trim import Trimming, implausible
from detector_runtime.fitting.validate import (
    Held,
    Selection,
    Trial,
    gate,
    held_scores,
    run_trial,
    select_members,
)
from detector_runtime.model.calibrate import Tails, fit_tails
from detector_runtime.model.drift import DriftBaseline, learn_drift
from detector_runtime.model.ensemble import Ensemble, MinDeviation, deviations, learnable, ready
from detector_runtime.model.fitted import EngineSettings, FittedModel, NotEnoughHistory
from detector_runtime.model.special_days import MIN_DAYS, SpecialDays, count_days
from detector_runtime.series.calendar import inside
from detector_runtime.series.features import DAY, learn_scaling
from detector_runtime.series.frame import Floats, Frame
from detector_runtime.series.presence import learn_presence
from detector_runtime.series.reading import CleanRows
from detector_runtime.series.statistics import metric_statistics

PROVISIONAL_DAYS = 7
SETTLED_DAYS = 14
"""Days of history from which the alert level stands as read; below, it is set higher the less was
seen: by half the logarithm of the ratio, as the error of a level falls with the root of the sample.
Measured on the first days of labelled servers, where models of two days gave 1.5 to 2.3 times as
many incidents as wanted, and of seven up to 2.5."""
HEAD_SHARE = 0.8
"""Of the windows that may be used, in time: what the candidate learns from; the rest tests it. The
usual 80 : 20."""
SHIFT_LEVEL = 1.5
"""Score at which held-out windows are counted: 3 % of them, if the model is right."""
SPARE_SHIFT, MAX_SHIFT = 0.3, 1.0
"""Held-out windows pass a level twice as often in one week and half as often in the next, and are
further from their model than tomorrow is from one trained tonight: only what is beyond that counts.
"""
MIN_HELD = 50


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """Fitted detectors with calibration; `smoothed` evidence and `scores` (n,) of all its rows."""

    ensemble: Ensemble
    final: Tails
    drift: DriftBaseline
    smoothed: Floats
    scores: Floats


def fit_model(
    clean: CleanRows,
    settings: EngineSettings,
    exclude: tuple[Interval, ...] = (),
    accepted: tuple[Interval, ...] = (),
) -> FittedModel:
    """Fit a model on clean rows, but for the windows of `exclude`; NotEnoughHistory where too few
    are left.

    Those of `accepted` were an incident and are normal by now: they are learned whole and never
    trimmed, and test no candidate that has not seen them."""
    presence = learn_presence(clean, settings.metrics)
    frame = begun(presence.learnable(clean))
    excluded = excluded_windows(frame, exclude)
    taken = learnable(frame, excluded)
    special = inside(frame.times, frame.step, settings.special)
    days = count_days(taken, special & np.isfinite(taken.values).any(axis=1), settings.time_zone)
    if days < MIN_DAYS:
        taken = learnable(taken, special)
    usable = int(np.isfinite(taken.values).any(axis=1).sum())
    if usable < settings.min_univariate:
        raise NotEnoughHistory(usable, settings.min_univariate)
    several = usable >= settings.min_multivariate
    known = excluded_windows(frame, accepted)
    trimming = first_look(taken, settings, several=several)
    trimming = replace(trimming, windows=trimming.windows & ~known)
    trimmed = trimming.windows
    split = held_out_from(~np.isfinite(taken.values).any(axis=1) | known)
    normal = learnable(taken, trimmed | special).values

    before = candidate(taken.rows(0, split), trimmed[:split], settings, several=several)
    quiet = ~trimmed[split:] & ~known[split:] & np.isfinite(taken.values[split:]).any(axis=1)
    # What it had too few special days to learn says nothing of how good it is.
    unlearned = special & (before.ensemble.special is None)
    held = Held(learnable(taken, unlearned), split, quiet & ~unlearned[split:])
    trial = run_trial(
        before.ensemble,
        held,
        settings,
        metric_statistics(before.ensemble.scaling.judged(normal)),
    )
    choice = select_members(trial, before.ensemble, frame.step)
    shift = held_shift(trial, before, held)

    whole = candidate(taken, trimmed, settings, several=several, without=choice.dropped)
    wanted = settings.detector.false_incidents_per_week
    history = History(whole.scores, trimmed, trimming.by_chance, frame.step, settings.incidents)
    known_days = usable * frame.step / DAY
    levels = level_table(history, wanted, shift + unseen(known_days))
    threshold = float(levels[len(levels) // 2, 0])
    judged = whole.ensemble.scaling.judged
    return FittedModel(
        names=frame.names,
        step=frame.step,
        samples=usable,
        counter=clean.rules.counter,
        presence=presence,
        detectors=(*served(whole.ensemble, choice), *days_line(settings, days)),
        validation=gate(trial, held, before.final, threshold),
        provisional=known_days < PROVISIONAL_DAYS,
        alert_threshold=threshold,
        ensemble=whole.ensemble,
        final=whole.final,
        statistics=metric_statistics(judged(normal)),
        drift=whole.drift,
        expected_per_week=levels,
        level_shift=lasting_shift(
            replace(taken, values=judged(taken.values)), frame.names, settings.min_univariate
        ),
    )


def held_out_from(excluded: NDArray[np.bool_]) -> int:
    """First row of the held-out part: the last fifth of the rows that are not `excluded` (n,), or
    without a value, which is the same.

    Not of the calendar: an incident that fills the last days is excluded, and would leave nothing
    to test with."""
    usable = np.flatnonzero(~excluded)
    if not len(usable):
        return int(HEAD_SHARE * len(excluded))
    return int(usable[int(HEAD_SHARE * len(usable))])


def begun(frame: Frame) -> Frame:
    """The frame from its first value on: most of a look-back lies before a new service."""
    present = np.isfinite(frame.values).any(axis=1)
    return frame.rows(int(present.argmax()))


def first_look(frame: Frame, settings: EngineSettings, *, several: bool) -> Trimming:
    """Windows that cannot be normal, by the detectors that cost little to fit."""
    nothing = np.zeros(len(frame), dtype=bool)
    quick = candidate(frame, nothing, settings, several=several, without=COSTLY)
    return implausible(quick.smoothed, settings.detector.expected_anomaly_rate, frame.step)


def candidate(
    frame: Frame,
    trimmed: NDArray[np.bool_],
    settings: EngineSettings,
    *,
    several: bool,
    without: frozenset[str] = frozenset(),
) -> Candidate:
    """Fit scaling, baseline, members and calibration on the windows of `frame` that are not
    `trimmed`; those that are get a score too, and serve the others as their past."""
    apart = inside(frame.times, frame.step, settings.special)
    ordinary = learnable(frame, trimmed | apart)
    seed = settings.detector.seed
    scaling = learn_scaling(ordinary, settings.metrics, settings.time_zone)
    special = SpecialDays.learn(frame, scaling, settings.special)
    minimum = min_deviation(settings.metrics)
    baseline = Seasonal.fit(scaling.prepare(ordinary), seed)
    if special is None:
        frame = learnable(frame, apart)
    normal = learnable(frame, trimmed)
    rows = ready(normal, scaling, baseline, minimum, special)
    kinds = ONE_METRIC if len(frame.names) == 1 else SEVERAL_METRICS
    fitted = [
        kind.fit(rows, seed)
        for kind in kinds
        if kind.name not in without and (several or not kind.multivariate)
    ]
    members = tuple(member for member in fitted if member is not None)
    everything = ready(frame, scaling, baseline, minimum, special)
    deviation = deviations(members, everything, scaling)
    tails = fit_tails(deviation[~trimmed])
    ensemble = Ensemble(scaling, members, tails, baseline, minimum, special)
    evidence = ensemble.weigh(deviation, everything)
    smoothed = evidence.smoothed(frame.step)
    final = fit_tails(smoothed[~trimmed, None])
    scores = final.surprise(smoothed[:, None])[:, 0]
    drift = learn_drift(rows.z - baseline.expected(rows), frame.step)
    return Candidate(ensemble, final, drift, smoothed, scores)


def held_shift(trial: Trial, before: Candidate, held: Held) -> float:
    """By how much the level must rise, as scores run higher on windows that the model has not seen.

    A model is calibrated on the windows that it learned from, so it takes later ones for rarer than
    they are. 0 with fewer than MIN_HELD such windows.
    """
    found = held_scores(trial, before.final, held.frame.step)[held.quiet]
    if len(found) < MIN_HELD:
        return 0.0
    expected = 10.0**-SHIFT_LEVEL
    share = float(np.mean(found >= SHIFT_LEVEL))
    shift = float(np.log10(max(share, 1e-9) / expected))
    return max(min(shift, MAX_SHIFT) - SPARE_SHIFT, 0.0)


def served(ensemble: Ensemble, choice: Selection) -> tuple[str, ...]:
    """What serves and why, a line each, for people."""
    lines = [f"{member.name}: {member.reason}" for member in ensemble.members]
    if choice.dropped:
        lines.append(
            f"without {', '.join(sorted(choice.dropped))}: weak faults {choice.usual:.0%} -> "
            f"{choice.recall:.0%}"
        )
    return tuple(line[:80] for line in lines)


def days_line(settings: EngineSettings, days: int) -> tuple[str, ...]:
    """What became of the days with a usual of their own, for people."""
    if not settings.special:
        return ()
    if days < MIN_DAYS:
        return (f"calendar: {days} of {MIN_DAYS} days with a usual of their own; not judged yet",)
    return (f"calendar: a usual of their own from {days} days",)


def excluded_windows(frame: Frame, exclude: Sequence[Interval]) -> NDArray[np.bool_]:
    """(n,): windows that share any time with an interval; a window covers (end - step, end]."""
    out = np.zeros(len(frame), dtype=bool)
    for interval in exclude:
        out |= (frame.times > interval.start) & (frame.times - frame.step < interval.end)
    return out


def unseen(days: float) -> float:
    """How much higher the alert level stands for what a history of so many days has not shown."""
    return max(0.5 * float(np.log10(SETTLED_DAYS / days)), 0.0)


def level_table(history: History, wanted: float, shift: float) -> Floats:
    """(9, 2): alert level, false incidents a week to expect there; 4 x `wanted` to a quarter.

    Where the level may not fall as far as a rate asks, the rate is what the history shows there.
    """
    rates = wanted * 2.0 ** np.arange(2, -2.5, -0.5)
    levels = np.maximum.accumulate(history.levels(rates.tolist()))
    if history.weeks:
        shown = [history.false_incidents(level) / history.weeks for level in levels.tolist()]
        rates = np.where(levels < LOWEST + PRECISION, np.minimum(rates, shown), rates)
    return np.column_stack([levels + shift, rates])


def min_deviation(metrics: Sequence[MetricSpec]) -> MinDeviation:
    return MinDeviation(
        np.array([spec.min_deviation_absolute or 0.0 for spec in metrics]),
        np.array([spec.min_deviation_relative or 0.0 for spec in metrics]),
    )
