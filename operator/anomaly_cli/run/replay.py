"""What a whole log says: its triggers and its best step."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from detector_runtime.contract.training_run import DeclaredSchedule
from detector_runtime.training_run import watch
from detector_runtime.training_run.rows import Row
from detector_runtime.training_run.thresholds import Thresholds
from detector_runtime.training_run.trigger import Tier, Trigger


@dataclass(frozen=True, slots=True)
class Replayed:
    """`best_loss` is None where no row has a finite loss."""

    triggers: tuple[Trigger, ...]
    resumes: int
    last_step: int
    best_step: int
    best_loss: float | None

    @property
    def alerts(self) -> tuple[Trigger, ...]:
        """Those above Normal."""
        return tuple(one for one in self.triggers if one.tier.rank > Tier.NORMAL.rank)


def replay(
    rows: Iterable[Row], thresholds: Thresholds, schedule: DeclaredSchedule | None = None
) -> Replayed:
    """The triggers of `rows`, in their order."""
    state, found = watch.State(), list[Trigger]()
    for row in rows:
        state, triggers = watch.step(state, row, thresholds, schedule)
        found.extend(triggers)
    best = state.best
    return Replayed(tuple(found), state.resumes, state.step, best.step, best.loss)
