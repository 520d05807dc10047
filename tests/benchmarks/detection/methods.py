"""Runs one method over one recording, causally, and folds its verdicts with the product's rules."""

from __future__ import annotations

import numpy as np

from anomaly_cli.replay import LOOKBACK_SECONDS, incidents, replay
from detector_runtime.calibrate import fit_tails
from detector_runtime.contract import (
    Category,
    DetectorSpec,
    Direction,
    MetricSpec,
    Role,
    Severity,
    Unit,
    Verdict,
)
from detector_runtime.engine import EngineSettings
from detector_runtime.features import fill_forward
from detector_runtime.series import Floats
from detector_runtime.thresholds import alert_level, incidents_per_week
from tests.benchmarks.detection.figures import Bools, Figures, evaluate
from tests.benchmarks.detection.peers import PEERS, Peer
from tests.benchmarks.detection.recordings import Recording

OURS = "anomaly-operator"
FALSE_INCIDENTS_PER_WEEK = 1.0
"""The default of the category Standard."""
HISTORY = 200
"""Rows before a scored part that a peer's windows may read."""


def settings_for(recording: Recording) -> EngineSettings:
    metrics = tuple(
        MetricSpec(name, Role.CUSTOM, "", Unit.NONE, Direction.BOTH)
        for name in recording.frame.names
    )
    detector = DetectorSpec(FALSE_INCIDENTS_PER_WEEK, 0.05, 42)
    return EngineSettings(
        metrics, recording.frame.step, "Etc/UTC", (), Category.STANDARD, detector, 100, 200
    )


def run(method: str, recording: Recording) -> tuple[Figures, Floats]:
    """Figures and scores of one method on one recording."""
    if method == OURS:
        found = replay(
            recording.frame, settings_for(recording), recording.warmup, recording.refit_seconds
        )
        score, anomalous = found.score, found.anomalous
        middle = len(found.rates) // 2
        predicted = float(found.rates[middle, 1]) if len(found.rates) else 0.0
    else:
        score, anomalous, predicted = _peer(PEERS[method], recording)
    return (
        evaluate(
            recording.labels,
            recording.present,
            score,
            anomalous,
            folded(recording, score, anomalous),
            recording.frame.step,
            predicted,
        ),
        score,
    )


def folded(recording: Recording, score: Floats, anomalous: Bools) -> list[tuple[int, int]]:
    verdicts = [
        Verdict.INCONCLUSIVE if np.isnan(s) else Verdict.ANOMALOUS if a else Verdict.NORMAL
        for s, a in zip(score, anomalous, strict=True)
    ]
    n = len(score)
    patterns, severities = ["metric_value"] * n, [Severity.HIGH] * n
    return incidents(recording.frame.times, verdicts, patterns, severities, recording.frame.step)


def _peer(peer: Peer, recording: Recording) -> tuple[Floats, Bools, float]:
    """A peer's alert level comes from its scores of its own training part by our rule."""
    frame, step = recording.frame, recording.frame.step
    n = len(frame)
    score, anomalous = np.full(n, np.nan), np.zeros(n, dtype=bool)
    width = recording.refit_seconds // step if recording.refit_seconds else n
    predicted = []
    values = fill_forward(frame.values)
    for first in range(recording.warmup, n, width):
        last = min(first + width, n)
        start = max(first - LOOKBACK_SECONDS // step, 0) if recording.refit_seconds else 0
        known = np.flatnonzero(np.isfinite(frame.values[start:first]).all(axis=1))
        if len(known) < 60:
            continue
        train, times = values[start:first], frame.times[start:first]
        scorer = peer(train, times, 42)
        quiet = scorer(train, times, 0)
        head = max(first - HISTORY, 0)
        raw = scorer(values[head:last], frame.times[head:last], first - head)
        raw[np.isnan(frame.values[first:last]).all(axis=1)] = np.nan
        tails = fit_tails(quiet[:, None])
        calibrated = tails.surprise(quiet[:, None])[:, 0]
        level = alert_level(calibrated, step, FALSE_INCIDENTS_PER_WEEK)
        score[first:last] = tails.surprise(raw[:, None])[:, 0]
        anomalous[first:last] = np.nan_to_num(score[first:last]) >= level
        predicted.append(incidents_per_week(calibrated, level, step))
    return score, anomalous, float(np.mean(predicted)) if predicted else 0.0
