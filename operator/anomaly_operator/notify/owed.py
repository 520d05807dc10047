"""Which edge a receiver has not been told of yet. Level-triggered: it follows from the object as it
stands and the receiver's mark, so an edge that comes and goes unseen costs one message and not two.
"""

from __future__ import annotations

from anomaly_operator.api.names import short_hash
from anomaly_operator.notify.edges import Edge, Mark
from anomaly_operator.notify.subject import Subject


def owed(subject: Subject, mark: Mark | None, *, wanted: bool) -> Edge | None:
    """The edge to tell now, None when the receiver is up to date.

    `wanted`: a route leads to the receiver and no message about the root stands for this one. Who
    was told that an incident opened is told that it closed, wanted or not. Of one that closed
    before anybody was told, only who should have been told hears: an old object notifies nobody
    when receivers are set up.
    """
    if mark is None or mark.edge is None:
        if not wanted:
            return None
        if subject.running:
            return Edge.OPENED
        return Edge.CLOSED if subject.closed_at and subject.was_owed else None
    if not subject.running:
        closed = subject.closed_at and mark.edge is not Edge.CLOSED
        return Edge.CLOSED if closed else None
    if not wanted:
        return None
    if subject.reopened > mark.reopened:
        return Edge.REOPENED
    if mark.edge is Edge.CLOSED:
        return None
    if subject.severity.rank > mark.severity.rank:
        return Edge.ESCALATED
    if subject.missed and subject.missed != mark.missed:
        return Edge.DEADLINE_MISSED
    return None


def edge_key(subject: Subject, edge: Edge, receiver: str) -> str:
    """The idempotency key: the same for every attempt to tell the receiver of that edge."""
    facts = (edge.value, str(subject.reopened), subject.severity.value, subject.missed)
    return short_hash(subject.uid, *facts, receiver, length=32)


def told(subject: Subject, edge: Edge, receiver: str, now: int) -> Mark:
    """The mark once the receiver has taken the message. `now` in unix seconds."""
    return Mark(
        receiver=receiver,
        edge=edge,
        key=edge_key(subject, edge, receiver),
        at=now,
        severity=subject.severity,
        reopened=subject.reopened,
        missed=subject.missed,
    )
