"""Replay of a recording as the product would have lived it: learn, score a while, learn again.

Causal by construction: every window is scored by a model fitted on windows before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from detector_runtime.contract.run_config import Interval
from detector_runtime.fitting.fit import fit_model
from detector_runtime.model.fitted import EngineSettings, FittedModel, NotEnoughHistory
from detector_runtime.model.scoring import Scores, score_rows
from detector_runtime.series.reading import CleanRows

DAY = 86_400
LOOKBACK_SECONDS = 30 * DAY
"""What a model learns from at most, unless the service says otherwise."""


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """Rows [first, last) of the frame under one model; `scores` has a row for each of them.

    `candidate` was trained on what came before, None where that was too little; `model` serves,
    and it and `scores` are None where none does.
    """

    first: int
    last: int
    candidate: FittedModel | None
    model: FittedModel | None
    scores: Scores | None


def replay(
    clean: CleanRows,
    settings: EngineSettings,
    warmup: int,
    refit_seconds: int,
    lookback_seconds: int = LOOKBACK_SECONDS,
    *,
    exclude: tuple[Interval, ...] = (),
    gated: bool = False,
) -> Iterator[Chunk]:
    """Score `clean` from row `warmup` on; refit every `refit_seconds` (0 = never) on at most
    `lookback_seconds` before, but for the windows of `exclude`.

    `gated`: a model serves only if it passed its checks, and until another one does, as in the
    product. Else each training's model serves, which says what the detectors are worth.
    """
    frame = clean.frame
    serving: FittedModel | None = None
    width = max(refit_seconds // frame.step, 1) if refit_seconds else len(frame)
    for first in range(warmup, len(frame), width):
        last = min(first + width, len(frame))
        start = max(first - lookback_seconds // frame.step, 0)
        now = int(frame.times[first] - frame.step)
        candidate = _trained(clean.rows(start, first), settings, exclude)
        if not gated or (candidate is not None and candidate.validation.passed):
            serving = candidate
        scores = None
        if serving is not None:
            context = clean.rows(max(first - serving.history_windows, 0), last)
            scores = score_rows(serving, context, now)
        yield Chunk(first, last, candidate, serving, scores)


def _trained(
    part: CleanRows, settings: EngineSettings, exclude: tuple[Interval, ...]
) -> FittedModel | None:
    try:
        return fit_model(part, settings, exclude)
    except NotEnoughHistory:
        return None
