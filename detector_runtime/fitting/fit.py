"""Training: from clean rows of history to a fitted model and the outcome of its checks.

Fit side only: it imports scikit-learn through the forests. The model is a function of the rows, the
settings (with their seed) and the excluded intervals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from detector_runtime.contract.members import VoteRule
from detector_runtime.contract.run_config import Interval
from detector_runtime.detectors.registry import COSTLY
from detector_runtime.fitting.alert_level import History
from detector_runtime.fitting.candidate import Candidate, Fit, Learning, candidate, deciding
from detector_runtime.fitting.incident_rate import incident_rate, large_share
from detector_runtime.fitting.level_shift import lasting_shift
from detector_runtime.fitting.members import Choice, threshold_lines
from detector_runtime.fitting.promise import calibrated
from detector_runtime.fitting.served import days_line, served
from detector_runtime.fitting.trim import Trimming, implausible
from detector_runtime.fitting.validate import (
    MIN_HELD_WINDOWS,
    Held,
    Selection,
    Trial,
    gate,
    held_scores,
    ranked_members,
    run_trial,
    select_members,
)
from detector_runtime.model.ensemble import (
    Ensemble,
    learnable,
)
from detector_runtime.model.fitted import EngineSettings, FittedModel, NotEnoughHistory
from detector_runtime.model.level_borders import hours_of_week, learn_borders
from detector_runtime.model.magnitude import sustained
from detector_runtime.model.special_days import MIN_DAYS, count_days
from detector_runtime.series.calendar import inside
from detector_runtime.series.features import DAY, one_sided
from detector_runtime.series.frame import Floats, Frame
from detector_runtime.series.presence import learn_presence
from detector_runtime.series.reading import CleanRows
from detector_runtime.series.statistics import metric_statistics

PROVISIONAL_DAYS = 7
HEAD_SHARE = 0.8
"""Of the windows that may be used, in time: what the candidate learns from; the rest tests it. The
usual 80 : 20."""


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """What may be learned: `frame`, of which `trimmed` windows (n,) cannot be normal, `special`
    ones have a usual of their own and `absent` ones hold no value."""

    frame: Frame
    trimmed: NDArray[np.bool_]
    special: NDArray[np.bool_]
    absent: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Tried:
    """A candidate of the head of a history, and how it does on the held-out part. `order`: its
    members by name, the one that finds most first, where only the best decides."""

    before: Candidate
    held: Held
    trial: Trial
    order: tuple[str, ...] = ()


def fit_model(
    clean: CleanRows,
    settings: EngineSettings,
    exclude: tuple[Interval, ...] = (),
    accepted: tuple[Interval, ...] = (),
    *,
    fit: Fit = candidate,
) -> FittedModel:
    """Fit a model on clean rows, but for the windows of `exclude`; NotEnoughHistory where too few
    are left.

    Those of `accepted` were an incident and are normal by now: they are learned whole and never
    trimmed, and test no candidate that has not seen them. So do the windows after them, as long as
    they are few."""
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
    trimming = first_look(taken, settings, fit, several=several)
    absent = np.asarray(~np.isfinite(taken.values).any(axis=1))
    untested = untested_windows(known, absent)
    trimming = replace(trimming, windows=trimming.windows & ~untested)
    trimmed = trimming.windows
    normal = learnable(taken, trimmed | special).values
    history_rows = Rows(taken, trimmed, special, absent)
    tested = tried(history_rows, untested, settings, fit, several=several)
    # A level that a candidate has not seen is no reason to refuse it, but one to be careful.
    rated = (
        tested
        if np.array_equal(untested, known)
        else tried(history_rows, known, settings, fit, several=several)
    )
    selection = selected(tested, settings)
    choice = Choice(several, settings.detector.members, selection.dropped)
    whole = fit(taken, trimmed, Learning.of(settings), choice, tested.order)
    history = History(whole.scores, trimmed, trimming.by_chance, frame.step, settings.incidents)
    unseen, quiet = held_scores(rated.trial, rated.before.final, frame.step), rated.held.quiet
    rate = incident_rate(unseen, quiet, history)
    wanted, learned = settings.detector.false_incidents_per_week, usable * frame.step / DAY
    calibration = calibrated(history, rate, wanted, learned)
    large = large_share(unseen, quiet, magnitude(rated.before.ensemble, rated.held), history)
    judged = whole.ensemble.scaling.judged
    return FittedModel(
        names=frame.names,
        step=frame.step,
        samples=usable,
        counter=clean.rules.counter,
        presence=presence,
        detectors=(
            *served(whole.ensemble, selection, settings),
            *threshold_lines(whole.ensemble, calibration, wanted, learned),
            *days_line(settings, days),
        ),
        validation=gate(tested.trial, tested.held, tested.before.final, calibration.levels.alert),
        provisional=usable * frame.step < PROVISIONAL_DAYS * DAY,
        levels=calibration.levels,
        ensemble=whole.ensemble,
        final=whole.final,
        statistics=metric_statistics(judged(normal)),
        borders=learn_borders(
            np.where(trimmed[:, None], np.nan, whole.residual),
            hours_of_week(frame.times, frame.step, settings.time_zone),
            frame.step,
        ),
        drift=whole.drift,
        expected_per_week=calibration.table,
        expected_by_severity=calibration.by_severity(large),
        level_shift=lasting_shift(
            replace(taken, values=judged(taken.values)),
            frame.names,
            settings.min_univariate,
            accepted,
        ),
    )


def tried(
    rows: Rows,
    untested: NDArray[np.bool_],
    settings: EngineSettings,
    fit: Fit,
    *,
    several: bool,
) -> Tried:
    """Fit a candidate on the head and run it on the held-out part of the rows that are not
    `untested` (n,)."""
    split = held_out_from(rows.absent | untested)
    head, trimmed = rows.frame.rows(0, split), rows.trimmed
    choice = Choice(several, settings.detector.members)
    before = fit(head, trimmed[:split], Learning.of(settings), choice, ())
    quiet = ~trimmed[split:] & ~untested[split:] & ~rows.absent[split:]
    # What it had too few special days to learn says nothing of how good it is.
    unlearned = rows.special & (before.ensemble.special is None)
    held = Held(learnable(rows.frame, unlearned), split, quiet & ~unlearned[split:])
    normal = learnable(rows.frame, trimmed | rows.special).values
    statistics = metric_statistics(before.ensemble.scaling.judged(normal))
    trial = run_trial(before.ensemble, held, settings, statistics)
    if before.ensemble.vote is None or settings.detector.vote.rule is not VoteRule.BEST:
        return Tried(before, held, trial)
    order = ranked_members(trial, before.ensemble, head.step, settings.detector.members)
    before = deciding(before, trimmed[:split], head.step, settings, order)
    return Tried(before, held, trial.voting(before.ensemble.vote), order)


def selected(tested: Tried, settings: EngineSettings) -> Selection:
    """Which of the usual members serve; a list of members is taken as it is."""
    if settings.detector.members:
        return Selection(frozenset(), 1.0, 1.0)
    return select_members(tested.trial, tested.before.ensemble, settings.step_seconds)


def held_out_from(excluded: NDArray[np.bool_]) -> int:
    """First row of the held-out part: the last fifth of the rows that are not `excluded` (n,), or
    without a value, which is the same.

    Not of the calendar: an incident that fills the last days is excluded, and would leave nothing
    to test with."""
    usable = np.flatnonzero(~excluded)
    if not len(usable):
        return int(HEAD_SHARE * len(excluded))
    return int(usable[int(HEAD_SHARE * len(usable))])


def untested_windows(known: NDArray[np.bool_], absent: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(n,): windows that are neither trimmed nor test a candidate: those `known` to be normal
    though they were an incident, and what follows them as long as they are in the held-out part.

    What follows has their level. A candidate that has seen neither would fail until the new level
    fills the held-out part, and a minority of a fifth would be trimmed as implausible. `absent`
    (n,): without a value."""
    out, end = known.copy(), len(known)
    while True:
        split = held_out_from(absent | out)
        unseen = np.flatnonzero(known[split:end])
        if not len(unseen):
            break
        end = split + int(unseen[0])
        out[end:] = True
    left = int((~absent[split:] & ~out[split:]).sum())
    return out if left >= MIN_HELD_WINDOWS else known


