"""When things are due, through clock changes and over many services."""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim

from anomaly_operator.spec.schedule import (
    inference_cron,
    next_training,
    retry_delay,
    valid_schedule,
)


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def test_training_is_scheduled_in_the_services_zone() -> None:
    due = next_training("0 2 * * *", "Europe/Zagreb", 0, "uid", at("2026-11-22T12:00:00Z"))
    assert due == at("2026-11-23T02:00:00+01:00")


def test_the_spread_moves_each_service_to_a_point_of_its_own() -> None:
    base = at("2026-11-23T02:00:00Z")
    dues = [
        next_training("0 2 * * *", "Etc/UTC", 7200, f"uid-{i}", base - 3600) - base
        for i in range(200)
    ]
    assert all(0 <= due < 7200 for due in dues)
    assert len(set(dues)) > 180


def test_a_service_late_in_the_spread_still_trains_once_a_day() -> None:
    due, seen = at("2026-11-22T00:00:00Z"), []
    for _ in range(5):
        due = next_training("0 23 * * *", "Etc/UTC", 86_400, "uid-7", due)
        seen.append(due)
    assert {later - sooner for sooner, later in itertools.pairwise(seen)} == {86_400}


@pytest.mark.parametrize(
    "zone",
    [
        "Etc/UTC",
        "Europe/Paris",
        "America/New_York",
        "Australia/Lord_Howe",
        "Africa/Casablanca",
        "America/Sao_Paulo",
        "Asia/Kathmandu",
    ],
)
def test_a_daily_training_comes_once_a_local_day_through_clock_changes(zone: str) -> None:
    due, days = at("2026-01-01T00:00:00Z"), []
    while len(days) < 730:
        due = next_training("30 2 * * *", zone, 0, "uid", due)
        days.append(datetime.fromtimestamp(due, ZoneInfo(zone)).date())
    assert all((later - sooner).days == 1 for sooner, later in itertools.pairwise(days))


@pytest.mark.parametrize("minutes", [1, 2, 5, 15, 30, 60, 120, 720, 1440])
def test_inference_fires_once_an_interval_at_a_constant_distance(minutes: int) -> None:
    for number in range(30):
        firings = CronSim(
            inference_cron(minutes * 60, f"uid-{number}"), datetime(2026, 11, 22, tzinfo=UTC)
        )
        times = [next(firings).timestamp() for _ in range(20)]
        gaps = {later - sooner for sooner, later in itertools.pairwise(times)}
        assert gaps == {minutes * 60}


def test_phases_are_spread_over_the_interval() -> None:
    expressions = Counter(inference_cron(300, f"uid-{number}") for number in range(500))
    assert len(expressions) == 5
    assert min(expressions.values()) > 60


def test_retries_double_from_ten_minutes_to_a_day_and_differ_by_service() -> None:
    delays = [retry_delay(failures, "uid") for failures in range(1, 15)]
    assert 600 <= delays[0] < 660
    assert all(1.8 < later / sooner < 2.2 for sooner, later in itertools.pairwise(delays[:7]))
    assert all(86_400 <= delay <= 95_040 for delay in delays[8:])
    assert retry_delay(3, "uid") == retry_delay(3, "uid")
    assert len({retry_delay(3, f"uid-{number}") for number in range(50)}) > 40


@pytest.mark.parametrize("expression", ["0 2 30 2 *", "* * * *", "x", "60 * * * *", ""])
def test_a_schedule_that_never_comes_is_refused(expression: str) -> None:
    assert valid_schedule(expression) != ""
