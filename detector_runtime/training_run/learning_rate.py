"""A learning rate that its schedule does not explain: `lr_zscore_40.48`.

Schedules move in few ways: smoothly (warm-up, cosine, linear decay), by a step down from a constant
rate, and back up when a cycle has run down. Anything else is a glitch: a reset in the middle of a
decay, or a crash. A declared schedule explains what follows it, whatever its shape; to depart from
it is a glitch of its own.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from detector_runtime.contract.training_run import DeclaredSchedule
from detector_runtime.training_run.baseline import MOST, z_of_few
from detector_runtime.training_run.schedule import nearest, rate_at
from detector_runtime.training_run.thresholds import Thresholds
from detector_runtime.training_run.trigger import Action, Tier, Trigger
from detector_runtime.training_run.zscores import tier_of

_ADVICE = {
    Tier.NORMAL: (Action.MONITOR, "Monitor; compare it with the schedule."),
    Tier.WARNING: (Action.INVESTIGATE, "Compare it with the schedule; was it changed by hand?"),
    Tier.CRITICAL: (
        Action.INVESTIGATE,
        "Investigate now: a fault of the scheduler or a change by hand.",
    ),
}


@dataclass(slots=True)
class LearningRate:
    """The last rates, the step of the last one, its change for each step, the highest rate there
    was, and whether the run has resumed since. `departed`: rank of the worst tier told since the
    rate last followed its declared schedule."""

    rates: deque[float] = field(default_factory=deque)
    at: int = -1
    slope: float = 0.0
    highest: float = 0.0
    resumed: bool = False
    departed: int = 0

    def step(
        self,
        step: int,
        rate: float,
        thresholds: Thresholds,
        schedule: DeclaredSchedule | None = None,
    ) -> Trigger | None:
        """The trigger of the next rate. Right after a resume a schedule may start anew, but not
        above its highest rate."""
        if step == self.at and not self.resumed and rate == self.rates[-1]:
            return None
        follows, found = self._declared(step, rate, thresholds, schedule)
        gap = max(step - self.at, 1)
        if found is None and not follows and len(self.rates) >= thresholds.schedule_min:
            allowed = (
                rate <= self.highest if self.resumed else self._explained(gap, rate, thresholds)
            )
            found = None if allowed else _glitch(step, rate, self.rates, thresholds)
        if self.resumed:
            self.rates.clear()
            self.resumed = False
        self.slope = (rate - self.rates[-1]) / gap if self.rates else 0.0
        self.at, self.highest = step, max(self.highest, rate)
        self.rates.append(rate)
        if len(self.rates) > thresholds.schedule_rows:
            self.rates.popleft()
        return found

    def _declared(
        self, step: int, rate: float, thresholds: Thresholds, schedule: DeclaredSchedule | None
    ) -> tuple[bool, Trigger | None]:
        """Whether the rate follows a declared schedule, else the trigger of its departure: once,
        and again if its tier is worse. In between it is judged as without a declaration."""
        if schedule is None:
            return False, None
        found = _departure(step, rate, schedule, thresholds)
        if found is None:
            self.departed = 0
            return True, None
        if found.tier.rank <= self.departed:
            return False, None
        self.departed = found.tier.rank
        return False, found

    def _explained(self, gap: int, rate: float, thresholds: Thresholds) -> bool:
        last = self.rates[-1]
        change, expected = rate - last, self.slope * gap
        if self.highest == 0 or abs(change) <= thresholds.smooth_percent / 100 * abs(last):
            return True
        if change * expected > 0 and abs(change) <= thresholds.smooth_growth * abs(expected):
            return True
        constant = set(list(self.rates)[-thresholds.plateau_of_rate :]) == {last}
        if change < 0:
            return constant and rate >= thresholds.step_decay_least * last
        run_down = not constant and last <= thresholds.restart_at * self.highest
        # From rounding to rounding the same peak differs a little.
        return run_down and rate <= 1.001 * self.highest


def _departure(
    step: int, rate: float, schedule: DeclaredSchedule, thresholds: Thresholds
) -> Trigger | None:
    """Of a rate outside the tolerance, which is taken as `z` standard deviations."""
    expected = nearest(schedule, step, rate)
    tolerance = max(
        thresholds.declared_percent / 100 * abs(expected),
        thresholds.declared_of_peak * abs(schedule.peak),
    )
    off = rate - expected
    if abs(off) <= tolerance:
        return None
    z = max(-MOST, min(MOST, thresholds.z * off / tolerance)) if tolerance else MOST
    said = (
        f"learning rate {rate:.6g} departs from the declared schedule, which has "
        f"{rate_at(schedule, step):.6g} at this step"
    )
    return _trigger(step, z, said, thresholds)


def _glitch(step: int, rate: float, rates: deque[float], thresholds: Thresholds) -> Trigger | None:
    z = z_of_few(rate, rates, thresholds.floor_of_level)
    if abs(z) <= thresholds.z:
        return None
    moved = "jumped" if z > 0 else "crashed"
    said = f"learning rate {moved} from {rates[-1]:.6g} to {rate:.6g}, which no schedule does"
    return _trigger(step, z, said, thresholds)


def _trigger(step: int, z: float, message: str, thresholds: Thresholds) -> Trigger:
    tier = tier_of(z, thresholds)
    action, advice = _ADVICE[tier]
    return Trigger(step, "lr_zscore", f"lr_zscore_{z:.2f}", tier, action, message, advice)
