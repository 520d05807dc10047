"""`status.history` of an Anomaly: what happened, who did it, when and why.

It grows where a status document is finished, by the difference between what the object says and
what it is about to say (`edges`). It is no log: it holds MAX_ENTRIES, the oldest are folded into
one that counts them, and it is never a reason to write by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from anomaly_operator.api.conditions import same_status
from anomaly_operator.api.text import cut, to_text, unix_seconds
from anomaly_operator.evaluation.edges import (
    Edge,
    Fields,
    What,
    closing,
    of_decisions,
    of_windows,
)

MAX_ENTRIES = 20
MAX_WHO = 512
"""As long as a user name of a ServiceAccount can be, and more."""
MAX_WHY = 256
_ASIDE = ("history", "notifications")
"""Fields whose change alone is no reason to write: the notifier writes the second one itself."""

Entry = dict[str, Any]


def grown(before: Fields, after: Fields, spec: Fields, now: int) -> list[Entry]:
    """The history of `after`, a finished status without one, oldest first.

    `before`: what the object says, with its history. `spec`: the object's, for what people said.
    `now` in unix seconds. The same arguments again, with the result written, add nothing.
    """
    known = _entries(before)
    if same_status(_rest(after), _rest(before)):
        return known
    edges = [
        *of_windows(before, after, now),
        *_people(before, after, spec, known, now),
        *of_decisions(before, after, now),
        *_told(before, known),
        *closing(before, after, now),
    ]
    return _folded([*known, *map(_entry, edges)])


def _people(
    before: Fields, after: Fields, spec: Fields, known: list[Entry], now: int
) -> Iterator[Edge]:
    """What the spec says that the history has not: each statement once, again when it changes."""
    if before.get("observedGeneration") == after.get("observedGeneration"):
        return
    for what, said in (
        (What.ACKNOWLEDGED, _statement(spec, "acknowledgement", "comment")),
        (What.FEEDBACK, _statement(spec, "feedback", "verdict", "until", "comment")),
        (What.RESOLUTION_NOTED, _statement(spec, "resolution", "note")),
    ):
        if said is not None:
            who, why = said
            edge = Edge(now, what, why, who)
            if not _last(known, what, edge):
                yield edge
    if before.get("feedback") and not spec.get("feedback"):
        verdict = str(before["feedback"].get("verdict", ""))
        yield Edge(now, What.FEEDBACK_WITHDRAWN, f"Before: {verdict}.", "")


def _statement(spec: Fields, key: str, *parts: str) -> tuple[str, str] | None:
    found = spec.get(key)
    if not isinstance(found, Mapping) or not found:
        return None
    words = {"until": f"until {found.get('until')}"}
    said = [words.get(part, str(found[part])) for part in parts if found.get(part)]
    return str(found.get("by") or ""), ", ".join(said)


def _last(known: list[Entry], what: What, edge: Edge) -> bool:
    """Whether the newest entry of that kind says the same. A withdrawn statement is said anew."""
    undone = {What.FEEDBACK: What.FEEDBACK_WITHDRAWN}.get(what)
    newest = next((one for one in reversed(known) if one.get("what") in (what, undone)), {})
    wanted = _entry(edge)
    return all(newest.get(key) == wanted.get(key) for key in ("what", "who", "why"))


def _told(before: Fields, known: list[Entry]) -> Iterator[Edge]:
    """Deliveries that the notifier has marked on the object since, one entry for each edge."""
    marks = before.get("notifications")
    folded = max((_at(one) for one in known if one.get("what") == What.EARLIER), default=0)
    fresh: dict[str, list[Fields]] = {}
    for mark in marks if isinstance(marks, list) else ():
        # A receiver that has accepted nothing yet has a mark without an edge.
        if not isinstance(mark, Mapping) or not mark.get("edge"):
            continue
        if _at(mark) > folded and not _noted(mark, known):
            fresh.setdefault(str(mark.get("edge", "")), []).append(mark)
    for edge, of_edge in fresh.items():
        receivers = ", ".join(sorted(str(mark.get("receiver", "")) for mark in of_edge))
        yield Edge(max(map(_at, of_edge)), What.NOTIFIED, f"{edge}: {receivers}")


def _noted(mark: Fields, known: list[Entry]) -> bool:
    for entry in known:
        edge, _, receivers = str(entry.get("why", "")).partition(": ")
        if entry.get("what") != What.NOTIFIED or _at(entry) < _at(mark):
            continue
        if edge == mark.get("edge") and mark.get("receiver") in receivers.split(", "):
            return True
    return False


def _folded(entries: list[Entry]) -> list[Entry]:
    """In the order of time, the oldest as one entry where there are too many."""
    earlier = [one for one in entries if one.get("what") == What.EARLIER]
    rest = sorted((one for one in entries if one not in earlier), key=_at)
    room = MAX_ENTRIES - (1 if earlier else 0)
    if len(rest) <= room:
        return [*earlier, *rest]
    gone, kept = rest[: 1 - MAX_ENTRIES], rest[1 - MAX_ENTRIES :]
    count = len(gone) + sum(int(one.get("count", 0)) for one in earlier)
    at = max(map(_at, (*earlier, *gone)))
    noun = "entry" if count == 1 else "entries"
    first = {"at": to_text(at), "what": What.EARLIER.value, "count": count}
    return [{**first, "why": f"{count} earlier {noun}."}, *kept]


def _entry(edge: Edge) -> Entry:
    found = {
        "at": to_text(edge.at),
        "what": edge.what.value,
        "who": cut(edge.who, MAX_WHO),
        "why": cut(edge.why, MAX_WHY),
    }
    return {key: value for key, value in found.items() if value}


def _entries(status: Fields) -> list[Entry]:
    found = status.get("history")
    return [dict(one) for one in found if isinstance(one, Mapping)] if found else []


def _rest(status: Fields) -> dict[str, Any]:
    return {key: value for key, value in status.items() if key not in _ASIDE}


def _at(entry: Fields) -> int:
    return unix_seconds(entry.get("at"))
