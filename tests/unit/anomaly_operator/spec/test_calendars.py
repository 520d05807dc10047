"""`spec.calendars`: from dates, a cron schedule and public holidays to spans that stay the same."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from anomaly_operator.api.reasons import Reason
from anomaly_operator.spec.calendars import Calendar, horizon, resolved
from anomaly_operator.spec.service_parse import parse_service
from detector_runtime.contract.run_config import Interval
from detector_runtime.contract.vocabulary import DayTreatment
from pretend.cluster import Cluster, serving

ZONE = "Europe/Berlin"
DAY = 86_400
METRICS = [{"name": "rate", "query": "rate"}]


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(ZONE)).timestamp())


def parsed(**calendar: Any) -> tuple[tuple[Calendar, ...], tuple[Any, ...]]:
    entry = {"name": "days", "treat": "Exclude", **calendar}
    spec, problems = parse_service({"metrics": METRICS, "calendars": [entry]})
    return (spec.calendars if spec else ()), problems


def spans(begin: str, end: str, **calendar: Any) -> tuple[Interval, ...]:
    found, problems = parsed(**calendar)
    assert problems == ()
    (only,) = resolved(found, ZONE, at(begin), at(end))
    assert only.treat is DayTreatment.EXCLUDE
    return only.spans


def test_days_that_touch_are_one_span_in_the_services_zone() -> None:
    assert spans("2026-12-01", "2027-01-01", dates=["2026-12-25", "2026-12-24", "2027-05-01"]) == (
        Interval(at("2026-12-24"), at("2026-12-26")),
    )


def test_a_day_of_a_clock_change_has_25_hours() -> None:
    (only,) = spans("2026-10-01", "2026-11-01", cron="0 0 25 10 *", duration="1d")
    assert only == Interval(at("2026-10-25"), at("2026-10-26"))
    assert only.end - only.start == DAY + 3600


def test_a_span_that_began_before_is_there() -> None:
    (only, *_) = spans("2026-06-01T12:00", "2026-06-20", cron="0 22 31 5 *", duration="23h")
    assert only.start == at("2026-05-31T22:00")


def test_public_holidays_of_a_region() -> None:
    country = {"country": "DE"}
    without = spans("2027-01-01", "2027-12-31", holidays=country)
    found = spans("2027-01-01", "2027-12-31", holidays={**country, "subdivision": "BY"})
    epiphany = Interval(at("2027-01-06"), at("2027-01-07"))
    assert epiphany in found
    assert epiphany not in without


@pytest.mark.parametrize(
    ("calendar", "field", "text"),
    [
        ({}, "spec.calendars[0]", "0 of dates, cron, holidays and iCalendar"),
        ({"dates": ["2026-02-31"]}, "spec.calendars[0].dates", "'2026-02-31' is not a day"),
        ({"cron": "0 0 30 2 *", "duration": "1d"}, "spec.calendars[0].cron", "not a cron"),
        ({"cron": "0 0 1 * *"}, "spec.calendars[0].cron", "duration from 1h to 31d"),
        ({"cron": "0 0 * * *", "duration": "1d"}, "spec.calendars[0].cron", "more than 128 times"),
        ({"holidays": {"country": "XX"}}, "spec.calendars[0].holidays", "'XX'"),
    ],
)
def test_what_cannot_be_used_is_named(calendar: dict[str, Any], field: str, text: str) -> None:
    _, (problem,) = parsed(**calendar)
    assert (problem.reason, problem.field) == (Reason.INVALID_CALENDAR, field)
    assert text in problem.message


def test_the_horizon_moves_at_the_start_of_a_quarter_only() -> None:
    begin, end = at("2026-07-01"), at("2028-01-01")
    for day in range(at("2026-10-01"), at("2027-01-01"), DAY // 2):
        assert horizon(day, ZONE) == (begin, end)
        assert begin <= day - 90 * DAY
        assert end >= day + 365 * DAY
    assert horizon(at("2027-01-01"), ZONE) == (at("2026-10-01"), at("2028-04-01"))
    assert horizon(at("2027-01-01") - 1, ZONE) == (begin, end)


def test_another_day_writes_no_other_config_and_trains_nothing() -> None:
    first_days = {"name": "month_start", "cron": "0 0 1 * *", "duration": "1d"}
    cluster = serving(Cluster(), calendars=[{**first_days, "treat": "OwnBaseline"}])
    config = cluster.status()["references"]["config"]
    jobs = len(cluster.jobs())
    cluster.now += 3600
    cluster.detect(scoredThrough="2026-11-18T12:00:00Z")
    cluster.settle()
    assert cluster.status()["references"]["config"] == config
    assert len(cluster.jobs()) == jobs
    cluster.service(calendars=[{**first_days, "treat": "Exclude"}])
    cluster.settle()
    assert len(cluster.jobs()) == jobs + 1
