"""What to do at which priority: tiers with an owner, a deadline and an entry.

The tier does not flip: it rises at once, and it falls only when the value is HYSTERESIS points
below where the tier begins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from anomaly_operator.incidents.priority import DEFAULT_WEIGHTS, Part

MAX_TIERS = 6
HYSTERESIS = 5
"""One step of the confidence, the duration and the context together, by the default weights."""


class Entry(StrEnum):
    """What a tier asks for: stop the damage, learn what is normal now, or look at it."""

    CONTAIN = "Contain"
    RETRAIN = "Retrain"
    REVIEW = "Review"


@dataclass(frozen=True, slots=True)
class Tier:
    """`begins`: the lowest value of the tier. `deadline` in seconds, 0 = none: within it somebody
    acknowledges the incident, or it is closed. `text`: the next step, empty = one by the entry.
    """

    name: str
    begins: int
    entry: Entry = Entry.REVIEW
    owner: str = ""
    deadline: int = 0
    text: str = ""


DEFAULT_TIERS = (
    Tier("P1", 70, Entry.CONTAIN, deadline=900),
    Tier("P2", 50, Entry.REVIEW, deadline=3_600),
    Tier("P3", 30, Entry.REVIEW, deadline=86_400),
    Tier("P4", 0, Entry.RETRAIN),
)


@dataclass(frozen=True, slots=True)
class Playbook:
    """`tiers`: the highest first; the last begins at 0. `stated`: they are the policy's own, not
    the default, on which the operator starts nothing.
    """

    weights: Mapping[Part, int] = field(default_factory=lambda: DEFAULT_WEIGHTS)
    tiers: tuple[Tier, ...] = DEFAULT_TIERS
    stated: bool = False

    def tier(self, value: int, before: str = "") -> Tier:
        """The tier for `value`, where the incident was in the tier named `before`."""
        found = self.reached(value)
        held = self.named(before)
        if held is None or found.begins >= held.begins:
            return found
        return held if value > held.begins - HYSTERESIS else found

    def reached(self, value: int) -> Tier:
        """The tier for `value` alone."""
        return next((one for one in self.tiers if value >= one.begins), self.tiers[-1])

    def named(self, name: str) -> Tier | None:
        return next((one for one in self.tiers if one.name == name), None)
