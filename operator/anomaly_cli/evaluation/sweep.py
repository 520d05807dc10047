"""F1 over the threshold of the z-score, on the tune part: what is picked there is measured
elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from anomaly_cli.evaluation.candidates import Candidate, Sort
from anomaly_cli.evaluation.rates import rates
from anomaly_cli.evaluation.votes import majority, only
from anomaly_cli.figures import Bools
from detector_runtime.series.frame import Floats

FIRST, LAST, STEP = 1.5, 5.0, 0.25


@dataclass(frozen=True, slots=True, eq=False)
class Sweep:
    """F1 (t,) of the member `alone` and of the majority with it at each of `thresholds` (t,)."""

    thresholds: Floats
    alone: Floats
    vote: Floats

    @property
    def best_alone(self) -> float:
        return float(self.thresholds[np.argmax(self.alone)])

    @property
    def best_vote(self) -> float:
        """The threshold with the highest F1 of the majority; of equal ones the lowest."""
        return float(self.thresholds[np.argmax(self.vote)])


def swept(scores: Floats, thresholds: Floats, member: int, anomalous: Bools) -> Sweep:
    """Over the threshold of `member`; `scores` (n, m) and `thresholds` (m,) of all."""
    tried = np.arange(FIRST, LAST + STEP / 2, STEP)
    found = [
        [rates(one.flagged(scores), anomalous).f1 for one in tuned(member, "", at, at, thresholds)]
        for at in tried
    ]
    alone, vote = np.array(found).T
    return Sweep(tried, alone, vote)


def tuned(
    member: int, name: str, alone: float, vote: float, thresholds: Floats
) -> tuple[Candidate, Candidate]:
    """The member with threshold `alone`, and the majority with it at threshold `vote`."""
    at_alone, at_vote = _with(thresholds, member, alone), _with(thresholds, member, vote)
    return (
        Candidate(f"{name} at {alone:g}", Sort.TUNED, at_alone, only(member)),
        Candidate(f"Majority, {name} at {vote:g}", Sort.TUNED, at_vote, majority),
    )


def _with(thresholds: Floats, member: int, value: float) -> Floats:
    changed = thresholds.copy()
    changed[member] = value
    return changed
