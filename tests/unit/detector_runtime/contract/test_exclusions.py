"""What training leaves out, and the cap that the spec, the operator and the pod share."""

from __future__ import annotations

from detector_runtime.commands.train import left_in_training
from detector_runtime.contract.exclusions import covered, exceeds_cap, within_cap
from detector_runtime.contract.run_config import Interval

DAY = 86400


def test_declared_exclusions_and_incidents_are_left_out_within_the_look_back():
    sale = Interval(-DAY, DAY, "sale")
    incident = Interval(5 * DAY, 5 * DAY + 3600)
    chosen = within_cap((sale,), (incident,), 0, 10 * DAY)
    assert chosen.all == (sale, incident)
    assert left_in_training(chosen) == ()


def test_no_more_than_a_fifth_is_left_out_declared_first_and_new_before_old():
    declared = Interval(0, DAY, "declared")
    incidents = tuple(Interval(k * DAY, k * DAY + DAY // 2) for k in range(3, 9))
    chosen = within_cap((declared,), incidents, 0, 10 * DAY)
    assert chosen.all == (declared, incidents[5], incidents[4])
    assert covered(chosen.all) == 2 * DAY
    assert left_in_training(chosen) == (
        "4 exclusions stay in training: together they exceed 20% of the look-back",
    )


def test_a_span_that_does_not_fit_makes_room_for_an_older_and_shorter_one():
    long, short = Interval(5 * DAY, 8 * DAY), Interval(DAY, 2 * DAY)
    chosen = within_cap((), (short, long), 0, 10 * DAY)
    assert chosen.incidents == (short,)
    assert left_in_training(chosen) == (
        "1 exclusion stays in training: together they exceed 20% of the look-back",
    )


def test_overlapping_intervals_count_once():
    assert covered([Interval(0, 10), Interval(5, 15), Interval(20, 30), Interval(22, 25)]) == 25
    assert not exceeds_cap([Interval(0, 2 * DAY), Interval(DAY, 2 * DAY)], 10 * DAY)
    assert exceeds_cap([Interval(0, 2 * DAY), Interval(DAY, 2 * DAY + 1)], 10 * DAY)
