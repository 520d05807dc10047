"""A pod judges the learning rate by the schedule that its run declares."""

from __future__ import annotations

from pathlib import Path

import pytest

from detector_runtime.contract.training_run import DeclaredSchedule, RateSchedule
from pretend.followed_run import START, STEP, FollowedRun

CONSTANT = DeclaredSchedule(RateSchedule.CONSTANT, 3e-4)


@pytest.mark.parametrize(("schedule", "told"), [(None, 0), (CONSTANT, 1)])
def test_a_rate_that_departs_from_its_declaration_is_told(
    tmp_path: Path, schedule: DeclaredSchedule | None, told: int
) -> None:
    followed = FollowedRun(tmp_path, schedule=schedule)
    for at in range(100):
        time = START + at * STEP / 10
        # A step of two thirds is one that schedules make.
        rate = 3e-4 if at < 50 else 2e-4
        followed.log.write(time, step=at, learning_rate=rate, time=time)
    followed.run(START + 10 * STEP)
    assert [one.step for one in followed.report.timeline] == [50] * told
