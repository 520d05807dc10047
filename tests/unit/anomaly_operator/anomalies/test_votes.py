"""What an incident says of the votes: those of its worst window, and nothing forgotten."""

from __future__ import annotations

from dataclasses import replace

from anomaly_operator.anomalies.votes import votes_part
from anomaly_operator.api.text import to_text
from anomaly_operator.incidents.state import Incident, IncidentPhase
from detector_runtime.contract.detection import (
    Detection,
    MemberVerdict,
    RunStatus,
    Votes,
    WindowReport,
)
from detector_runtime.contract.members import MemberName, VoteRule
from detector_runtime.contract.vocabulary import RunOutcome, Severity, Verdict

FIRST = 1_795_000_020
INCIDENT = Incident(
    fingerprint="0" * 12,
    opening_pattern="metric_latency",
    pattern="metric_latency",
    phase=IncidentPhase.OPEN,
    first_seen=FIRST,
    last_seen=FIRST + 60,
    severity=Severity.MEDIUM,
    current_severity=Severity.MEDIUM,
    anomaly="checkout-1",
    worst_at=FIRST,
)
VOTES = Votes(
    VoteRule.MAJORITY,
    2,
    2,
    (
        MemberVerdict(MemberName.Z_SCORE, Verdict.ANOMALOUS, "4.2"),
        MemberVerdict(MemberName.LEVEL, Verdict.ANOMALOUS, "3.1"),
        MemberVerdict(MemberName.SEASONAL, Verdict.INCONCLUSIVE),
    ),
)
TOLD = {
    "rule": "Majority",
    "votes": 2,
    "members": 2,
    "verdicts": [
        {"member": "ZScore", "verdict": "Anomalous", "score": "4.2"},
        {"member": "Level", "verdict": "Anomalous", "score": "3.1"},
        {"member": "Seasonal", "verdict": "Inconclusive"},
    ],
}


def detection(end: int, votes: Votes | None) -> Detection:
    report = WindowReport(
        to_text(end), Verdict.ANOMALOUS, "day", Severity.MEDIUM, "90%", "4", "0.0001", votes=votes
    )
    return Detection("r", RunStatus(RunOutcome.SUCCEEDED), anomaly=report)


def test_the_votes_of_the_worst_window_are_told() -> None:
    assert votes_part(detection(FIRST, VOTES))(INCIDENT, {}, {}).fields == {"votes": TOLD}


def test_what_is_told_stays_when_the_document_has_gone_on() -> None:
    other = detection(FIRST + 60, replace(VOTES, votes=1))
    before = {"votes": TOLD}
    assert votes_part(other)(INCIDENT, before, {}).fields == before
    assert votes_part(None)(INCIDENT, before, {}).fields == before


def test_a_model_without_votes_tells_of_none() -> None:
    assert votes_part(detection(FIRST, None))(INCIDENT, {}, {}).fields == {}
