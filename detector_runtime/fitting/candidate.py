"""A candidate: detectors fitted on a history, with their calibration.

It is tried on what it has not seen before it becomes a model, and one of the whole history serves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from detector_runtime.contract.members import VoteSpec
from detector_runtime.contract.run_config import Interval, MetricSpec
from detector_runtime.detectors.seasonal import Seasonal
from detector_runtime.fitting.members import Choice, decided
from detector_runtime.model.calibrate import Tails, fit_tails
from detector_runtime.model.drift import DriftBaseline, learn_drift
from detector_runtime.model.ensemble import (
    Ensemble,
    MinDeviation,
    Surprises,
    deviations,
    learnable,
    ready,
)
from detector_runtime.model.fitted import EngineSettings
from detector_runtime.model.special_days import SpecialDays
from detector_runtime.series.calendar import inside
from detector_runtime.series.features import learn_scaling
from detector_runtime.series.frame import Floats, Frame


@dataclass(frozen=True, slots=True)
class Learning:
    """What detectors learn by, of all the settings of a service. When windows become an incident,
    and how many false ones are tolerated, is not among it: that sets the levels afterwards."""

    metrics: tuple[MetricSpec, ...]
    time_zone: str
    seed: int
    vote: VoteSpec
    special: tuple[Interval, ...]

    @classmethod
    def of(cls, settings: EngineSettings) -> Learning:
        detector = settings.detector
        return cls(
            settings.metrics, settings.time_zone, detector.seed, detector.vote, settings.special
        )


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """Fitted detectors with calibration; `evidence`, `smoothed` evidence, `scores` (n,) and
    `residual` (n, m) of all its rows."""

    ensemble: Ensemble
    evidence: Surprises
    final: Tails
    drift: DriftBaseline
    smoothed: Floats
    scores: Floats
    residual: Floats


def candidate(
    frame: Frame,
    trimmed: NDArray[np.bool_],
    learning: Learning,
    choice: Choice,
    order: tuple[str, ...] = (),
) -> Candidate:
    """Fit scaling, baseline, members and calibration on the windows of `frame` that are not
    `trimmed`; those that are get a score too, and serve the others as their past. `order`: members
    by name, the best first."""
    apart = inside(frame.times, frame.step, learning.special)
    ordinary = learnable(frame, trimmed | apart)
    seed = learning.seed
    scaling = learn_scaling(ordinary, learning.metrics, learning.time_zone)
    special = SpecialDays.learn(frame, scaling, learning.special)
    minimum = min_deviation(learning.metrics)
    baseline = Seasonal.fit(scaling.prepare(ordinary), seed)
    if special is None:
        frame = learnable(frame, apart)
    normal = learnable(frame, trimmed)
    rows = ready(normal, scaling, baseline, minimum, special)
    members = choice.fit(rows, seed)
    everything = ready(frame, scaling, baseline, minimum, special)
    deviation = deviations(members, everything, scaling)
    tails = fit_tails(deviation[~trimmed])
    ensemble = Ensemble(scaling, members, tails, baseline, minimum, special)
    evidence = ensemble.weigh(deviation, everything)
    spec = learning.vote if choice.named else None
    if spec is not None:
        evidence = replace(evidence, passed=ensemble.passed(deviation, len(frame.names)))
    found = decided(ensemble, evidence, trimmed, frame.step, spec=spec, order=order)
    scores = found.final.surprise(found.smoothed[:, None])[:, 0]
    drift = learn_drift(rows.z - baseline.expected(rows), frame.step)
    return Candidate(
        found.ensemble, evidence, found.final, drift, found.smoothed, scores, everything.residual
    )


Fit = Callable[[Frame, NDArray[np.bool_], Learning, Choice, tuple[str, ...]], Candidate]
"""How a candidate is come by: `candidate`, or one that keeps what it has fitted."""


def deciding(
    before: Candidate,
    trimmed: NDArray[np.bool_],
    step: int,
    settings: EngineSettings,
    order: tuple[str, ...],
) -> Candidate:
    """The candidate with its members in another `order`."""
    vote = settings.detector.vote
    found = decided(before.ensemble, before.evidence, trimmed, step, spec=vote, order=order)
    scores = found.final.surprise(found.smoothed[:, None])[:, 0]
    return replace(
        before,
        ensemble=found.ensemble,
        final=found.final,
        smoothed=found.smoothed,
        scores=scores,
    )


def min_deviation(metrics: Sequence[MetricSpec]) -> MinDeviation:
    return MinDeviation(
        np.array([spec.min_deviation_absolute or 0.0 for spec in metrics]),
        np.array([spec.min_deviation_relative or 0.0 for spec in metrics]),
    )
