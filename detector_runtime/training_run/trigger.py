"""What is said about a row: a name, how bad it is, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Tier(StrEnum):
    """How bad it is; `rank` grows with it."""

    INFORMATIONAL = "Informational"
    NORMAL = "Normal"
    WARNING = "Warning"
    CRITICAL = "Critical"

    @property
    def rank(self) -> int:
        return list(Tier).index(self)


class Action(StrEnum):
    """What to do about it."""

    NONE = "None"
    MONITOR = "Monitor"
    INVESTIGATE = "Investigate"
    ROLL_BACK = "RollBack"
    STOP = "Stop"


@dataclass(frozen=True, slots=True)
class Trigger:
    """`kind` is the name without its figure, and what a cooldown counts by; `message` says what was
    found, `advice` the next step."""

    step: int
    kind: str
    name: str
    tier: Tier
    action: Action
    message: str
    advice: str
