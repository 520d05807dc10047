"""What only shows over hundreds of rows: a loss that slowly gets worse, or no longer gets better.

Rows are reduced to the medians of blocks, and the level is the median of the last eight of them:
one spike moves neither.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import sqrt
from statistics import median

from detector_runtime.training_run.baseline import Baseline
from detector_runtime.training_run.thresholds import Thresholds
from detector_runtime.training_run.trigger import Action, Tier, Trigger

_MEDIAN = 1.253
"""Standard deviation of a median in that of the mean, for normal noise: sqrt(pi / 2)."""


@dataclass(slots=True)
class SlowChange:
    """The unfinished block, the medians of the last ones, and the best level so far.

    `gained_at` is the step, `gained` the level of the last improvement that ends a plateau, and
    `blocks_since` counts the blocks after it.
    """

    block: list[float] = field(default_factory=list)
    medians: deque[float] = field(default_factory=deque)
    best: float | None = None
    worse: bool = False
    gained: float | None = None
    gained_at: int = 0
    blocks_since: int = 0
    flat: bool = False

    def step(
        self, step: int, loss: float, usual: Baseline, thresholds: Thresholds
    ) -> Iterable[Trigger]:
        """The triggers of the block that this row completes; one for each regression or plateau.
        `usual`: of the losses, which must hold one."""
        self.block.append(loss)
        if len(self.block) < thresholds.block_rows:
            return ()
        return self._end_block(step, usual, thresholds)

    def _end_block(self, step: int, usual: Baseline, thresholds: Thresholds) -> Iterator[Trigger]:
        self.medians.append(median(self.block))
        self.block.clear()
        if len(self.medians) > thresholds.blocks:
            self.medians.popleft()
        if len(self.medians) == thresholds.blocks:
            level = median(self.medians)
            yield from self._regression(step, level, usual.deviation(), thresholds)
            yield from self._plateau(step, level, thresholds)

    def _regression(
        self, step: int, level: float, deviation: float, thresholds: Thresholds
    ) -> Iterator[Trigger]:
        if self.best is None or level < self.best:
            self.best = level
        percent = 100 * (level - self.best) / abs(self.best) if self.best else 0.0
        if percent <= thresholds.regression_over_percent:
            self.worse = False
        if self.worse or percent <= thresholds.regression_percent:
            return
        # A loss around zero has no percentages, as those of reinforcement learning.
        rows = thresholds.block_rows * thresholds.blocks
        noise = _MEDIAN * deviation / sqrt(rows)
        if level - self.best <= thresholds.regression_noise * noise or abs(self.best) < deviation:
            return
        self.worse = True
        yield Trigger(
            step=step,
            kind="slow_regression",
            name=f"slow_regression_{percent:.1f}pct",
            tier=Tier.WARNING,
            action=Action.INVESTIGATE,
            message=f"the median loss of the last {rows} rows, {level:.6g}, is {percent:.1f} % "
            f"above the best {self.best:.6g}",
            advice="Compare with the checkpoint of the best step; go back if it goes on.",
        )

    def _plateau(self, step: int, level: float, thresholds: Thresholds) -> Iterator[Trigger]:
        least = thresholds.plateau_percent / 100
        if self.gained is None or level < self.gained - least * abs(self.gained):
            self.gained, self.gained_at = level, step
            self.blocks_since, self.flat = 0, False
            return
        self.blocks_since += 1
        steps = step - self.gained_at
        if (
            self.flat
            or steps < thresholds.plateau_steps
            or self.blocks_since < thresholds.plateau_blocks
        ):
            return
        self.flat = True
        yield Trigger(
            step=step,
            kind="loss_plateau",
            name=f"loss_plateau_{steps}steps",
            tier=Tier.NORMAL,
            action=Action.MONITOR,
            message=f"the loss improved by less than {thresholds.plateau_percent:g} % since step "
            f"{self.gained_at}",
            advice="Monitor; end the run or lower the learning rate if this is not expected.",
        )
