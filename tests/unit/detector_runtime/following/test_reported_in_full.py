"""Which window of a training run the status reports in full: the worst of what is one incident.

Triggers are facts of single rows, so there are quiet windows between them.
"""

from __future__ import annotations

import pytest

from detector_runtime.contract.text import iso
from detector_runtime.contract.vocabulary import Severity
from pretend.followed_run import START, STEP, FollowedRun
from pretend.training_run import noisy

ROWS = 6


@pytest.fixture
def followed(tmp_path) -> FollowedRun:
    """Thirty quiet minutes, of which twenty have been followed."""
    followed = FollowedRun(tmp_path)
    for at, loss in enumerate(noisy(30 * ROWS)):
        time = START + at * STEP / ROWS
        followed.log.write(time, step=10 * (at + 1), loss=loss, time=time)
    followed.run(START + 20 * STEP)
    return followed


def jump(followed: FollowedRun, minute: int) -> None:
    """A loss that is Critical in the window that ends at `minute`."""
    _insert(followed, minute, loss=9.0)


def odd_answer(followed: FollowedRun, minute: int) -> None:
    """A Warning."""
    more = {"prompt": "1 + 1 =", "golden_answer": "2", "model_answer": "2"}
    _insert(followed, minute, loss=2.5, **more)


def _insert(followed: FollowedRun, minute: int, **fields: object) -> None:
    time = START + (minute - 0.5) * STEP
    step = int(10 * (time - START) * ROWS / STEP)
    followed.log.lines.append((time, {"step": step, "time": time, **fields}))
    followed.log.lines.sort(key=lambda line: line[0])


def reported(followed: FollowedRun) -> tuple[str, Severity]:
    found = followed.detection.anomaly
    assert found is not None
    assert found.training_run is not None
    return found.end, found.severity


def at(minute: int) -> str:
    return iso(START + minute * STEP)


def test_the_worst_window_of_a_run_is_reported_across_quiet_ones(followed):
    jump(followed, 21)
    odd_answer(followed, 23)
    followed.run(START + 24 * STEP)
    assert set(followed.found()) == {at(21), at(23)}
    assert reported(followed) == (at(21), Severity.CRITICAL)


def test_it_stays_while_later_runs_find_nothing(followed):
    jump(followed, 21)
    odd_answer(followed, 23)
    followed.run(START + 24 * STEP)
    followed.run(START + 25 * STEP)
    assert reported(followed) == (at(21), Severity.CRITICAL)


def test_what_comes_after_the_grace_of_an_incident_takes_its_place(followed):
    jump(followed, 21)
    odd_answer(followed, 26)
    followed.run(START + 22 * STEP)
    followed.run(START + 27 * STEP)
    assert reported(followed) == (at(26), Severity.MEDIUM)


def test_a_worse_window_right_before_keeps_its_place(followed):
    jump(followed, 21)
    odd_answer(followed, 22)
    followed.run(START + 21 * STEP)
    followed.run(START + 22 * STEP)
    assert reported(followed) == (at(21), Severity.CRITICAL)
