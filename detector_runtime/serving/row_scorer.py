"""A service's model as a server asks it: observations one by one, or one after its history.

An observation by itself has no past, so the members that read windows before it abstain. They
speak where a request brings the history, and what is said then is what the scoring pod says of the
same windows. Counters are taken as the increase of the window, as the pod scores them.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from detector_runtime.errors import ModelRefusedError
from detector_runtime.model.calibrate import UNUSUAL
from detector_runtime.model.ensemble import Surprises
from detector_runtime.model.fitted import FittedModel, ModelError
from detector_runtime.model.scoring import score_rows
from detector_runtime.series.frame import Floats, Frame, Ints
from detector_runtime.series.reading import CleanRows, ReadingRules
from detector_runtime.serving.judgement import Judgement
from detector_runtime.serving.served_file import Served
from detector_runtime.store.revisions import load


class RowScorer:
    """`model` as a Scorer."""

    def __init__(self, model: FittedModel, version: str, trained_at: str) -> None:
        self._model = model
        self._trained_at = trained_at
        self.version = version
        self.features = model.names
        self.needs_history = True
        m = len(model.names)
        unbounded = np.full(m, -np.inf), np.full(m, np.inf)
        self._rules = ReadingRules(model.counter, *unbounded, *unbounded)

    def info(self) -> dict[str, Any]:
        model = self._model
        return {
            "trained_at": self._trained_at,
            "features": [
                {"name": name, "increase_of_a_counter": counted}
                for name, counted in zip(model.names, model.counter.tolist(), strict=True)
            ],
            "step_seconds": model.step,
            "samples": model.samples,
            "provisional": model.provisional,
            "alert_level": round(model.alert_threshold, 4),
            "history_windows": model.history_windows,
            "members": [
                {"name": member.name, "reason": member.reason, "windows_before": member.history}
                for member in model.ensemble.members
            ],
        }

    def judge(self, values: Floats, times: Ints) -> Judgement:
        raise NotImplementedError

    def judge_after(self, history: Floats, values: Floats, time: int) -> Judgement:
        """Of the window that ends at `time`, to the step before it."""
        step = self._model.step
        table = np.concatenate([history, values[None]])
        last = time // step * step
        times = last + step * np.arange(1 - len(table), 1, dtype=np.int64)
        frame = Frame(times, table, self.features, step)
        clean = CleanRows(frame, np.zeros(table.shape, dtype=np.int8), self._rules)
        scores = score_rows(self._model, clean, last - step)
        ensemble = self._model.ensemble
        judged = self._model.presence.judged(clean).frame
        rows = replace(ensemble.prepare(judged), first=len(judged) - 1)
        surprise = by_member(ensemble.surprises(rows))
        return Judgement(
            scores.anomalous,
            scores.score,
            scores.detectors,
            ~np.isnan(surprise),
            surprise >= UNUSUAL,
            surprise,
        )


def by_member(found: Surprises) -> Floats:
    """(k, n): what each member says of an observation; one that judges each metric counts with its
    largest, NaN where it abstains."""
    own = np.where(np.isnan(found.single), -1.0, found.single).max(axis=2, initial=-1.0)
    return np.concatenate([np.where(own < 0, np.nan, own), found.joint])


def loaded(models: Path, uid: str, served: Served) -> RowScorer:
    """The model that `served` names, checked against its digest; RunError says why not."""
    manifest, arrays = load(models, uid, served.model)
    try:
        model = FittedModel.from_arrays(arrays, manifest.engine)
    except ModelError as error:
        raise ModelRefusedError(f"model {served.model.revision}: {error}; train anew") from error
    return RowScorer(model, served.model.revision, manifest.trained_at)
