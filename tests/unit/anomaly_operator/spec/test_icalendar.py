"""`spec.calendars[].iCalendar`: events, recurrence, exceptions (RFC 5545), and hostile texts."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import rrulestr

from anomaly_operator.api.reasons import Reason
from anomaly_operator.spec.calendars import resolved
from anomaly_operator.spec.icalendar_text import MAX_EVENTS, MAX_EXCEPTIONS, MAX_TEXT
from anomaly_operator.spec.recurrence import read_recurrence
from anomaly_operator.spec.service_parse import parse_service

ZONE = "Europe/Berlin"
METRICS = [{"name": "rate", "query": "rate"}]


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(ZONE)).timestamp())


def calendar(*events: str) -> str:
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//x//y//EN"]
    for event in events:
        lines += ["BEGIN:VEVENT", *event.strip().splitlines(), "END:VEVENT"]
    return "\n".join([*lines, "END:VCALENDAR", ""])


def parsed(text: str) -> Any:
    entry = {"name": "days", "treat": "Exclude", "iCalendar": text}
    return parse_service({"metrics": METRICS, "calendars": [entry]})


def spans(text: str, begin: str, end: str) -> list[tuple[str, str]]:
    """Start and end of each span, as local times."""
    spec, problems = parsed(text)
    assert problems == ()
    (found,) = resolved(spec.calendars, ZONE, at(begin), at(end))
    return [tuple(map(_local, (one.start, one.end))) for one in found.spans]  # type: ignore[misc]


def _local(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, ZoneInfo(ZONE)).strftime("%Y-%m-%dT%H:%M")


def refused(text: str) -> str:
    _, problems = parsed(text)
    (problem,) = problems
    assert problem.reason is Reason.INVALID_CALENDAR
    assert problem.field == "spec.calendars[0].iCalendar"
    return str(problem.message)


def test_a_whole_day_lasts_from_midnight_to_midnight_of_the_services_zone() -> None:
    text = calendar("DTSTART;VALUE=DATE:20261224\nDTEND;VALUE=DATE:20261227")
    assert spans(text, "2026-12-01", "2027-01-01") == [("2026-12-24T00:00", "2026-12-27T00:00")]
    text = calendar("DTSTART;VALUE=DATE:20261025")
    assert spans(text, "2026-10-01", "2026-11-01") == [("2026-10-25T00:00", "2026-10-26T00:00")]


@pytest.mark.parametrize(
    ("start", "shown"),
    [
        ("DTSTART:20260706T080000", "2026-07-06T08:00"),
        ("DTSTART:20260706T080000Z", "2026-07-06T10:00"),
        ("DTSTART;TZID=America/New_York:20260706T080000", "2026-07-06T14:00"),
    ],
    ids=["floating", "utc", "zone"],
)
def test_a_time_is_read_in_its_zone_or_the_services(start: str, shown: str) -> None:
    text = calendar(f"{start}\nDURATION:PT4H")
    (span,) = spans(text, "2026-07-01", "2026-08-01")
    assert span[0] == shown


def test_a_rule_with_exceptions_and_additions() -> None:
    text = calendar(
        """UID:1
