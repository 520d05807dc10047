"""How the detectors voted in the worst window of an incident, where its service has a vote.

The detection document holds the votes of the newest window and of the worst one of the newest
stretch. The object keeps those of its worst window; it counts nothing anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from anomaly_operator.anomalies.story import Part, Told
from anomaly_operator.api.text import cut, unix_seconds
from anomaly_operator.incidents.state import Incident
from detector_runtime.contract.detection import Detection, Votes
from detector_runtime.contract.members import MAX_MEMBERS

VOTES = "votes"
_MAX_SCORE = 32


def votes_part(detection: Detection | None) -> Part:
    """`detection`: the newest document that a scoring pod wrote."""
    found = (detection.anomaly, detection.report) if detection else ()
    reports = tuple(one for one in found if one is not None and one.votes is not None)

    def part(incident: Incident, before: Mapping[str, Any], _found: Mapping[str, Any]) -> Told:
        for one in reports:
            if one.votes is not None and unix_seconds(one.end) == incident.worst_at:
                return Told({VOTES: _document(one.votes)})
        return Told({VOTES: before[VOTES]} if VOTES in before else {})

    return part


def _document(votes: Votes) -> dict[str, Any]:
    return {
        "rule": votes.rule.value,
        "votes": votes.votes,
        "members": votes.members,
        "verdicts": [
            {
                "member": one.member.value,
                "verdict": one.verdict.value,
                **({"score": cut(one.score, _MAX_SCORE)} if one.score else {}),
            }
            for one in votes.verdicts[:MAX_MEMBERS]
        ],
    }
