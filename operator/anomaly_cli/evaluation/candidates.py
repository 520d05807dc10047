"""What can be chosen: each member, each rule, the vote without a member, and a tuned z threshold.

All of them judge the same scores, so that their differences on one part are paired.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from anomaly_cli.evaluation.members import Member, Trained
from anomaly_cli.evaluation.votes import Vote, majority, only
from anomaly_cli.figures import Bools
from detector_runtime.series.frame import Floats


class Sort(Enum):
    MEMBER = "member"
    RULE = "rule"
    TUNED = "tuned"
    WITHOUT = "without"


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """`thresholds` (m,) above which a member votes; `vote` makes one verdict of theirs."""

    name: str
    sort: Sort
    thresholds: Floats
    vote: Vote

    def flagged(self, scores: Floats) -> Bools:
        """What it says of rows with `scores` (n, m)."""
        return self.vote(scores > self.thresholds)


def scored(trained: Sequence[Trained], rows: Floats) -> Floats:
    """(n, m) of rows (n, k): how unusual each member finds them."""
    return np.column_stack([-one.score_samples(rows) for one in trained])


def thresholds_of(trained: Sequence[Trained]) -> Floats:
    return np.array([one.threshold for one in trained])


def of_members(members: Sequence[Member], thresholds: Floats) -> list[Candidate]:
    return [
        Candidate(member.name, Sort.MEMBER, thresholds, only(at))
        for at, member in enumerate(members)
    ]


def without_one(members: Sequence[Member], thresholds: Floats) -> list[Candidate]:
    """The majority of the others, for each member; none where the others are one alone."""
    if len(members) < 3:
        return []
    return [
        Candidate(f"Majority without {member.name}", Sort.WITHOUT, thresholds, _others(at))
        for at, member in enumerate(members)
    ]


def _others(left_out: int) -> Vote:
    return lambda votes: majority(np.delete(votes, left_out, axis=1))
