"""What became of one incident that people were told of, for the figures over many.

An acknowledgement counts as confirmed: somebody took it up and did not call it wrong. Who says
nothing ignores it, once it is over. What nobody was told of can be neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from anomaly_operator.incidents.state import Resolution, Verdict
from anomaly_operator.incidents.transitions import notifies
from anomaly_operator.world.objects import AnomalyObject
from detector_runtime.contract.vocabulary import Severity

_SEVERITIES = {severity.value: severity for severity in Severity}
_NO_END = frozenset({Resolution.LOST.value, Resolution.STALE.value, Resolution.RUN_ENDED.value})
"""Closed at a moment that says nothing of when the trouble was over."""


class Judgement(StrEnum):
    """`PENDING`: still running, and nobody has said anything yet."""

    CONFIRMED = "Confirmed"
    FALSE_POSITIVE = "FalsePositive"
    EXPECTED = "Expected"
    IGNORED = "Ignored"
    PENDING = "Pending"


@dataclass(frozen=True, slots=True)
class Outcome:
    """`opened`: unix seconds at which it was confirmed and its object made. Durations in seconds,
    None where there is none: `detect` from the first anomalous window, the others from `opened`.
    """

    opened: int
    judgement: Judgement
    detect: int | None = None
    acknowledge: int | None = None
    close: int | None = None


def outcome(anomaly: AnomalyObject) -> Outcome | None:
    """None for an incident that nobody was told of, or that has no status yet."""
    severity = _SEVERITIES.get(anomaly.severity, Severity.NONE)
    said = bool(anomaly.feedback or anomaly.acknowledged)
    if not anomaly.confirmed or not (said or notifies(severity)):
        return None
    ended = anomaly.closed and anomaly.resolution not in _NO_END
    return Outcome(
        opened=anomaly.confirmed,
        judgement=_judgement(anomaly, said),
        detect=_span(anomaly.first_seen, anomaly.confirmed),
        acknowledge=_span(anomaly.confirmed, anomaly.acknowledged),
        close=_span(anomaly.confirmed, anomaly.closed) if ended else None,
    )


def outcomes(anomalies: Iterable[AnomalyObject]) -> Iterator[Outcome]:
    for anomaly in anomalies:
        found = outcome(anomaly)
        if found is not None:
            yield found


def _judgement(anomaly: AnomalyObject, said: bool) -> Judgement:
    if anomaly.feedback == Verdict.FALSE_POSITIVE:
        return Judgement.FALSE_POSITIVE
    if anomaly.feedback == Verdict.EXPECTED:
        return Judgement.EXPECTED
    if said:
        return Judgement.CONFIRMED
    return Judgement.IGNORED if anomaly.closed else Judgement.PENDING


def _span(start: int, end: int) -> int | None:
    return max(end - start, 0) if start and end else None