def begun(frame: Frame) -> Frame:
    """The frame from its first value on: most of a look-back lies before a new service."""
    present = np.isfinite(frame.values).any(axis=1)
    return frame.rows(int(present.argmax()))


def first_look(frame: Frame, settings: EngineSettings, fit: Fit, *, several: bool) -> Trimming:
    """Windows that cannot be normal, by the usual detectors that cost little to fit, whichever
    members serve: which incidents a history holds is no question of taste."""
    nothing = np.zeros(len(frame), dtype=bool)
    quick = fit(frame, nothing, Learning.of(settings), Choice(several, without=COSTLY), ())
    return implausible(quick.smoothed, settings.detector.expected_anomaly_rate, frame.step)


def magnitude(ensemble: Ensemble, held: Held) -> Floats:
    """How far metrics stayed outside their usual range, of each held-out window."""
    rows = ensemble.prepare(held.frame)
    return sustained(one_sided(rows.residual, ensemble.scaling.side), rows.step)[held.first :]


def excluded_windows(frame: Frame, exclude: Sequence[Interval]) -> NDArray[np.bool_]:
    """(n,): windows that share any time with an interval; a window covers (end - step, end]."""
    out = np.zeros(len(frame), dtype=bool)
    for interval in exclude:
        out |= (frame.times > interval.start) & (frame.times - frame.step < interval.end)
    return out
