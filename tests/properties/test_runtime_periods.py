"""Periods over ten years of clocks that are set: each instant has one period, each day is whole."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector_runtime.contract.periods import week_table
from detector_runtime.contract.run_config import PeriodSpec
from detector_runtime.errors import ConfigInvalidError
from detector_runtime.verdict.periods import load_zone, period_lookup
from loopback.settings import ALWAYS, EVERY_DAY, WORK_WEEK

ZONES = (
    "UTC",
    "Europe/Paris",
    "America/New_York",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "America/Sao_Paulo",
    "Asia/Kathmandu",
)
START = int(datetime(2020, 1, 1, tzinfo=UTC).timestamp())
TEN_YEARS = 10 * 366 * 86400


def covers(period: PeriodSpec, local: datetime) -> bool:
    """Whether `period` holds a local time, reckoned from its definition and not from a table."""
    minute = local.hour * 60 + local.minute
    over_midnight = period.end_minute <= period.start_minute
    if not over_midnight:
        inside = period.start_minute <= minute < period.end_minute
        return local.weekday() in period.days and inside
    today = local.weekday() in period.days and minute >= period.start_minute
    yesterday = (local.weekday() - 1) % 7 in period.days
    return today or (yesterday and minute < period.end_minute)


@given(st.integers(0, TEN_YEARS), st.sampled_from(ZONES))
def test_every_instant_has_exactly_the_period_that_its_local_time_says(offset, zone):
    moment = START + offset
    local = datetime.fromtimestamp(moment, ZoneInfo(zone))
    holding = [period for period in WORK_WEEK if covers(period, local)]
    assert [period_lookup(WORK_WEEK, zone)(moment)] == holding


@pytest.mark.parametrize("zone", ZONES)
def test_days_of_23_and_25_hours_are_covered_without_a_hole(zone):
    at = period_lookup(WORK_WEEK, zone)
    clock = ZoneInfo(zone)
    lengths = set()
    for day in range(10 * 366):
        midnight = datetime(2020, 1, 1, tzinfo=clock) + timedelta(days=day)
        begin = int(midnight.timestamp())
        end = int((midnight + timedelta(days=1)).timestamp())
        lengths.add((end - begin) // 60)
        if end - begin != 86400:
            seen = {at(moment).name for moment in range(begin, end, 600)}
            weekend = midnight.weekday() >= 5
            assert ("weekend_day" in seen) is weekend
    assert 1440 in lengths
    if zone == "Europe/Paris":
        assert lengths == {1380, 1440, 1500}
    if zone == "Australia/Lord_Howe":
        assert lengths == {1410, 1440, 1470}


def test_the_hour_that_the_clock_repeats_keeps_its_period_both_times():
    at = period_lookup(WORK_WEEK, "Europe/Paris")
    first = datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Paris"), fold=0)
    second = first.replace(fold=1)
    assert second.timestamp() - first.timestamp() == 3600
    assert at(int(first.timestamp())) == at(int(second.timestamp()))


@pytest.mark.parametrize(
    ("local", "name", "confidence"),
    [
        ("2026-11-23T08:00", "business_hours", 0.9),
        ("2026-11-23T17:59", "business_hours", 0.9),
        ("2026-11-23T18:00", "evening_hours", 0.8),
        ("2026-11-23T22:00", "night_hours", 0.95),
        ("2026-11-24T07:59", "night_hours", 0.95),
        ("2026-11-28T07:59", "night_hours", 0.95),
        ("2026-11-28T08:00", "weekend_day", 0.7),
        ("2026-11-29T22:00", "weekend_night", 0.6),
        ("2026-11-30T07:59", "weekend_night", 0.6),
        ("2026-11-30T08:00", "business_hours", 0.9),
    ],
)
def test_the_working_week_changes_at_its_edges(local, name, confidence):
    moment = datetime.fromisoformat(local).replace(tzinfo=ZoneInfo("Europe/Zagreb"))
    found = period_lookup(WORK_WEEK, "Europe/Zagreb")(int(moment.timestamp()))
    assert (found.name, found.confidence) == (name, confidence)


def test_one_period_may_be_the_whole_week():
    assert set(week_table(ALWAYS)) == set(ALWAYS)


@given(st.integers(0, 1439), st.sets(st.sampled_from(EVERY_DAY), max_size=6))
def test_a_week_with_a_hole_is_refused_with_its_first_minute(start, days):
    period = PeriodSpec("part", tuple(sorted(days)), start, start, 0.9)
    with pytest.raises(ConfigInvalidError, match="belongs to no period"):
        period_lookup((period,), "UTC")


def test_an_overlap_is_refused_with_both_names():
    other = PeriodSpec("lunch", (2,), 12 * 60, 13 * 60, 0.5)
    with pytest.raises(ConfigInvalidError, match=r"Wed 12:00 .*business_hours and lunch"):
        period_lookup((*WORK_WEEK, other), "UTC")


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd", "/etc/passwd", "Europe/"])
def test_a_zone_that_is_none_is_refused_by_name(zone):
    with pytest.raises(ConfigInvalidError, match="timeZone"):
        load_zone(zone)
