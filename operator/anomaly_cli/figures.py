"""What labels say of a replay: point-wise, no point adjustment, one score for all figures.

An event counts as found only if an incident opens between three windows before it and its end; an
incident that has been open for long proves nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector_runtime.series.frame import Floats

Bools = NDArray[np.bool_]
TOLERANCE = 3
"""Windows before an event in which an incident may start and still count as its onset."""


@dataclass(frozen=True, slots=True)
class Figures:
    """`average_precision`, `best_f1`: NaN where nothing is labelled. Incident counts are raw, so
    that recordings can be pooled; `delays` in windows."""

    average_precision: float
    best_f1: float
    events: int
    onsets: int
    incidents: int
    false_incidents: int
    false_windows: int
    days: float
    delays: tuple[int, ...]
    predicted: float


def precision_recall(labels: Bools, score: Floats) -> tuple[float, float]:
    """Average precision and best F1 over all thresholds; equal scores are one threshold."""
    order = np.argsort(-score, kind="stable")
    hits = np.cumsum(labels[order])
    total = int(hits[-1]) if len(hits) else 0
    if total == 0:
        return float("nan"), float("nan")
    last = np.append(np.diff(score[order]) != 0, True)
    hit, taken = hits[last], np.flatnonzero(last) + 1
    precision, recall = hit / taken, hit / total
    average = float((np.diff(recall, prepend=0.0) * precision).sum())
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    return average, float(f1.max())


def spans(flags: Bools) -> list[tuple[int, int]]:
    """Runs of True as (first, last)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return [(int(a), int(b) - 1) for a, b in edges.reshape(-1, 2)]


def without_event(
    incidents: Sequence[tuple[int, int]], events: Sequence[tuple[int, int]]
) -> list[bool]:
    """Of each incident, as in `evaluate`, whether it touches none of the events (first, last)."""
    return [
        not any(opened <= last and seen >= first - TOLERANCE for first, last in events)
        for opened, seen in incidents
    ]


def evaluate(
    labels: Bools,
    present: Bools,
    score: Floats,
    *,
    anomalous: Bools,
    incidents: list[tuple[int, int]],
    step: int,
    predicted_per_week: float,
) -> Figures:
    """Figures of one recording; rows are windows, `present` those that count.

    `incidents`: (row in which it opens, row in which it was last seen).
    """
    clean = np.nan_to_num(score[present])
    average, f1 = precision_recall(labels[present], clean)
    events = [(a, b) for a, b in spans(labels) if present[a : b + 1].any()]
    delays = []
    for first, last in events:
        starts = [a for a, _ in incidents if first - TOLERANCE <= a <= last]
        if starts:
            delays.append(max(min(starts) - first, 0))
    false = sum(
        present[row] and one_is_false
        for (row, _), one_is_false in zip(incidents, without_event(incidents, events), strict=True)
    )
    days = float(present.sum()) * step / 86_400
    return Figures(
        average,
        f1,
        len(events),
        len(delays),
        sum(1 for a, _ in incidents if present[a]),
        false,
        int((anomalous & present & ~labels).sum()),
        days,
        tuple(delays),
        predicted_per_week * days / 7,
    )
