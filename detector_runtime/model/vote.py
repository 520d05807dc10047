"""From what each member says to one number a window, where people name the members.

A member speaks in surprises, -log10 of how rare its evidence is on behaviour taken as normal, so
that all members vote equally often. A rule reduces them to one number in such a way that "the rule
is met by the members at or above a border" and "the number is at or above the border" are one
statement. So the number goes through the same calibration and the same promised alert level as
without votes, and no rule has a level of its own.
A member without a value abstains: it is not among those that the rule counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from detector_runtime.contract.members import VoteRule
from detector_runtime.model.calibrate import UNUSUAL, Tails
from detector_runtime.model.calibrate import border as border_of
from detector_runtime.model.smoothing import smooth
from detector_runtime.series.frame import Floats, Ints

Bools = NDArray[np.bool_]
_ROUNDING = 1e-9
"""Of sums of weights: thirds must add up to a whole."""


@dataclass(frozen=True, slots=True, eq=False)
class Vote:
    """`weights` (k,) and `share` of their sum count for `Weighted`; `order` (k,): members, the best
    first, counts for `Best`; `tails`: a channel for each member's evidence over the last windows;
    `quiet`: the most that a member says in a window in which it is not beyond its own threshold,
    which is less than any alert level.
    """

    rule: VoteRule
    weights: Floats
    share: float
    order: Ints
    tails: Tails
    quiet: float = np.inf

    def voices(self, own: Floats, passed: Bools, kernel: Floats) -> Floats:
        """(k, n) surprises of the members' `own` evidence (k, n), NaN where a member abstains,
        averaged over the last windows by `kernel`; `passed` (k, n): beyond its own threshold."""
        # a server's single observation has no windows before it
        lasting = own.T if len(kernel) == 1 else np.stack([smooth(one, kernel) for one in own], 1)
        said = self.tails.surprise(lasting, np.inf).T
        return np.where(passed | np.isnan(said), said, np.minimum(said, self.quiet))

    def reduce(self, voices: Floats) -> Floats:
        """(n,): the largest number at which `met` still holds; NaN where no member has a value."""
        present = ~np.isnan(voices)
        count = present.sum(axis=0)
        ranked = np.argsort(np.where(present, -voices, np.inf), axis=0, kind="stable")
        if self.rule is VoteRule.BEST:
            ranked = np.broadcast_to(self.order[:, None], voices.shape)
        at = self._deciding(np.take_along_axis(present, ranked, axis=0), ranked, count)
        decided = np.take_along_axis(ranked, at[None], axis=0)
        out: Floats = np.take_along_axis(voices, decided, axis=0)[0]
        return np.where(count > 0, out, np.nan)

    def _deciding(self, present: Bools, ranked: Ints, count: Ints) -> Ints:
        """(n,) places in the ranking: the member whose number is the window's."""
        if self.rule is VoteRule.MAJORITY:
            return np.minimum(count // 2, len(ranked) - 1)
        if self.rule is VoteRule.ALL:
            return np.maximum(count - 1, 0)
        if self.rule is VoteRule.WEIGHTED:
            held = np.cumsum(self.weights[ranked] * present, axis=0)
            return np.asarray((held >= self.share * held[-1] - _ROUNDING).argmax(axis=0))
        if self.rule is VoteRule.BEST:
            return np.asarray(present.argmax(axis=0))
        return np.zeros(ranked.shape[1], dtype=np.int64)

    def met(self, voted: Bools, present: Bools) -> Bools:
        """(n,): whether the members that `voted` (k, n), of those `present`, decide the window."""
        voted = voted & present
        count, votes = present.sum(axis=0), voted.sum(axis=0)
        if self.rule is VoteRule.MAJORITY:
            return np.asarray(2 * votes > count)
        if self.rule is VoteRule.ALL:
            return np.asarray((votes == count) & (count > 0))
        if self.rule is VoteRule.WEIGHTED:
            whole = self.weights @ present
            return np.asarray(
                (self.weights @ voted >= self.share * whole - _ROUNDING) & (votes > 0)
            )
        if self.rule is VoteRule.BEST:
            first = self.order[present[self.order].argmax(axis=0)]
            return np.asarray(voted[first, np.arange(voted.shape[1])])
        return np.asarray(votes > 0)

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        return {
            **self.tails.to_arrays(),
            "weights": self.weights,
            "order": self.order,
            "numbers": np.array([self.share, self.quiet]),
        }

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, NDArray[np.generic]], rule: str, members: int
    ) -> Self:
        """ValueError where the arrays are not those of so many members."""
        weights = np.asarray(arrays["weights"], dtype=np.float64)
        order = np.asarray(arrays["order"], dtype=np.int64)
        tails = Tails.from_arrays({name: arrays[name] for name in ("knots", "sigma", "xi")})
        fits = weights.shape == (members,) and len(tails.knots) == members
        if not fits or sorted(order.tolist()) != list(range(members)):
            raise ValueError(f"the vote is not one of {members} members")
        share, quiet = np.asarray(arrays["numbers"], dtype=np.float64).tolist()
        return cls(VoteRule(rule), weights, share, order, tails, quiet)


def quiet_border(final: Tails) -> float:
    """What a member without a vote may say at most: the score is under every alert level there."""
    return border_of(final, UNUSUAL)


@dataclass(frozen=True, slots=True, eq=False)
class Ballots:
    """`scores` (k, n): what each member says on the scale of the window's score, NaN where it
    abstains; `voted` (k, n)."""

    scores: Floats
    voted: Bools

    @property
    def votes(self) -> Ints:
        found: Ints = self.voted.sum(axis=0)
        return found

    @property
    def present(self) -> Ints:
        """(n,): members that have a value."""
        found: Ints = (~np.isnan(self.scores)).sum(axis=0)
        return found

    def confidence(self, anomalous: Bools) -> Floats:
        """(n,): the share of the members that is of the window's opinion."""
        share = self.votes / np.maximum(self.present, 1)
        return np.where(anomalous, share, 1.0 - share)
