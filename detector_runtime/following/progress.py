"""How fast a run goes, when it will end, and whether it still runs.

Times are those of the rows, or of their arrival where a log has none. The clock is only held
against the last row, to see a run that stalls.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from statistics import median

from detector_runtime.contract.training_run import RunState
from detector_runtime.run_log.trainer import TrainerState

PAUSES = 50
MARKS = 30
MARK_SECONDS = 60.0
"""Least distance of two marks, so that the rate of a busy log is that of half an hour."""
OVER = frozenset({RunState.COMPLETED, RunState.FAILED, RunState.ENDED})
"""States in which no row is missing."""


@dataclass(frozen=True, slots=True)
class Patience:
    """A run stalls when no row came for `factor` times its usual pause, and at least `seconds`."""

    factor: float = 10.0
    seconds: float = 600.0


@dataclass(slots=True)
class Pace:
    """`last`: time of the newest row, unix seconds; `pauses`: the last ones between two times that
    differ; `marks`: times and steps by which the rate is told, all since the run last went back."""

    last: float | None = None
    step: int = 0
    pauses: deque[float] = field(default_factory=lambda: deque(maxlen=PAUSES))
    marks: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=MARKS))

    def row(self, time: float, step: int) -> None:
        """One more row; one that is older than the newest (two writers) is not counted."""
        if step < self.step:
            self.marks.clear()
        self.step = step
        if self.last is not None and time <= self.last:
            return
        if self.last is not None:
            self.pauses.append(time - self.last)
        self.last = time
        if not self.marks or time - self.marks[-1][0] >= MARK_SECONDS:
            self.marks.append((time, step))

    def patience(self, patience: Patience) -> float:
        """Seconds without a row from which on the run stalls."""
        usual = median(self.pauses) if self.pauses else 0.0
        return max(patience.factor * usual, patience.seconds)

    def rate(self) -> float | None:
        """Steps a second; None where the rows do not say."""
        if self.last is None or not self.marks:
            return None
        time, step = self.marks[0]
        if self.last <= time or self.step <= step:
            return None
        return (self.step - step) / (self.last - time)

    def end(self, total_steps: int) -> float | None:
        """When step `total_steps` will be reached at this rate, unix seconds."""
        rate = self.rate()
        if rate is None or self.last is None or self.step >= total_steps:
            return None
        return self.last + (total_steps - self.step) / rate


@dataclass(frozen=True, slots=True)
class Sight:
    """What is seen of a run beside its rows. `before`: the state that was told last, None in a
    first run; `came`: whether there are new rows; `until`: the time, unix seconds."""

    trainer: TrainerState
    before: RunState | None
    came: bool
    until: float


def state_of(pace: Pace, patience: Patience, total_steps: int, sight: Sight) -> RunState:
    """The state of the run. A log that is old when it is first seen has ended; one that was seen to
    grow stalls. What is over stays over until a row comes or the trainer runs again."""
    if sight.trainer is TrainerState.FAILED:
        return RunState.FAILED
    # The last step of a log that counts from 0 is one less than their number.
    reached = pace.last is not None and 0 < total_steps <= pace.step + 1
    if sight.trainer is TrainerState.COMPLETED or reached:
        return RunState.COMPLETED
    if sight.trainer is TrainerState.UNKNOWN and sight.before in OVER and not sight.came:
        return sight.before
    if pace.last is None:
        return RunState.WAITING
    quiet = sight.until - pace.last >= pace.patience(patience)
    if sight.trainer is TrainerState.SUSPENDED or not quiet:
        return RunState.RUNNING
    if sight.trainer is TrainerState.RUNNING:
        return RunState.STALLED
    seen = sight.before in {RunState.WAITING, RunState.RUNNING, RunState.STALLED}
    return RunState.STALLED if seen else RunState.ENDED
