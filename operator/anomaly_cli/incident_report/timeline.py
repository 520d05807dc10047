"""What happened to an incident, from what changed before it to its end, in the order of time.

Three sources, which are one list here: the changes that were found before the start, the windows
that the object names, and its history. An object of an earlier release has no history; its edges
are then told as far as its status knows them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from anomaly_operator.api.text import unix_seconds
from anomaly_operator.evaluation.edges import OPERATOR
from anomaly_operator.evaluation.history import grown

Fields = Mapping[str, Any]

_WORDS = {
    "DeadlineMissed": "Deadline missed",
    "FeedbackWithdrawn": "Feedback withdrawn",
    "ResolutionNoted": "Resolution noted",
    "Earlier": "Earlier",
}


@dataclass(frozen=True, slots=True)
class Moment:
    """`at`: unix seconds. `who`: empty where it was the operator, or nobody."""

    at: int
    what: str
    why: str = ""
    who: str = ""


def timeline(spec: Fields, status: Fields) -> tuple[Moment, ...]:
    """Every moment that the object knows, oldest first."""
    found = [*_changes(status), *_windows(spec, status), *_history(status)]
    return tuple(sorted(found, key=lambda one: one.at))


def listed(value: Any) -> list[Fields]:
    """The mappings in a list of the object; nothing for anything else."""
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def part(status: Fields, key: str) -> Fields:
    found = status.get(key)
    return found if isinstance(found, Mapping) else {}


def text(fields: Fields, key: str) -> str:
    found = fields.get(key)
    return "" if found is None else str(found)


def change_text(change: Fields) -> str:
    """`Rollout of Deployment shop/payments: 1.8.3 -> 1.9.0`."""
    if said := text(change, "text"):
        return said
    ends = " -> ".join(one for one in (text(change, "from"), text(change, "to")) if one)
    where = f" of {text(change, 'workload')}" if text(change, "workload") else ""
    more = "; ".join(one for one in (ends, text(change, "detail")) if one)
    return f"{text(change, 'kind')}{where}{f': {more}' if more else ''}"


def _changes(status: Fields) -> Iterator[Moment]:
    for change in listed(status.get("changes")):
        if at := unix_seconds(change.get("at")):
            yield Moment(at, "Change", change_text(change))


def _windows(spec: Fields, status: Fields) -> Iterator[Moment]:
    opening = text(spec, "openingPattern")
    if first := unix_seconds(spec.get("firstSeen")):
        yield Moment(first, "First suspicion", f"The first anomalous window: {opening}.")
    for sight in listed(status.get("patterns")):
        at, name = unix_seconds(sight.get("firstSeen")), text(sight, "name")
        if at and at != first:
            yield Moment(at, "Pattern joined", name)
    worst = part(status, "worst")
    if at := unix_seconds(worst.get("at")):
        yield Moment(at, "Worst window", text(worst, "summary") or text(worst, "severity"))
    if last := unix_seconds(status.get("lastSeen")):
        yield Moment(last, "Last anomalous window", "")


def _history(status: Fields) -> Iterator[Moment]:
    entries = listed(status.get("history")) or grown({}, status, {}, 0)
    for entry in entries:
        what, who = text(entry, "what"), text(entry, "who")
        at = unix_seconds(entry.get("at"))
        if not at:
            continue  # not known, in an object of an earlier release
        yield Moment(at, _WORDS.get(what, what), text(entry, "why"), "" if who == OPERATOR else who)
