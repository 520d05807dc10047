"""The gate: a candidate is tested on a later part of the service's own history.

The detectors are fitted on the first four fifths and tested on the last: how many quiet windows
they flag there, and how many injected faults they find at the alert level that would serve. A model
that finds nothing or flags everything fails. Passing says nothing of faults that were not injected.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from detector_runtime.contract.members import MemberSpec
from detector_runtime.contract.run_config import IncidentSpec
from detector_runtime.detectors.registry import NAMED
from detector_runtime.fitting.faults import FREEZE, InjectedFault, catalogue, inject
from detector_runtime.fitting.incident_spans import incident_spans
from detector_runtime.model.calibrate import Tails
from detector_runtime.model.ensemble import Ensemble, Surprises
from detector_runtime.model.fitted import EngineSettings
from detector_runtime.model.gate_checks import Check, Validation
from detector_runtime.model.recovery import outside, recovered
from detector_runtime.model.smoothing import kernel
from detector_runtime.model.vote import Vote
from detector_runtime.series.frame import Floats, Frame
from detector_runtime.series.statistics import Statistics

MIN_HELD_WINDOWS = 50
MIN_RECALL = 0.8
MAX_ANOMALOUS = 0.15
"""Share of quiet windows that may be called anomalous; the bound on `trim.MAX_TRIMMED`, too."""
MAX_SHIFT = 0.7
"""Score by which the held-out part may stand higher as a whole before it speaks against a
candidate: more than a level that moved shortly before it brings, less than the score of a model
that knows nothing."""
CALIBRATED_MEDIAN = float(np.log10(2.0))
PLACES = 6
"""Positions at which each fault is injected, spread over the held-out part."""
WEAK = 0.3
"""Strength of the faults by which members are compared: at full strength most find all."""
LEVEL_SHARE = 0.005
MIN_MEMBERS = 4
MARGIN = 0.15
"""Gain in recall from which a set other than the usual serves, at least MARGIN_FAULTS of them:
several times what another seed changes. A choice that flips from day to day costs more than the
usual set ever loses."""
MARGIN_FAULTS = 3
MIN_QUIET = 1000
"""Quiet held-out windows without which LEVEL_SHARE of them is no figure."""


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """The held-out rows: `frame` with history, scored from `first`; `quiet` (n - first,) are
    windows taken as normal."""

    frame: Frame
    first: int
    quiet: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class FaultResponse:
    """A fault at one position: the evidence of its windows, which come last, at full and at WEAK
    strength; `gone` (n,): windows in which a metric is outside its usual range, at full strength.
    """

    fault: InjectedFault
    full: Surprises
    weak: Surprises
    gone: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """Surprises of the quiet held-out windows and of each injected fault; `rules`: what makes an
    incident of windows."""

    quiet: Surprises
    faults: list[FaultResponse]
    rules: IncidentSpec

    def voting(self, vote: Vote | None) -> Trial:
        """The same windows under another `vote` of the same members."""
        faults = [
            replace(one, full=replace(one.full, vote=vote), weak=replace(one.weak, vote=vote))
            for one in self.faults
        ]
        return Trial(replace(self.quiet, vote=vote), faults, self.rules)


def run_trial(
    ensemble: Ensemble, held: Held, settings: EngineSettings, statistics: Statistics
) -> Trial:
    """Score the held-out part as it is and with each fault at PLACES positions."""
    metrics, rules = settings.metrics, settings.incidents
    rows = ensemble.prepare(held.frame)
    quiet = ensemble.surprises(replace(rows, first=held.first))
    smoothing = len(kernel(held.frame.step, len(metrics)))
    reach = ensemble.history + 2 * smoothing
    found = []
    side = ensemble.scaling.side
    for fault in catalogue(metrics, statistics, settings.detector.seed, rules.confirmation_cycles):
        if not ensemble.scaling.known[list(fault.columns)].any():
            continue  # a metric that began within the held-out part: nothing is said of it yet
        if fault.kind == FREEZE and not ensemble.history:
            # Of a window alone nobody can say that it repeats the one before.
            fault = replace(fault, buried=True)  # noqa: PLW2901 - the same fault, judged anew
        last = len(held.frame) - fault.length
        for row in np.linspace(held.first, last, PLACES + 2).astype(int)[1:-1].tolist():
            if row < held.first or not held.quiet[row - held.first]:
                continue
            touched = held.frame.values[row : row + fault.length, fault.columns]
            if not np.isfinite(touched).any():
                continue  # a metric without a value here cannot be broken here
            at = max(row - reach, 0)
            context = slice(at, row + fault.length)
            part = Frame(
                held.frame.times[context],
                held.frame.values[context],
                held.frame.names,
                held.frame.step,
            )
            evidence, prepared = [], []
            for strength in (1.0, WEAK):
                values = inject(
                    part.values,
                    row - at,
                    fault,
                    metrics=metrics,
                    statistics=statistics,
                    strength=strength,
                )
                changed = Frame(part.times, values, part.names, part.step)
                lead = max(row - at - smoothing + 1, 0)
                broken = ensemble.prepare(changed)
                evidence.append(ensemble.surprises(replace(broken, first=lead)))
                prepared.append(broken)
            gone = outside(prepared[0].residual, side)[lead:]
            found.append(FaultResponse(fault, evidence[0], evidence[1], gone))
    return Trial(quiet, found, rules)


@dataclass(frozen=True, slots=True)
class Selection:
    """Names of usual members that do not serve; recall of weak faults with the choice and with
    all."""

    dropped: frozenset[str]
    recall: float
    usual: float


def select_members(trial: Trial, ensemble: Ensemble, step: int) -> Selection:
    """Which members serve: all, or all but one where that finds MARGIN more of the weak faults at
    the same rate of false alarms."""
    names = [member.name for member in ensemble.members]
    everyone = np.ones(len(names), dtype=bool)
    usual = _weak_recall(trial, everyone, step)
    best = Selection(frozenset(), usual, usual)
    quiet = int(np.isfinite(trial.quiet.single).any(axis=(0, 2)).sum())
    if len(names) < MIN_MEMBERS or quiet < MIN_QUIET or not trial.faults:
        return best
    margin = max(MARGIN, MARGIN_FAULTS / len(trial.faults))
    for index, name in enumerate(names):
        mask = everyone.copy()
        mask[index] = False
        recall = _weak_recall(trial, mask, step)
        if recall >= max(usual + margin, best.recall + 1e-9):
            best = Selection(frozenset({name}), recall, usual)
    return best


def ranked_members(
    trial: Trial, ensemble: Ensemble, step: int, named: Sequence[MemberSpec]
) -> tuple[str, ...]:
    """Members by name, the one that finds most weak faults by itself first, then most full ones; of
    equals the one that was named first."""
    quiet = trial.quiet.voices(step)
    weak = [one.weak.voices(step) for one in trial.faults]
    full = [one.full.voices(step) for one in trial.faults]

    def recall(index: int, evidence: list[Floats]) -> float:
        level = _quiet_level(quiet[index])
        hits = [
            _confirmed(said[index] >= level, one.fault, step, trial.rules)
            for said, one in zip(evidence, trial.faults, strict=True)
        ]
        return float(np.mean(hits)) if hits else 1.0

    asked = [NAMED[one.name].name for one in named]
    names = [member.name for member in ensemble.members]
    places = sorted(
        range(len(names)),
        key=lambda at: (-recall(at, weak), -recall(at, full), asked.index(names[at])),
    )
    return tuple(names[at] for at in places)


def _quiet_level(quiet: Floats) -> float:
    """The level that all but LEVEL_SHARE of the quiet windows (n,) stay under."""
    return float(np.nanquantile(quiet, 1 - LEVEL_SHARE)) if np.isfinite(quiet).any() else np.inf


def _weak_recall(trial: Trial, mask: NDArray[np.bool_], step: int) -> float:
    """Recall at the level that all but LEVEL_SHARE of the quiet windows stay under."""
    level = _quiet_level(trial.quiet.of(mask).smoothed(step))
    hits = [
        _confirmed(one.weak.of(mask).smoothed(step) >= level, one.fault, step, trial.rules)
        for one in trial.faults
    ]
    return float(np.mean(hits)) if hits else 1.0


def gate(trial: Trial, held: Held, final: Tails, level: float) -> Validation:
    """The checks of a candidate at alert `level` (score).

    The model that serves learns the held-out part too. So quiet windows are counted above `level`
    raised by what this part stands higher as a whole; faults must be found at `level` itself.
    """
    step = held.frame.step

    def high(evidence: Surprises) -> NDArray[np.bool_]:
        smoothed = evidence.smoothed(step)
        return np.nan_to_num(final.surprise(smoothed[:, None])[:, 0]) >= level

    def found(one: FaultResponse) -> bool:
        score = high(one.full)
        seen = score & ~recovered(one.gone, score)
        return _confirmed(seen, one.fault, step, trial.rules)

    unseen = held_scores(trial, final, step)[held.quiet]
    flagged = np.nan_to_num(unseen) >= level + shift_as_a_whole(unseen)
    fair = [one for one in trial.faults if not one.fault.buried] or trial.faults
    hits = [found(one) for one in fair]
    checks = [
        Check("validation windows", float(held.quiet.sum()), MIN_HELD_WINDOWS, at_least=True),
        Check(
            "share of quiet windows flagged",
            float(flagged.mean()) if len(flagged) else 0.0,
            MAX_ANOMALOUS,
            at_least=False,
        ),
    ]
    if hits:
        checks.append(
            Check("injected faults found", float(np.mean(hits)), MIN_RECALL, at_least=True)
        )
    return Validation(tuple(checks))


def shift_as_a_whole(scores: Floats) -> float:
    """By how much scores (n,) of windows that nothing was learned from run higher than calibrated
    ones, by their median, 0 to MAX_SHIFT. Single bursts do not move it; a new level does."""
    known = scores[np.isfinite(scores)]
    if not len(known):
        return 0.0
    return float(np.clip(np.median(known) - CALIBRATED_MEDIAN, 0.0, MAX_SHIFT))


def _confirmed(
    anomalous: NDArray[np.bool_], fault: InjectedFault, step: int, rules: IncidentSpec
) -> bool:
    """Whether an incident is confirmed inside the fault, the last rows of `anomalous`."""
    return bool(incident_spans(anomalous[len(anomalous) - fault.length :], step, rules))


def held_scores(trial: Trial, final: Tails, step: int) -> Floats:
    """Scores of the held-out windows under the trial's own calibration."""
    smoothed = trial.quiet.smoothed(step)
    return final.surprise(smoothed[:, None])[:, 0]
