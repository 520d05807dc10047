"""A schedule moves the rate as it likes; what no schedule does is a glitch."""

from __future__ import annotations

import math
from itertools import chain

import pytest

from detector_runtime.training_run.trigger import Action, Tier
from pretend.training_run import series, triggers

PEAK = 3e-4
WARM_UP = [PEAK * at / 100 for at in range(101)]
COSINE = [PEAK * (1 + math.cos(math.pi * at / 400)) / 2 for at in range(400)]
SCHEDULES = {
    "warm-up and cosine": [*WARM_UP, *COSINE],
    "rate 0, then warm-up": [*[0.0] * 20, *WARM_UP],
    "logged every 50 steps": [*WARM_UP[::50], *COSINE[::50]],
    "linear decay to zero": [*WARM_UP, *(PEAK * (1 - at / 300) for at in range(301))],
    "exponential decay": [PEAK * 0.95**at for at in range(100)],
    "steps of a tenth": [*[PEAK] * 50, *[PEAK / 10] * 50, *[PEAK / 100] * 50],
    "cosine with restarts": COSINE * 3,
    "constant": [PEAK] * 100,
}


@pytest.mark.parametrize("rates", SCHEDULES.values(), ids=SCHEDULES)
def test_a_schedule_is_no_glitch(rates: list[float]) -> None:
    assert triggers(series("learning_rate", rates)) == []


GLITCHES = {
    "above the peak after warm-up": [*WARM_UP, *COSINE[:200], 5 * PEAK],
    "in the middle of a warm-up": [*WARM_UP[:40], PEAK * 3],
    "reset in the middle of a cosine": [*COSINE[:200], PEAK],
    "restart above the first peak": [*COSINE, 2 * PEAK],
    "reset after steps": [*[PEAK] * 50, *[PEAK / 10] * 50, PEAK],
    "step down to a hundredth": [*[PEAK] * 50, PEAK / 100],
    "crash in a smooth decay": [*COSINE[:150], COSINE[150] / 10],
    "jump from a constant": [*[PEAK] * 50, 2 * PEAK],
}


@pytest.mark.parametrize("rates", GLITCHES.values(), ids=GLITCHES)
def test_what_no_schedule_does_is_found_at_its_step(rates: list[float]) -> None:
    (found,) = triggers(series("learning_rate", rates))
    assert (found.step, found.kind) == (len(rates), "lr_zscore")
    assert (found.tier, found.action) == (Tier.CRITICAL, Action.INVESTIGATE)
    assert found.name.startswith("lr_zscore_-") == (rates[-1] < rates[-2])


def test_a_resume_may_warm_up_again_but_not_above_the_peak() -> None:
    before = series("learning_rate", [*WARM_UP, *COSINE[:200]])
    assert triggers(chain(before, series("learning_rate", WARM_UP, start=250))) == []
    (found,) = triggers(chain(before, series("learning_rate", [10 * PEAK], start=250)))
    assert (found.step, found.kind) == (250, "lr_zscore")
