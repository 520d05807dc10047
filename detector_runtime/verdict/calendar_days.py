"""Windows on days of `spec.calendars` that the model does not judge.

Their values are kept from the detectors, so that the windows after them do not inherit what was
unusual on them. On an excluded day nothing is judged. On a day whose usual is not known yet the SLO
still is, as a threshold needs no usual.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from detector_runtime.contract.vocabulary import NotJudged
from detector_runtime.model.fitted import FittedModel
from detector_runtime.model.scoring import Scores, score_rows
from detector_runtime.series.calendar import Calendar, inside
from detector_runtime.series.reading import CleanRows


def score_calendar(
    model: FittedModel,
    clean: CleanRows,
    since: int,
    calendar: Calendar,
    level_offset: float = 0.0,
) -> tuple[Scores, dict[int, str]]:
    """The scores of the windows that end after `since`, and why some of them are not judged, by
    their end. `level_offset` raises the model's levels."""
    frame = clean.frame
    excluded = inside(frame.times, frame.step, calendar.excluded)
    unknown = np.zeros_like(excluded)
    if model.ensemble.special is None:
        unknown = inside(frame.times, frame.step, calendar.own) & ~excluded
    model = model.on_days(calendar.own)
    hidden = excluded | unknown
    if not hidden.any():
        return score_rows(model, clean, since, level_offset), {}
    values = np.where(hidden[:, None], np.nan, frame.values)
    rows = replace(clean, frame=replace(frame, values=values))
    scores = score_rows(model, rows, since, level_offset)
    tail = slice(len(frame) - len(scores.times), None)
    known = model.ensemble.scaling.judged(frame.values[tail])
    shown = np.where(unknown[tail, None], known, scores.values)
    reasons: dict[int, str] = dict.fromkeys(frame.times[excluded].tolist(), NotJudged.EXCLUDED)
    reasons |= dict.fromkeys(frame.times[unknown].tolist(), NotJudged.CALENDAR_DAY)
    return replace(scores, values=shown), reasons
