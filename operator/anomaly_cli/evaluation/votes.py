"""How the verdicts of several members become one, and the weights that a tune part speaks for.

Here a member's own threshold decides whether it votes. In the cluster the alert level does so as
well, which keeps the promised rate of false incidents: an evaluation shows how well members rank
and agree, not how often a service will page.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from anomaly_cli.evaluation.rates import rates
from anomaly_cli.figures import Bools
from detector_runtime.contract.members import VoteRule, VoteSpec
from detector_runtime.series.frame import Floats

WEIGHTS = (1, 2, 3)
"""What is tried for each member; with more values a rule fits chance."""
SHARE = VoteSpec().threshold
"""Of the weight that has to agree."""
Vote = Callable[[Bools], Bools]


def majority(votes: Bools) -> Bools:
    """More than half of the members of `votes` (n, m); a tie is no majority."""
    agreed: Bools = votes.sum(axis=1) >= votes.shape[1] // 2 + 1
    return agreed


def at_least_one(votes: Bools) -> Bools:
    return np.asarray(votes.any(axis=1))


def all_agree(votes: Bools) -> Bools:
    return np.asarray(votes.all(axis=1))


def weighted(weights: Sequence[float]) -> Vote:
    """Members that hold at least half of the weight agree."""
    held: Floats = np.asarray(weights, dtype=np.float64)
    needed = SHARE * held.sum()
    return lambda votes: votes @ held >= needed


def only(member: int) -> Vote:
    return lambda votes: votes[:, member]


def best_weights(votes: Bools, anomalous: Bools) -> tuple[int, ...]:
    """The weights with the highest F1 on a tune part; of equal ones the lowest sum, and then the
    higher weight for the earlier member."""
    patterns, at = np.unique(votes, axis=0, return_inverse=True)
    tried = sorted(
        itertools.product(WEIGHTS, repeat=votes.shape[1]),
        key=lambda one: (sum(one), [-weight for weight in one]),
    )
    return max(tried, key=lambda one: _f1(weighted(one)(patterns)[at.reshape(-1)], anomalous))


def best_member(votes: Bools, anomalous: Bools) -> int:
    """The member with the highest F1 on a tune part; of equal ones the first."""
    found = [_f1(votes[:, member], anomalous) for member in range(votes.shape[1])]
    return int(np.argmax(found))


def rules(weights: Sequence[float], best: int) -> Mapping[str, Vote]:
    """Every rule of `spec.detector.vote` by its name."""
    return {
        VoteRule.MAJORITY.value: majority,
        VoteRule.ANY.value: at_least_one,
        VoteRule.ALL.value: all_agree,
        VoteRule.WEIGHTED.value: weighted(weights),
        VoteRule.BEST.value: only(best),
    }


def _f1(flagged: Bools, anomalous: Bools) -> float:
    return rates(flagged, anomalous).f1
