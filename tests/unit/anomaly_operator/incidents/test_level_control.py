import pytest

from anomaly_operator.incidents.level_control import DAY, DAYS, MAX_OFFSET, Opened, control
from detector_runtime.contract.vocabulary import Severity

NOW = 20_000 * DAY + 3600
LONG_AGO = NOW - 90 * DAY


def opened(days_ago: float, severity=Severity.MEDIUM, feedback="") -> Opened:
    return Opened(int(NOW - days_ago * DAY), severity, feedback)


def test_a_service_that_keeps_its_promise_is_left_alone():
    weekly = [opened(days) for days in (3, 10, 17, 24)]
    found = control(weekly, 1.0, LONG_AGO, NOW)
    assert found.offset <= 0.25
    assert found.observed == pytest.approx(1.0)


def test_one_that_does_not_gets_a_higher_level_up_to_a_bound():
    daily = [opened(days) for days in range(1, 29)]
    found = control(daily, 1.0, LONG_AGO, NOW)
    assert found.offset == MAX_OFFSET
    assert found.observed == pytest.approx(7.0)


def test_asking_for_more_raises_less():
    daily = [opened(days) for days in range(1, 29)]
    offsets = [control(daily, asked, LONG_AGO, NOW).offset for asked in (1.0, 4.0, 7.0)]
    assert offsets == sorted(offsets, reverse=True)
    assert offsets[-1] == 0.0


def test_the_raise_is_forgotten_as_quiet_days_pass():
    burst = [opened(days) for days in (27, 26, 25, 24)]
    later = [control(burst, 1.0, LONG_AGO, NOW - days * DAY).offset for days in (22, 10, 0)]
    assert later[0] == 1.0 - 0.25
    assert later == sorted(later, reverse=True)
    assert later[-1] == 0.0


def test_incidents_of_today_wait_until_tomorrow():
    today = [Opened(NOW - 60, Severity.MEDIUM), Opened(NOW - 120, Severity.MEDIUM)]
    assert control(today, 0.1, LONG_AGO, NOW).offset == 0.0
    assert control(today, 0.1, LONG_AGO, NOW + DAY).offset == 0.25


def test_one_long_trouble_that_flickers_counts_as_two():
    flicker = [opened(1.2 + x / 100) for x in range(12)]
    assert control(flicker, 1.0, LONG_AGO, NOW).offset == 0.25


def test_what_only_the_object_says_may_come_four_times_as_often():
    every_other_day = [opened(days, Severity.LOW) for days in range(1, 29, 2)]
    found = control(every_other_day, 1.0, LONG_AGO, NOW)
    assert found.offset == 0.0
    assert found.observed == 0.0
    assert control([opened(days) for days in range(1, 29, 2)], 1.0, LONG_AGO, NOW).offset > 1.0


@pytest.mark.parametrize("wanted", [1.0, 4.0])
def test_more_than_that_raises_the_level_too(wanted):
    hourly = [opened(hours / 24, Severity.LOW) for hours in range(28 * 24)]
    assert control(hourly, wanted, LONG_AGO, NOW).offset == MAX_OFFSET


def test_a_false_positive_of_any_severity_is_one_that_people_were_told_of():
    named = [opened(days, Severity.LOW, "FalsePositive") for days in range(1, 29)]
    found = control(named, 1.0, LONG_AGO, NOW)
    assert found.observed == pytest.approx(7.0)
    assert found.offset == MAX_OFFSET


@pytest.mark.parametrize(
    ("severity", "feedback", "counts"),
    [
        (Severity.LOW, "", True),
        (Severity.MEDIUM, "", True),
        (Severity.HIGH, "", False),
        (Severity.CRITICAL, "", False),
        (Severity.CRITICAL, "FalsePositive", True),
        (Severity.LOW, "TruePositive", False),
        (Severity.MEDIUM, "Expected", False),
    ],
)
def test_what_was_probably_real_does_not_count_and_people_have_the_last_word(
    severity, feedback, counts
):
    assert opened(3, severity, feedback).counts is counts


def test_a_new_service_is_measured_over_the_days_that_it_has_lived():
    found = control([opened(1), opened(2)], 1.0, NOW - 4 * DAY, NOW)
    assert found.days == 4
    assert found.observed == pytest.approx(3.5)
    assert control([], 1.0, NOW, NOW).observed == 0.0


def test_nothing_older_than_the_look_back_counts():
    old = [opened(DAYS + 1 + x) for x in range(5)]
    assert control(old, 1.0, LONG_AGO, NOW).offset == 0.0
