"""How the members of a model voted in one window, as people read it."""

from __future__ import annotations

import math

from detector_runtime.contract.detection import MemberVerdict, Votes
from detector_runtime.contract.text import decimal
from detector_runtime.contract.vocabulary import Verdict
from detector_runtime.detectors.registry import MEMBER_NAMES
from detector_runtime.model.scoring import Scores
from detector_runtime.model.vote import Vote


def votes_of(vote: Vote | None, scores: Scores, row: int) -> Votes | None:
    """The votes in row `row`; None where the members do not vote, or none has a value."""
    ballots = scores.ballots
    if vote is None or ballots is None or not ballots.present[row]:
        return None
    return Votes(
        vote.rule,
        int(ballots.votes[row]),
        int(ballots.present[row]),
        tuple(
            _verdict(name, float(score), voted=bool(voted))
            for name, score, voted in zip(
                scores.detectors, ballots.scores[:, row], ballots.voted[:, row], strict=True
            )
        ),
    )


def _verdict(name: str, score: float, *, voted: bool) -> MemberVerdict:
    member = MEMBER_NAMES[name]
    if not math.isfinite(score):
        return MemberVerdict(member, Verdict.INCONCLUSIVE)
    return MemberVerdict(member, Verdict.ANOMALOUS if voted else Verdict.NORMAL, decimal(score, 3))
