"""Replay of a recording as the product would have lived it: learn, score a while, learn again.

Causal by construction: every window is scored by a model fitted on windows before it. The
incidents come from the operator's own folding.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anomaly_operator.incidents.cycles import Cycle
from anomaly_operator.incidents.fold import fold_windows
from anomaly_operator.incidents.state import IncidentPhase, IncidentSettings, IncidentState
from detector_runtime import engine
from detector_runtime.contract import Severity, Verdict
from detector_runtime.series import Floats, Frame, Ints

DAY = 86_400
LOOKBACK_SECONDS = 30 * DAY
"""What a model learns from at most, as in production."""


@dataclass(frozen=True, slots=True, eq=False)
class Replay:
    """One row a window of the frame (n,); rows before the warm-up or without a model hold NaN.

    `rates` (k, 2): change of the alert level, false incidents a week that the models expect there,
    mean over the models.
    """

    score: Floats
    probability: Floats
    confidence: Floats
    anomalous: NDArray[np.bool_]
    evidence_missing: Floats
    top: Ints
    models: int
    rates: Floats


def replay(
    frame: Frame,
    settings: engine.EngineSettings,
    warmup: int,
    refit_seconds: int,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Replay:
    """Score `frame` from row `warmup` on, refitting every `refit_seconds` (0 = never)."""
    n = len(frame)
    score, probability, confidence = np.full((3, n), np.nan)
    missing = np.isnan(frame.values).mean(axis=1)
    anomalous, top = np.zeros(n, dtype=bool), np.full(n, -1, dtype=np.int64)
    rates: list[Floats] = []
    width = refit_seconds // frame.step if refit_seconds else n
    for first in range(warmup, n, width):
        last = min(first + width, n)
        start = max(first - LOOKBACK_SECONDS // frame.step, 0) if refit_seconds else 0
        try:
            model = engine.fit(rows(frame, start, first), settings)
        except engine.NotEnoughHistory:
            on_progress(last, n)
            continue
        part = slice(first, last)
        context = rows(frame, max(first - model.history_windows, 0), last)
        scores = engine.score(model, context, int(frame.times[first - 1]))
        score[part], probability[part] = scores.score, scores.probability
        confidence[part], anomalous[part] = scores.confidence, scores.anomalous
        top[part] = scores.contributions.argmax(axis=1)
        offset = model.expected_per_week - np.array([model.alert_threshold, 0.0])
        rates.append(offset)
        on_progress(last, n)
    table = np.mean(rates, axis=0) if rates else np.zeros((0, 2))
    return Replay(score, probability, confidence, anomalous, missing, top, len(rates), table)


def rows(frame: Frame, start: int, stop: int) -> Frame:
    return Frame(frame.times[start:stop], frame.values[start:stop], frame.names, frame.step)


def incidents(
    times: Ints, verdicts: list[Verdict], patterns: list[str], severities: list[Severity], step: int
) -> list[tuple[int, int]]:
    """Confirmed incidents as (row that confirms it, row last seen), by the operator's folding."""
    separation = max(1800, 5 * step)  # the least that admission lets through
    settings = IncidentSettings("backtest", "backtest", step, separation_seconds=separation)
    state = IncidentState()
    found: dict[str, tuple[int, int]] = {}
    for row, (end, verdict) in enumerate(zip(times.tolist(), verdicts, strict=True)):
        if verdict is Verdict.NORMAL and state.running is None:
            continue
        cycle = Cycle(end, verdict, severities[row], patterns=(patterns[row],))
        state, _ = fold_windows(state, [cycle], settings)
        running = state.running
        if running is not None and running.phase is not IncidentPhase.SUSPECTED:
            opened, seen = found.get(running.anomaly, (row, row))
            found[running.anomaly] = (opened, row if running.last_seen == end else seen)
    return list(found.values())
