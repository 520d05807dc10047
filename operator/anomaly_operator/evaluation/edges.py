"""What has happened to an incident between two statuses of its object.

Pure: an edge is a difference between what the object says and what it is about to say, so the same
two statuses give the same edges, and two that say the same give none. What came and went between
them leaves no trace here; the Events have it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from anomaly_operator.api.text import sentence, unix_seconds
from anomaly_operator.incidents.state import IncidentPhase, Resolution
from detector_runtime.contract.vocabulary import Severity

OPERATOR = "operator"
_BY_FEEDBACK = frozenset({Resolution.EXPECTED.value, Resolution.FALSE_POSITIVE.value})
_RANKS = {severity.value: severity.rank for severity in Severity}

Fields = Mapping[str, Any]


class What(StrEnum):
    """What an entry of `status.history` records. `EARLIER`: entries that were folded into one."""

    EARLIER = "Earlier"
    OPENED = "Opened"
    REOPENED = "Reopened"
    ESCALATED = "Escalated"
    RELAPSED = "Relapsed"
    RECOVERING = "Recovering"
    ACKNOWLEDGED = "Acknowledged"
    FEEDBACK = "Feedback"
    FEEDBACK_WITHDRAWN = "FeedbackWithdrawn"
    RESOLUTION_NOTED = "ResolutionNoted"
    SUPPRESSED = "Suppressed"
    REGROUPED = "Regrouped"
    CONTAINED = "Contained"
    REACTED = "Reacted"
    DEADLINE_MISSED = "DeadlineMissed"
    NOTIFIED = "Notified"
    CLOSED = "Closed"


@dataclass(frozen=True, slots=True)
class Edge:
    """`at`: unix seconds, the end of the window that made it, else when the operator saw it."""

    at: int
    what: What
    why: str = ""
    who: str = OPERATOR


def of_windows(before: Fields, after: Fields, now: int) -> Iterator[Edge]:
    """Opened, reopened, worse, back to normal: with the times of the windows."""
    was, now_is = _text(before, "state"), _text(after, "state")
    if not was:
        yield Edge(_at(after, "confirmedAt", now), What.OPENED, _grave(after))
    if (reopened := _count(after, "reopened") > _count(before, "reopened")) and now_is:
        why = f"Anomalous again after closing: {_grave(after)}"
        yield Edge(_at(after, "reopenedAt", now), What.REOPENED, why)
    if was and _rank(after) > _rank(before):
        why = f"Severity rose from {_text(before, 'severity')} to {_grave(after)}"
        yield Edge(_at(_part(after, "worst"), "at", now), What.ESCALATED, why)
    if was == IncidentPhase.RECOVERING and now_is == IncidentPhase.OPEN and not reopened:
        why = "Anomalous again before it closed."
        yield Edge(_at(after, "lastSeen", now), What.RELAPSED, why)
    if now_is == IncidentPhase.RECOVERING and (was != now_is or reopened):
        at = _at(_part(after, "current"), "at", now)
        yield Edge(at, What.RECOVERING, "First normal window.")


def closing(before: Fields, after: Fields, now: int) -> Iterator[Edge]:
    """What a person ended, ended when it was said, not with the last window."""
    if _text(after, "state") != IncidentPhase.CLOSED:
        return
    if _text(before, "state") == IncidentPhase.CLOSED and not _differs(before, after, "closedAt"):
        return
    reason = _text(_part(after, "resolution"), "reason") or "Closed"
    lasted = _text(after, "duration")
    at = now if reason in _BY_FEEDBACK else _at(after, "closedAt", now)
    yield Edge(at, What.CLOSED, f"{reason}; it lasted {lasted}." if lasted else f"{reason}.")


def of_decisions(before: Fields, after: Fields, now: int) -> Iterator[Edge]:
    """What the operator made of it: suppressed, regrouped, contained, reacted to, too late."""
    until = _text(_part(after, "feedback"), "until")
    if until and until != _text(_part(before, "feedback"), "until"):
        why = f"Windows like these, and not worse, open no incident until {until}."
        yield Edge(now, What.SUPPRESSED, why)
    root, known = _root(after), _root(before)
    if root != known and (root or after.get("state") != IncidentPhase.CLOSED):
        old = f"; before: {known}" if known else ""
        yield Edge(now, What.REGROUPED, f"Root cause: {root or 'none'}{old}.")
    contained = _part(after, "containment")
    if contained and _differs(before, after, "containment"):
        said = (_text(contained, key) for key in ("job", "outcome"))
        at = _at(contained, "at", now) if not before.get("containment") else now
        yield Edge(at, What.CONTAINED, sentence(": ".join(part for part in said if part)))
    reaction = _part(after, "reaction")
    if reaction and _differs(before, after, "reaction"):
        said = (_text(reaction, key) for key in ("workload", "outcome"))
        yield Edge(now, What.REACTED, sentence(": ".join(part for part in said if part)))
    priority = _part(after, "priority")
    if priority.get("missed") and not _part(before, "priority").get("missed"):
        due = _text(priority, "deadline")
        why = f"{_text(priority, 'tier')}{f', due {due}' if due else ''}".strip(", ")
        yield Edge(now, What.DEADLINE_MISSED, sentence(why))


def _root(status: Fields) -> str:
    found = _part(status, "rootCause")
    if not found.get("service"):
        return ""  # it began here
    names = (_text(found, "namespace"), _text(found, "service"))
    return "/".join(name for name in names if name)


def _grave(status: Fields) -> str:
    return f"{_text(status, 'severity')}, {_text(status, 'pattern')}."


def _rank(status: Fields) -> int:
    return _RANKS.get(_text(status, "severity"), 0)


def _differs(before: Fields, after: Fields, key: str) -> bool:
    return bool(before.get(key) != after.get(key))


def _at(part: Fields, key: str, now: int) -> int:
    return unix_seconds(part.get(key)) or now


def _part(status: Fields, key: str) -> Fields:
    found = status.get(key)
    return found if isinstance(found, Mapping) else {}


def _text(part: Fields, key: str) -> str:
    return str(part.get(key) or "")


def _count(part: Fields, key: str) -> int:
    found = part.get(key)
    return found if isinstance(found, int) else 0
