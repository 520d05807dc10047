"""Which detectors a candidate is made of, and how those that people name learn to vote.

A member that a history teaches nothing abstains: it is not counted, and the model says so. A vote
needs two passes: first how rare each member's evidence is, then how rare what the rule makes of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from detector_runtime.contract.members import MemberSpec, VoteRule, VoteSpec
from detector_runtime.detectors.base import Detector
from detector_runtime.detectors.local_outlier_factor import LocalOutlierFactor
from detector_runtime.detectors.registry import (
    NAMED,
    ONE_METRIC,
    SEVERAL_METRICS,
    fit_named,
    own_threshold,
)
from detector_runtime.fitting.alert_level import LOWEST, PRECISION
from detector_runtime.fitting.promise import Calibration, unseen
from detector_runtime.model.calibrate import Tails, fit_tails
from detector_runtime.model.ensemble import Ensemble, Surprises
from detector_runtime.model.smoothing import kernel, smooth
from detector_runtime.model.vote import Vote, quiet_border
from detector_runtime.series.features import Prepared
from detector_runtime.series.frame import Floats


class NoMemberError(Exception):
    """No member that is asked for can learn anything from this history."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(
            f"detector.members: none of {', '.join(names)} can learn from this history; add another"
        )


@dataclass(frozen=True, slots=True)
class Choice:
    """What a candidate is made of: the members that people named, or the usual ones `without`
    some. `several`: whether there is enough history for those that read all metrics together."""

    several: bool
    named: tuple[MemberSpec, ...] = ()
    without: frozenset[str] = frozenset()

    def fit(self, rows: Prepared, seed: int) -> tuple[Detector, ...]:
        """Single detectors first; NoMemberError where none of the named ones has learned."""
        if self.named:
            return self._named(rows, seed)
        kinds = ONE_METRIC if rows.z.shape[1] == 1 else SEVERAL_METRICS
        fitted = [
            kind.fit(rows, seed)
            for kind in kinds
            if kind.name not in self.without and (self.several or not kind.multivariate)
        ]
        return tuple(member for member in fitted if member is not None)

    def _named(self, rows: Prepared, seed: int) -> tuple[Detector, ...]:
        together = self.several or rows.z.shape[1] == 1
        fitted = [
            fit_named(spec, rows, seed)
            for spec in self.named
            if together or not NAMED[spec.name].multivariate
        ]
        members = [member for member in fitted if member is not None]
        if not members:
            raise NoMemberError([spec.name for spec in self.named])
        return tuple(sorted(members, key=lambda member: member.joint))


@dataclass(frozen=True, slots=True, eq=False)
class Decided:
    """An ensemble that decides together, and its calibration; `smoothed` (n,): what it decides in
    the windows of its history."""

    ensemble: Ensemble
    final: Tails
    smoothed: Floats


def decided(
    ensemble: Ensemble,
    evidence: Surprises,
    trimmed: NDArray[np.bool_],
    step: int,
    *,
    spec: VoteSpec | None,
    order: Sequence[str] = (),
) -> Decided:
    """Calibrate what the members say together on the windows that are not `trimmed` (n,); without
    `spec` they add up. `order`: members by name, the best first."""
    if spec is None:
        smoothed = evidence.smoothed(step)
        return Decided(ensemble, fit_tails(smoothed[~trimmed, None]), smoothed)
    weights = kernel(step, evidence.single.shape[2])
    lasting = np.stack([smooth(one, weights) for one in evidence.own()], axis=1)
    vote = Vote(
        spec.rule,
        member_weights(ensemble.members, spec),
        spec.threshold,
        _places(ensemble.members, order),
        fit_tails(lasting[~trimmed]),
    )
    # A member's own threshold is no part of how rare something is, only of what may raise an alarm.
    smoothed = replace(evidence, vote=vote).smoothed(step)
    final = fit_tails(smoothed[~trimmed, None])
    vote = replace(vote, quiet=quiet_border(final))
    smoothed = replace(evidence, vote=vote).smoothed(step)
    return Decided(replace(ensemble, vote=vote), final, smoothed)


def member_weights(members: Sequence[Detector], spec: VoteSpec) -> Floats:
    """(members,): as `spec` gives them, 1 where it gives none."""
    given = {NAMED[one.name].name: one.weight for one in spec.weights}
    return np.array([given.get(member.name, 1.0) for member in members])


def _places(members: Sequence[Detector], order: Sequence[str]) -> NDArray[np.int64]:
    """Places of the members in `order`; those that are not in it come last."""
    known = {name: place for place, name in enumerate(order)}
    ranks = [known.get(member.name, len(known)) for member in members]
    return np.argsort(np.array(ranks), kind="stable")


def voting_lines(
    named: Sequence[MemberSpec], spec: VoteSpec, ensemble: Ensemble
) -> tuple[str, ...]:
    """What votes and how, a line each, for people."""
    members = ensemble.members
    lines = [f"decided by: {_rule_words(spec, ensemble)}"]
    there = {member.name for member in members}
    lines += [
        f"left out: {NAMED[one.name].name}, which cannot learn from this history"
        for one in named
        if NAMED[one.name].name not in there
    ]
    if not ensemble.history:
        lines.append("not looked for: values that freeze, as no member reads the past")
    for member in members:
        if isinstance(member, LocalOutlierFactor) and member.sampled_from > member.kept.shape[1]:
            kept = f"{member.kept.shape[1]} of {member.sampled_from} windows"
            lines.append(f"kept rows: {kept} by {member.name}")
    return tuple(line[:80] for line in lines)


def threshold_lines(
    ensemble: Ensemble, calibration: Calibration, wanted: float, days: float
) -> tuple[str, ...]:
    """What to know where the level may fall no further and the members' own thresholds let through
    fewer false incidents than the `wanted` ones a week."""
    floored = calibration.levels.alert - unseen(days) < LOWEST + 2 * PRECISION
    if ensemble.vote is None or not floored:
        return ()
    own = [one for one in ensemble.members if own_threshold(one) > float("-inf")]
    if not own:
        return ()
    rate = f"{calibration.rates[0]:.2g} false incidents a week of {wanted:g} tolerated"
    return (f"own thresholds: they set the rate, {rate}"[:80],)


def _rule_words(spec: VoteSpec, ensemble: Ensemble) -> str:
    count = len(ensemble.members)
    if spec.rule is VoteRule.BEST and ensemble.vote is not None:
        best = ensemble.members[int(ensemble.vote.order[0])].name
        return f"{spec.rule} of {count} members, {best} decides"
    if spec.rule is VoteRule.WEIGHTED:
        return f"{spec.rule} of {count} members, {spec.threshold:.0%} of the weight"
    return f"{spec.rule} of {count} members"
