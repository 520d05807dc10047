"""Training: from a frame of history to a fitted model with its gate.

Fit side only: it imports scikit-learn through the forests. Everything is a function of the frame,
the settings and the seed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detector_runtime.calibrate import Tails, fit_tails
from detector_runtime.combine import (
    Ensemble,
    MinDeviation,
    calibrate_members,
    learnable,
    smooth,
    smoothing_windows,
)
from detector_runtime.contract import Interval, MetricSpec
from detector_runtime.detectors.base import Detector
from detector_runtime.detectors.registry import ONE_METRIC, SEVERAL_METRICS
from detector_runtime.detectors.seasonal import Seasonal
from detector_runtime.drift import learn_drift
from detector_runtime.features import DAY, Prepared, learn_scaling
from detector_runtime.model import (
    Check,
    EngineSettings,
    FittedModel,
    NotEnoughHistory,
    Validation,
)
from detector_runtime.series import Floats, Frame
from detector_runtime.statistics import describe
from detector_runtime.thresholds import alert_level, incidents_per_week

PROVISIONAL_DAYS = 7


def fit_model(frame: Frame, settings: EngineSettings, exclude: tuple[Interval, ...]) -> FittedModel:
    taken = learnable(frame, excluded_windows(frame, exclude))
    usable = int(np.isfinite(taken.values).any(axis=1).sum())
    if usable < settings.min_univariate:
        raise NotEnoughHistory(usable, settings.min_univariate)
    scaling = learn_scaling(taken, settings.metrics, settings.time_zone)
    rows = scaling.prepare(taken)
    baseline = Seasonal.fit(rows, settings.detector.seed)
    rows = baseline.apply(rows)
    several = usable >= settings.min_multivariate
    members = fit_members(rows, settings.detector.seed, several=several)
    tails = calibrate_members(members, rows, scaling)
    minimum = min_deviation(settings.metrics)
    ensemble = Ensemble(scaling, members, tails, baseline, minimum)
    final, quiet = calibrate_final(ensemble, rows)
    wanted = settings.detector.false_incidents_per_week
    threshold = alert_level(quiet, frame.step, wanted)
    return FittedModel(
        names=frame.names,
        step=frame.step,
        samples=usable,
        detectors=tuple(member.name for member in members),
        validation=Validation((Check("samples", usable, settings.min_univariate, at_least=True),)),
        provisional=usable * frame.step < PROVISIONAL_DAYS * DAY,
        alert_threshold=threshold,
        ensemble=ensemble,
        final=final,
        statistics=describe(taken.values),
        drift=learn_drift(rows.z - baseline.expected(rows), frame.step),
        expected_per_week=rate_table(quiet, frame.step, threshold),
    )


def excluded_windows(frame: Frame, exclude: Sequence[Interval]) -> NDArray[np.bool_]:
    """(n,): windows that share any time with an interval; a window covers (end - step, end]."""
    out = np.zeros(len(frame), dtype=bool)
    for interval in exclude:
        out |= (frame.times > interval.start) & (frame.times - frame.step < interval.end)
    return out


def fit_members(rows: Prepared, seed: int, *, several: bool) -> tuple[Detector, ...]:
    candidates = ONE_METRIC if rows.z.shape[1] == 1 else SEVERAL_METRICS
    fitted = [
        candidate.fit(rows, seed)
        for candidate in candidates
        if several or not candidate.multivariate
    ]
    return tuple(member for member in fitted if member is not None)


def calibrate_final(ensemble: Ensemble, rows: Prepared) -> tuple[Tails, Floats]:
    """Tails of the smoothed evidence, and the score of every training window under them."""
    smoothed = smooth(ensemble.evidence(rows).combined(), smoothing_windows(rows.step))
    final = fit_tails(smoothed[:, None])
    return final, final.surprise(smoothed[:, None])[:, 0]


def rate_table(quiet: Floats, step: int, threshold: float) -> Floats:
    """(9, 2): score level, confirmed incidents a week of the training history at it."""
    levels = threshold + np.arange(-4, 5) * 0.25
    return np.array([(level, incidents_per_week(quiet, level, step)) for level in levels])


def min_deviation(metrics: Sequence[MetricSpec]) -> MinDeviation:
    return MinDeviation(
        np.array([spec.min_deviation_absolute or 0.0 for spec in metrics]),
        np.array([spec.min_deviation_relative or 0.0 for spec in metrics]),
    )
