"""Conditions of all three kinds, how a new set follows from the old one, and when a status is new.

`lastTransitionTime` moves only when `status` does, and a message holds no figure that changes by
itself: else every reconcile would write.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from anomaly_operator.api.names import ConditionType
from anomaly_operator.api.resources import ANOMALY, POLICY, SERVICE
from anomaly_operator.api.text import to_text

MAX_MESSAGE = 1024
MAP_LISTS: Mapping[str, Mapping[tuple[str, ...], str]] = {
    SERVICE.kind: {("conditions",): "type", ("training", "revisions"): "revision"},
    POLICY.kind: {("conditions",): "type", ("objectives",): "service"},
    ANOMALY.kind: {
        ("conditions",): "type",
        ("context",): "name",
        ("notifications",): "receiver",
        ("patterns",): "name",
        ("priority", "parts"): "name",
    },
}
"""The lists of our statuses that the CRDs declare as maps, by kind and path, with the key of an
item. The API server merges them by key and keeps them in an order of its own; all other lists have
one owner, who writes them whole.
"""
_KEYS = {path: key for lists in MAP_LISTS.values() for path, key in lists.items()}


class Truth(StrEnum):
    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"

    @classmethod
    def of(cls, holds: bool) -> Truth:
        return cls.TRUE if holds else cls.FALSE


@dataclass(frozen=True, slots=True)
class Condition:
    """`reason`: a `Reason`, an `AnomalyReason`, a `Resolution`, or a verdict that a person gave."""

    type: ConditionType
    status: Truth
    reason: str
    message: str


def dated(
    wanted: Iterable[Condition], before: Sequence[Mapping[str, Any]], generation: int, now: int
) -> list[dict[str, Any]]:
    """`wanted` in order as JSON, with the times of `before` where the status is the same."""
    old = {entry.get("type"): entry for entry in before}
    return [_dated(one, old.get(one.type.value, {}), generation, now) for one in wanted]


def updated(
    changed: Sequence[Condition], before: Sequence[Mapping[str, Any]], generation: int, now: int
) -> list[dict[str, Any]]:
    """`changed` as `dated` gives them, then the conditions of `before` that have other types. One
    whose type is unknown was left by others and goes."""
    others = {one.value for one in ConditionType} - {one.type.value for one in changed}
    kept = [dict(entry) for entry in before if entry.get("type") in others]
    return [*dated(changed, before, generation, now), *kept]


def same_status(wanted: Mapping[str, Any], live: Mapping[str, Any]) -> bool:
    """Whether the live status says `wanted` already; then nothing is written."""
    return bool(ordered(wanted) == ordered(live))


def ordered(value: Any, path: tuple[str, ...] = ()) -> Any:
    """`value` with its map lists in the order of their keys. A list of another kind whose items
    have no such key keeps its order."""
    if isinstance(value, Mapping):
        return {key: ordered(item, (*path, key)) for key, item in value.items()}
    key = _KEYS.get(path)
    if key is not None and isinstance(value, list):
        return sorted(value, key=lambda item: str(item.get(key)))
    return value


def _dated(
    condition: Condition, known: Mapping[str, Any], generation: int, now: int
) -> dict[str, Any]:
    unchanged = known.get("status") == condition.status.value
    since = known.get("lastTransitionTime") if unchanged else ""
    return {
        "type": condition.type.value,
        "status": condition.status.value,
        "observedGeneration": generation,
        "lastTransitionTime": str(since or to_text(now)),
        "reason": str(condition.reason),
        "message": condition.message[:MAX_MESSAGE],
    }
