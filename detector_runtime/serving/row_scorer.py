"""A service's model as a server asks it: observations one by one, or one after its history.

An observation by itself has no past, so the members that read windows before it abstain, and where
nobody named the members, none is left to decide. They speak where a request brings the history, and
what is said then is what the scoring pod says of the same windows. Counters are taken as the
increase of the window, as the pod scores them.

The promised rate of false incidents is one of windows with their past, which the pod averages over.
An observation by itself is judged at the same level and without that average, so single ones are
found anomalous more often.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from detector_runtime.contract.run_config import ModelRef
from detector_runtime.contract.serving import Served
from detector_runtime.detectors.seasonal import Seasonal
from detector_runtime.errors import ModelRefusedError
from detector_runtime.model.calibrate import UNUSUAL
from detector_runtime.model.ensemble import deviations
from detector_runtime.model.fitted import FittedModel, ModelError
from detector_runtime.model.scoring import score_rows
from detector_runtime.series.features import Prepared
from detector_runtime.series.frame import Floats, Frame, Ints
from detector_runtime.series.reading import CleanRows, ReadingRules
from detector_runtime.serving.judgement import Judgement
from detector_runtime.store.revisions import load

ALONE = np.ones(1)
"""Weights of the windows that a single observation is averaged over: itself."""


class RowScorer:
    """`model` as a Scorer."""

    def __init__(self, model: FittedModel, version: str, trained_at: str) -> None:
        self._model = model
        self._trained_at = trained_at
        self.version = version
        self.features = model.names
        self._alone = tuple(member.history == 0 for member in model.ensemble.members)
        self._names = tuple(member.name for member in model.ensemble.members)
        self.needs_history = model.ensemble.vote is None or not any(self._alone)
        # Of what stands alone, only these ask what is usual at the time: this member, a deviation
        # that is too small to count, and a day with a usual of its own.
        self._timeless = (
            Seasonal.name not in self._names
            and not model.ensemble.minimum.given
            and model.ensemble.special is None
        )
        m = len(model.names)
        unbounded = np.full(m, -np.inf), np.full(m, np.inf)
        self._rules = ReadingRules(model.counter, *unbounded, *unbounded)

    def info(self) -> dict[str, Any]:
        model = self._model
        vote = model.ensemble.vote
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
            "rule": "Sum" if vote is None else vote.rule.value,
            "needs_history": self.needs_history,
            "history_windows": model.history_windows,
            "members": [
                {
                    "name": member.name,
                    "reason": member.reason,
                    "windows_before": member.history,
                    "votes_without_history": alone and not self.needs_history,
                }
                for member, alone in zip(model.ensemble.members, self._alone, strict=True)
            ],
        }

    def judge(self, values: Floats, times: Ints) -> Judgement:
        """Of observations that stand by themselves; not where `needs_history`."""
        model, ensemble = self._model, self._model.ensemble
        vote = ensemble.vote
        assert vote is not None, "a model without a vote needs the history"
        # Times may come in any order, and a time zone's offset is looked up in a rising one.
        order = np.argsort(times, kind="stable")
        rows = self._prepared(Frame(times[order], values[order], self.features, model.step))
        evidence = ensemble.weigh(self._deviations(rows), rows)
        assert evidence.passed is not None
        voices = vote.voices(evidence.own(), evidence.passed, ALONE)[:, np.argsort(order)]
        surprise = model.final.surprise(voices.reshape(-1, 1)).reshape(voices.shape)
        # A rule picks one member's number and the calibration keeps their order, so that it may
        # come first; each call of either costs as much as a member.
        score = vote.reduce(surprise)
        alert = model.levels.alert
        present = ~np.isnan(voices)
        voted = np.where(present, surprise, 0.0) >= alert
        return Judgement(score >= alert, score, self._names, present, voted, surprise)

    def _prepared(self, frame: Frame) -> Prepared:
        """What the ensemble prepares, less what no member of a single observation reads."""
        ensemble = self._model.ensemble
        return ensemble.scaling.prepare(frame) if self._timeless else ensemble.prepare(frame)

    def _deviations(self, rows: Prepared) -> Floats:
        """(n, channels) as the ensemble's own, NaN where a member reads windows before."""
        ensemble = self._model.ensemble
        if all(self._alone):
            return deviations(ensemble.members, rows, ensemble.scaling)
        found = []
        for member, alone in zip(ensemble.members, self._alone, strict=True):
            if alone:
                found.append(deviations((member,), rows, ensemble.scaling))
            else:
                width = 1 if member.joint else len(self.features)
                found.append(np.full((len(rows.z), width), np.nan))
        return np.concatenate(found, axis=1)

    def judge_after(self, history: Floats, values: Floats, time: int) -> Judgement:
        """Of the window that ends at `time`, to the step before it."""
        step = self._model.step
        table = np.concatenate([history, values[None]])
        last = time // step * step
        times = last + step * np.arange(1 - len(table), 1, dtype=np.int64)
        frame = Frame(times, table, self.features, step)
        clean = CleanRows(frame, np.zeros(table.shape, dtype=np.int8), self._rules)
        scores = score_rows(self._model, clean, last - step)
        if scores.ballots is not None:
            said, voted = scores.ballots.scores, scores.ballots.voted
        else:
            judged = self._model.presence.judged(clean).frame
            rows = replace(self._model.ensemble.prepare(judged), first=len(judged) - 1)
            said = self._model.ensemble.surprises(rows).own()
            voted = np.nan_to_num(said) >= UNUSUAL
        present = ~np.isnan(said)
        return Judgement(scores.anomalous, scores.score, scores.detectors, present, voted, said)


def loaded(models: Path, uid: str, served: Served) -> RowScorer:
    """The model that `served` names, checked against its digest, at the level that it names;
    RunError says why not."""
    manifest, arrays = load(models, uid, ModelRef(served.revision, served.digest))
    try:
        model = FittedModel.from_arrays(arrays, manifest.engine)
    except ModelError as error:
        raise ModelRefusedError(f"model {served.revision}: {error}; train anew") from error
    raised = replace(model, levels=model.levels.raised(served.level_offset))
    return RowScorer(raised, served.revision, manifest.trained_at)
