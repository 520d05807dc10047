"""The triggers of a run in the order of its log: counts by kind, and a list that stays bounded.

A list that is full folds its oldest entry into a count: of Normal and Informational ones while
they fill half of it, else of the lowest tier there is. So the worst trigger is never lost.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from detector_runtime.contract.training_run import (
    MAX_KINDS,
    MAX_TIMELINE,
    KindCount,
    RunTrigger,
)
from detector_runtime.errors import one_line
from detector_runtime.following.told import MAX_NAME, rank
from detector_runtime.training_run.trigger import Tier

OTHER = "other"
_NORMAL = Tier.NORMAL.rank


@dataclass(slots=True)
class Timeline:
    """`triggers`: all that there were; `earlier`: those that are no longer in `entries`."""

    entries: list[RunTrigger] = field(default_factory=list)
    earlier: int = 0
    triggers: int = 0
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, trigger: RunTrigger, kind: str) -> None:
        """One more trigger, the newest; `kind` is its name without the figure."""
        self.triggers += 1
        self._count(one_line(kind, MAX_NAME))
        self.entries.append(trigger)
        if len(self.entries) > MAX_TIMELINE:
            del self.entries[self._expendable()]
            self.earlier += 1

    def by_kind(self) -> tuple[KindCount, ...]:
        """The most frequent first, of equals by name."""
        ordered = sorted(self.counts.items(), key=lambda one: (-one[1], one[0]))
        return tuple(KindCount(kind, count) for kind, count in ordered)

    def _count(self, kind: str) -> None:
        known = kind in self.counts or len(self.counts) < MAX_KINDS - 1
        name = kind if known else OTHER
        self.counts[name] = self.counts.get(name, 0) + 1

    def _expendable(self) -> int:
        """Place of the entry to fold."""
        minor = [at for at, one in enumerate(self.entries) if rank(one) <= _NORMAL]
        if len(minor) > MAX_TIMELINE // 2:
            return minor[0]
        # The newest stays, whatever it is: a reader looks for it first.
        major = [at for at, one in enumerate(self.entries[:-1]) if rank(one) > _NORMAL]
        return min(major, key=lambda at: (rank(self.entries[at]), at))
