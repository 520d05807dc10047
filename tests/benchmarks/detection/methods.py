"""Runs one method over one recording, causally, and folds its verdicts with the product's rules."""

from __future__ import annotations

import numpy as np

from anomaly_cli.figures import Bools, Figures, evaluate
from anomaly_cli.incidents import IncidentRows, folded
from anomaly_cli.replay import LOOKBACK_SECONDS, replay
from anomaly_operator.incidents.settings import incident_settings
from anomaly_operator.spec.service import IncidentPlan
from detector_runtime.contract.detection import Finding, WindowReport
from detector_runtime.contract.run_config import DetectorSpec, IncidentSpec, MetricSpec
from detector_runtime.contract.text import iso
from detector_runtime.contract.vocabulary import Category, Direction, Role, Severity, Unit, Verdict
from detector_runtime.fitting.alert_level import History
from detector_runtime.model.calibrate import fit_tails
from detector_runtime.model.fitted import EngineSettings
from detector_runtime.series.features import fill_forward
from detector_runtime.series.frame import Floats
from detector_runtime.series.reading import read_history
from tests.benchmarks.detection.generated import ALWAYS
from tests.benchmarks.detection.peers import PEERS, Peer
from tests.benchmarks.detection.recordings import Recording

OURS = "anomaly-operator"
FALSE_INCIDENTS_PER_WEEK = 4.0
"""At which methods are compared; the product's default is 1."""
HISTORY = 200
"""Rows before a scored part that a peer's windows may read."""


def settings_for(recording: Recording, per_week: float) -> EngineSettings:
    metrics = tuple(
        MetricSpec(name, Role.CUSTOM, "", Unit.NONE, Direction.BOTH)
        for name in recording.frame.names
    )
    detector = DetectorSpec(per_week, 0.05, 42)
    return EngineSettings(
        metrics, recording.frame.step, "Etc/UTC", (ALWAYS,), Category.STANDARD, detector, 100, 200
    )


def run(
    method: str, recording: Recording, per_week: float = FALSE_INCIDENTS_PER_WEEK
) -> tuple[Figures, Floats]:
    """Figures and scores of one method on one recording, at so many false incidents a week."""
    score, anomalous, predicted = (
        _ours(recording, per_week) if method == OURS else _peer(PEERS[method], recording, per_week)
    )
    spans = [(one.opened, one.seen) for one in incidents_of(recording, score, anomalous)]
    step = recording.frame.step
    figures = evaluate(
        recording.labels,
        recording.present,
        score,
        anomalous=anomalous,
        incidents=spans,
        step=step,
        predicted_per_week=predicted,
    )
    return figures, score


def incidents_of(recording: Recording, score: Floats, anomalous: Bools) -> tuple[IncidentRows, ...]:
    """Incidents by the operator's own folding, at its defaults."""
    frame = recording.frame
    settings = incident_settings("s", "s", frame.step, IncidentPlan())
    reports = {
        row: _report(int(frame.times[row]), bool(anomalous[row]))
        for row in np.flatnonzero(np.isfinite(score)).tolist()
    }
    return folded(reports, len(frame), settings).incidents


def _report(end: int, anomalous: bool) -> WindowReport:
    high = Severity.HIGH
    finding = Finding("metric_value", high, high, "", "", "", "")
    return WindowReport(
        end=iso(end),
        verdict=Verdict.ANOMALOUS if anomalous else Verdict.NORMAL,
        period="",
        severity=high if anomalous else Severity.NONE,
        confidence="",
        score="",
        probability="",
        findings=(finding,) if anomalous else (),
    )


def _ours(recording: Recording, per_week: float) -> tuple[Floats, Bools, float]:
    n = len(recording.frame)
    score, anomalous = np.full(n, np.nan), np.zeros(n, dtype=bool)
    predicted = []
    settings = settings_for(recording, per_week)
    rules = incident_settings("s", "s", recording.frame.step, IncidentPlan())
    clean = read_history(recording.frame, settings.metrics)
    for chunk in replay(
        clean,
        settings,
        rules,
        recording.warmup,
        recording.refit_seconds,
        lookback_seconds=LOOKBACK_SECONDS if recording.refit_seconds else n * recording.frame.step,
    ):
        if chunk.model is not None and chunk.scores is not None:
            part = slice(chunk.first, chunk.last)
            score[part], anomalous[part] = chunk.scores.rank, chunk.scores.anomalous
            predicted.append(float(chunk.model.expected_by_severity[0]))
    return score, anomalous, float(np.mean(predicted)) if predicted else 0.0


def _peer(peer: Peer, recording: Recording, per_week: float) -> tuple[Floats, Bools, float]:
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
        history = History(
            calibrated, np.zeros(len(calibrated), dtype=bool), 1.0, step, IncidentSpec()
        )
        level = history.levels([per_week])[0]
        score[first:last] = tails.surprise(raw[:, None])[:, 0]
        anomalous[first:last] = np.nan_to_num(score[first:last]) >= level
        predicted.append(history.false_incidents(level) / history.weeks)
    return score, anomalous, float(np.mean(predicted)) if predicted else 0.0
