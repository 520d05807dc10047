"""Conditions as values, and how a new set follows from the old one.

`lastTransitionTime` moves only when `status` does, and a message holds no figure that changes by
itself: else every reconcile would write.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from anomaly_operator.api.names import ConditionType
from anomaly_operator.api.reasons import Reason
from anomaly_operator.api.text import to_text

MAX_MESSAGE = 1024


class Truth(StrEnum):
    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"

    @classmethod
    def of(cls, holds: bool) -> Truth:
        return cls.TRUE if holds else cls.FALSE


@dataclass(frozen=True, slots=True)
class Condition:
    type: ConditionType
    status: Truth
    reason: Reason
    message: str


def dated(
    wanted: Iterable[Condition], before: Sequence[Mapping[str, Any]], generation: int, now: int
) -> list[dict[str, Any]]:
    """`wanted` in order as JSON, with the times of `before` where the status is the same."""
    old = {entry.get("type"): entry for entry in before}
    return [
        {
            "type": condition.type.value,
            "status": condition.status.value,
            "observedGeneration": generation,
            "lastTransitionTime": _since(condition, old.get(condition.type.value, {}), now),
            "reason": condition.reason.value,
            "message": condition.message[:MAX_MESSAGE],
        }
        for condition in wanted
    ]


def _since(condition: Condition, known: Mapping[str, Any], now: int) -> str:
    unchanged = known.get("status") == condition.status.value
    return str(known.get("lastTransitionTime") or to_text(now)) if unchanged else to_text(now)
