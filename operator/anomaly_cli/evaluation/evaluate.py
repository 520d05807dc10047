"""The whole evaluation: learn on the train part, choose on the tune part, report on the third.

Labels are read for choosing and for measuring, never for learning. The `fixed` table is that of
somebody who chooses nothing: learned from train and tune together, each member with its own
threshold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from anomaly_cli.evaluation.bootstrap import Difference, Measured, resampled
from anomaly_cli.evaluation.candidates import (
    Candidate,
    Sort,
    of_members,
    scored,
    thresholds_of,
    without_one,
)
from anomaly_cli.evaluation.labelled import Labelled, Split
from anomaly_cli.evaluation.members import Z_SCORE, Member
from anomaly_cli.evaluation.projection import Projection, projection
from anomaly_cli.evaluation.rates import Rates, rates
from anomaly_cli.evaluation.separation import Separation, separation
from anomaly_cli.evaluation.sweep import Sweep, swept, tuned
from anomaly_cli.evaluation.votes import best_member, best_weights, majority, rules
from detector_runtime.contract.members import VoteRule
from detector_runtime.series.frame import Floats


@dataclass(frozen=True, slots=True)
class Choice:
    """A candidate on the tune part and on the report part; `by_kind`: anomalies of one kind beside
    all normal rows; `to_best`, `to_vote`: F1 on the report part less that of the best member there,
    and of the majority."""

    name: str
    sort: Sort
    tune: Rates
    report: Measured
    by_kind: tuple[Measured, ...]
    to_best: Difference
    to_vote: Difference
    beats_all: bool
    """Whether its F1 is above that of every member, each interval of the difference above zero."""


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """`weights` of the rule Weighted and `best`, the member of the rule Best, come from the tune
    part, as `chosen` does: the highest F1 there, of equal ones the first."""

    split: Split
    seed: int
    members: tuple[Member, ...]
    weights: tuple[int, ...]
    best: str
    choices: tuple[Choice, ...]
    chosen: Choice
    fixed: tuple[tuple[str, Rates], ...]
    separations: tuple[Separation, ...]
    sweep: Sweep | None
    projection: Projection

    def of(self, *sorts: Sort) -> tuple[Choice, ...]:
        return tuple(one for one in self.choices if one.sort in sorts)

    def named(self, name: str) -> Choice:
        return next(one for one in self.choices if one.name == name)

    @property
    def best_reported(self) -> Choice:
        """The member with the highest F1 on the report part."""
        return max(self.of(Sort.MEMBER), key=lambda one: one.report.rates.f1)


def evaluated(split: Split, members: tuple[Member, ...], seed: int) -> Evaluation:
    """Raises ArgumentError where a member cannot learn from so few rows."""
    trained = [member.learn(split.train.values, seed) for member in members]
    limits = thresholds_of(trained)
    tune, report = scored(trained, split.tune.values), scored(trained, split.report.values)
    votes = tune > limits
    weights = best_weights(votes, split.tune.anomalous)
    best = best_member(votes, split.tune.anomalous)
    candidates = [
        *of_members(members, limits),
        *(Candidate(name, Sort.RULE, limits, vote) for name, vote in rules(weights, best).items()),
    ]
    sweep = _sweep(members, tune, limits, split.tune)
    if sweep is not None:
        at = [one.name for one in members].index(Z_SCORE)
        candidates += tuned(at, Z_SCORE, sweep.best_alone, sweep.best_vote, limits)
    candidates += without_one(members, limits)
    choices = _measured(candidates, (tune, report), split, seed)
    eligible = [one for one in choices if one.sort is not Sort.WITHOUT]
    return Evaluation(
        split,
        seed,
        members,
        weights,
        members[best].name,
        choices,
        max(eligible, key=lambda one: one.tune.f1),
        _fixed(split, members, seed),
        tuple(
            separation(member.name, report[:, at], split.report.anomalous)
            for at, member in enumerate(members)
        ),
        sweep,
        projection(
            np.concatenate([part.values for _, part in split.parts()]),
            np.concatenate([part.kinds for _, part in split.parts()]),
            seed,
        ),
    )


def _sweep(
    members: Sequence[Member], scores: Floats, limits: Floats, tune: Labelled
) -> Sweep | None:
    names = [one.name for one in members]
    if Z_SCORE not in names:
        return None
    return swept(scores, limits, names.index(Z_SCORE), tune.anomalous)


def _measured(
    candidates: Sequence[Candidate], scores: tuple[Floats, Floats], split: Split, seed: int
) -> tuple[Choice, ...]:
    tune, report = scores
    flagged = np.column_stack([one.flagged(report) for one in candidates])
    draws = resampled(split.report.kinds, flagged, seed)
    whole = draws.measured()
    kinds = [draws.measured(kind) for kind in range(1, len(split.report.names) + 1)]
    singles = [at for at, one in enumerate(candidates) if one.sort is Sort.MEMBER]
    best = max(singles, key=lambda at: whole[at].rates.f1)
    vote = [one.name for one in candidates].index(VoteRule.MAJORITY)
    return tuple(
        Choice(
            one.name,
            one.sort,
            rates(one.flagged(tune), split.tune.anomalous),
            whole[at],
            tuple(of_kind[at] for of_kind in kinds),
            draws.difference(at, best),
            draws.difference(at, vote),
            all(draws.difference(at, single).higher for single in singles),
        )
        for at, one in enumerate(candidates)
    )


def _fixed(split: Split, members: Sequence[Member], seed: int) -> tuple[tuple[str, Rates], ...]:
    trained = [member.learn(split.fixed.values, seed) for member in members]
    limits = thresholds_of(trained)
    scores = scored(trained, split.report.values)
    judged = [*of_members(members, limits), Candidate("Majority", Sort.RULE, limits, majority)]
    return tuple((one.name, rates(one.flagged(scores), split.report.anomalous)) for one in judged)
