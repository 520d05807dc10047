"""The name of a deviation: its course and surroundings held against the patterns.

Only a window that detection or the SLO found is named, so a quiet window costs nothing here.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from detector_runtime.contract.detection import WindowVerdict
from detector_runtime.contract.patterns import Circumstance
from detector_runtime.contract.vocabulary import MAX_FINDINGS
from detector_runtime.model.level_borders import hours_of_week
from detector_runtime.model.scoring import Scores
from detector_runtime.patterns.assemble import believed
from detector_runtime.patterns.course import circumstances, flapping
from detector_runtime.patterns.match import Match, Situation, chosen
from detector_runtime.patterns.standing import LONGEST, Course, standings
from detector_runtime.series.frame import Floats, Ints
from detector_runtime.verdict.window import JudgeContext, Window

SETTLED = 30
"""Windows before a deviation from which on their middle is where the service stood: a service that
grows is not high because it has grown."""


def situation(
    context: JudgeContext, scores: Scores, row: int, told: Sequence[WindowVerdict], window: Window
) -> Situation:
    """The window in `row` of `scores` as patterns see it; `told`: this run's verdicts so far."""
    last, step = len(scores.past) + row + 1, window.step
    deviation = min(max((window.end - window.since) // step + 1, 1), last)
    begin = last - min(deviation, LONGEST)
    zone = context.model.ensemble.scaling.time_zone
    hours = hours_of_week(_ends(window.end, step, last), step, zone)
    borders = context.model.borders
    before = scores.residual[: last - deviation] - borders.middle[hours[: last - deviation]]
    moved = _median(before) if len(before) >= SETTLED else np.zeros(before.shape[1])
    values = np.concatenate([scores.past, scores.values[: row + 1]])
    course = Course(
        scores.residual[begin:last] - moved,
        borders.borders[hours[begin:]],
        borders.middle[hours[begin:]],
        values[begin:],
        scores.usual[row],
        scores.width[row],
        scores.usual_low[row],
        scores.usual_high[row],
    )
    seen = standings(context.metrics, course)
    found = set(believed(context.naming.graph, seen)) | circumstances(seen, values, deviation, step)
    if flapping((*context.naming.recent, *told), window.end, step):
        found.add(Circumstance.FLAPPING)
    return Situation(seen, frozenset(found))


def _median(values: Floats) -> Floats:
    """Of each column of `values` (k, m), NaN left out; 0 where there is nothing. numpy's own of few
    rows with holes takes as long as a quarter of a window."""
    ordered = np.sort(values, axis=0)  # NaN last
    count = (~np.isnan(values)).sum(axis=0)
    columns = np.arange(values.shape[1])
    lower, upper = np.maximum(count - 1, 0) // 2, count // 2
    return np.where(count > 0, (ordered[lower, columns] + ordered[upper, columns]) / 2, 0.0)


def _ends(end: int, step: int, count: int) -> Ints:
    ends: Ints = end - step * np.arange(count - 1, -1, -1, dtype=np.int64)
    return ends


def named(context: JudgeContext, seen: Situation, subject: frozenset[str]) -> tuple[Match, ...]:
    """The patterns that fit, at most as many as a window has findings."""
    return chosen(context.naming.patterns, seen, subject, MAX_FINDINGS)