DTSTART;TZID=Europe/Berlin:20260105T080000
DTEND;TZID=Europe/Berlin:20260105T120000
RRULE:FREQ=WEEKLY;BYDAY=MO,TH;UNTIL=20260122T070000Z
EXDATE;TZID=Europe/Berlin:20260108T080000,20260112T080000
RDATE;TZID=Europe/Berlin:20260201T080000"""
    )
    found = [start for start, _ in spans(text, "2026-01-01", "2026-03-01")]
    days = ["2026-01-05", "2026-01-15", "2026-01-19", "2026-01-22", "2026-02-01"]
    assert found == [f"{day}T08:00" for day in days]


def test_a_floating_exception_leaves_its_day_out() -> None:
    text = calendar("DTSTART:20260105T080000\nDURATION:PT1H\nRRULE:FREQ=WEEKLY;COUNT=3\n"
                    "EXDATE:20260112T080000")  # fmt: skip
    found = [start for start, _ in spans(text, "2026-01-01", "2026-03-01")]
    assert found == ["2026-01-05T08:00", "2026-01-19T08:00"]


def test_a_moved_occurrence_replaces_its_own_and_a_cancelled_one_goes() -> None:
    rule = "UID:1\nDTSTART;VALUE=DATE:20260101\nRRULE:FREQ=MONTHLY;COUNT=3"
    moved = "UID:1\nRECURRENCE-ID;VALUE=DATE:20260201\nDTSTART;VALUE=DATE:20260203"
    gone = "UID:1\nRECURRENCE-ID;VALUE=DATE:20260301\nDTSTART;VALUE=DATE:20260301\nSTATUS:CANCELLED"
    found = [
        start[:10] for start, _ in spans(calendar(rule, moved, gone), "2026-01-01", "2026-06-01")
    ]
    assert found == ["2026-01-01", "2026-02-03"]


RULES = [
    "FREQ=DAILY;INTERVAL=9",
    "FREQ=DAILY;INTERVAL=3;BYMONTH=2,11;BYDAY=MO,SU",
    "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,SA;WKST=SU",
    "FREQ=WEEKLY;COUNT=7",
    "FREQ=MONTHLY;BYMONTHDAY=31",
    "FREQ=MONTHLY;BYMONTHDAY=-1",
    "FREQ=MONTHLY;BYDAY=1MO,-1FR",
    "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
    "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13",
    "FREQ=MONTHLY;INTERVAL=3",
    "FREQ=YEARLY",
    "FREQ=YEARLY;BYMONTH=11;BYDAY=4TH",
    "FREQ=YEARLY;BYDAY=20MO,-1SU",
    "FREQ=YEARLY;INTERVAL=4;BYMONTH=2;BYMONTHDAY=29",
    "FREQ=YEARLY;BYMONTH=3,9;BYMONTHDAY=1,-1;COUNT=9",
]


@pytest.mark.parametrize("text", RULES)
@pytest.mark.parametrize("first", [date(2024, 2, 29), date(2025, 1, 31), date(2025, 6, 4)])
def test_the_days_of_a_rule_are_those_of_a_general_engine(text: str, first: date) -> None:
    start = datetime.combine(first, time())
    last = datetime.combine(date(2028, 12, 31), time())
    wanted = [one.date() for one in rrulestr(text, dtstart=start).between(start, last, inc=True)]
    rule = dict(part.split("=") for part in text.split(";"))
    found = read_recurrence({key: value.split(",") for key, value in rule.items()}, None)
    assert list(found.days(first, last.date(), first)) == wanted
    since = date(2027, 5, 5)
    late = [day for day in found.days(first, last.date(), since) if day >= since]
    assert late == [day for day in wanted if day >= since]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("junk", "is no iCalendar text"),
        (calendar(), "has 0 events, 1 to 64 are allowed"),
        (calendar(*["DTSTART;VALUE=DATE:20260101"] * (MAX_EVENTS + 1)), "has 65 events"),
        ("x" * (MAX_TEXT + 1), "at most 16384 are allowed"),
        (calendar("SUMMARY:x"), "an event has no DTSTART"),
        (calendar("DTSTART:99999999T99"), "DTSTART of an event is wrong"),
        (calendar("DTSTART:19000101T000000\nDURATION:PT1H"), "DTSTART is in 1900"),
        (calendar("DTSTART:20260101T000000"), "neither DTEND nor DURATION"),
        (calendar("DTSTART:20260101T000000\nDURATION:-PT1H"), "an event lasts"),
        (calendar("DTSTART;VALUE=DATE:20260101\nDURATION:P40D"), "allowed is up to 31 days"),
        (calendar("DTSTART;VALUE=DATE:20260101\nDTEND:20260102T000000Z"), "different kinds"),
        (calendar("DTSTART;VALUE=DATE:20260101\nRRULE:FREQ=HOURLY"), "FREQ=HOURLY; write one of"),
        (calendar("DTSTART;VALUE=DATE:20260101\nRRULE:FREQ=DAILY"), "describe what comes each day"),
        (
            calendar("DTSTART;VALUE=DATE:20260101\nRRULE:FREQ=YEARLY;BYWEEKNO=3"),
            "BYWEEKNO, which is not supported",
        ),
        (calendar("DTSTART;VALUE=DATE:20260101\nRRULE:FREQ=DAILY;BYDAY=2MO"), "numbered BYDAY"),
        (calendar("DTSTART;VALUE=DATE:20260101\nRRULE:FREQ=DAILY;INTERVAL=0"), "INTERVAL=0"),
        (
            calendar(
                "DTSTART;VALUE=DATE:20260101\nEXDATE;VALUE=DATE:"
                + ",".join(["20260101"] * (MAX_EXCEPTIONS + 1))
            ),
            "more than 512 dates",
        ),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_name(text: str, said: str) -> None:
    assert said in refused(text)


@pytest.mark.parametrize(
    "rule",
    ["FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "FREQ=DAILY;INTERVAL=7;BYDAY=TU;COUNT=1000"],
)
def test_a_rule_that_never_matches_ends(rule: str) -> None:
    """A general engine looks for a match until the year 9999."""
    text = calendar(f"DTSTART;VALUE=DATE:20000103\nRRULE:{rule}")
    assert spans(text, "2026-01-01", "2027-01-01") == []
