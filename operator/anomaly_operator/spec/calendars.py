"""`spec.calendars`: days that differ, from dates, a cron schedule, public holidays or iCalendar.

Pods get them as spans of time, so that no pod needs a calendar library. The spans reach from the
start of the last quarter to the end of the fourth after this one: the longest look-back and a year
ahead. They change at the start of a quarter only, and with them the name of the RunConfig.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import islice
from zoneinfo import ZoneInfo

from cronsim import CronSim

from anomaly_operator.api.fields import Fields
from anomaly_operator.api.reasons import Reason
from anomaly_operator.spec.icalendar_text import events
from anomaly_operator.spec.schedule import valid_schedule
from detector_runtime.contract.run_config import CalendarSpec, Interval
from detector_runtime.contract.vocabulary import DayTreatment

MAX_CALENDARS = 8
MAX_SPANS = 128
"""Spans of one calendar: one a week fits, one a day is what `periods` are for."""
DAY = 86_400
_EPOCH = date(2000, 1, 1)
_YEAR = 2026
"""Any year: whether a country is known does not depend on it."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """Exactly one of `dates`, `cron` with `duration_seconds`, `country`, `i_calendar` is given."""

    name: str
    treat: DayTreatment
    dates: tuple[str, ...] = ()
    cron: str = ""
    duration_seconds: int = 0
    country: str = ""
    subdivision: str = ""
    i_calendar: str = ""


_KINDS = ("dates", "cron", "holidays", "iCalendar")


def parse_calendars(spec: Fields) -> tuple[Calendar, ...]:
    """Raises SpecError."""
    found = tuple(_parse(item) for item in spec.items("calendars"))
    if len(found) > MAX_CALENDARS:
        text = f"has {len(found)} entries, at most {MAX_CALENDARS} are allowed"
        raise spec.refuse("calendars", text, Reason.INVALID_CALENDAR)
    return found


def _parse(item: Fields) -> Calendar:
    given = [key for key in _KINDS if item.has(key)]
    if len(given) != 1:
        text = f"has {len(given)} of dates, cron, holidays and iCalendar; set exactly one of them"
        raise item.refuse("", text, Reason.INVALID_CALENDAR)
    holidays = item.child("holidays")
    calendar = Calendar(
        name=item.text("name"),
        treat=item.choice("treat", DayTreatment.OWN_BASELINE),
        dates=tuple(sorted(item.texts("dates"))),
        cron=item.text("cron"),
        duration_seconds=item.whole_seconds("duration", 0) if item.has("cron") else 0,
        country=holidays.text("country"),
        subdivision=holidays.text("subdivision"),
        i_calendar=item.text("iCalendar"),
    )
    complaint = _complaint(calendar)
    if complaint:
        raise item.refuse(given[0], complaint, Reason.INVALID_CALENDAR)
    return calendar


def _complaint(calendar: Calendar) -> str:
    for text in calendar.dates:
        try:
            date.fromisoformat(text)
        except ValueError:
            return f"{text!r} is not a day; write it as 2026-12-24"
    if calendar.cron:
        return _cron_complaint(calendar)
    if calendar.i_calendar:
        return _icalendar_complaint(calendar.i_calendar)
    return _holiday_complaint(calendar) if not calendar.dates else ""


def _cron_complaint(calendar: Calendar) -> str:
    wrong = valid_schedule(calendar.cron)
    if wrong:
        return f"{calendar.cron!r}: {wrong}"
    if not 3600 <= calendar.duration_seconds <= 31 * DAY:
        return "needs a duration from 1h to 31d"
    begin = datetime.combine(_EPOCH, time(), UTC)
    until = begin + timedelta(days=7 * 92)
    firings = sum(at < until for at in islice(CronSim(calendar.cron, begin), MAX_SPANS + 1))
    if firings > MAX_SPANS:
        return (
            f"{calendar.cron!r} comes more than {MAX_SPANS} times in 21 months; describe what "
            "comes each day with spec.periods"
        )
    return ""


def _icalendar_complaint(text: str) -> str:
    """Too many spans are counted from the start of each event: how many there are later does not
    depend on the day on which somebody looks."""
    try:
        found = events(text)
    except ValueError as error:
        return str(error)
    zone, count = ZoneInfo("UTC"), 0
    for event in found:
        begin = int(event.start.replace(tzinfo=event.start.tzinfo or zone).timestamp())
        count += sum(1 for _ in event.spans(zone, begin, begin + 7 * 92 * DAY))
    if count > MAX_SPANS:
        return (
            f"has {count} spans in 21 months, at most {MAX_SPANS} are allowed; describe what comes "
            "each day with spec.periods"
        )
    return ""


def _holiday_complaint(calendar: Calendar) -> str:
    if not _known_place(calendar):
        where = "-".join(filter(None, (calendar.country, calendar.subdivision)))
        return f"no public holidays are known for {where!r}; write ISO 3166 codes, or list dates"
    found = _holidays(calendar, (_YEAR,))
    return "" if found else f"no public holidays are known for {calendar.country!r}; list dates"


def horizon(now: int, zone: str) -> tuple[int, int]:
    """Unix seconds between which pods are told of calendars; moves with the quarter of `now`."""
    today = datetime.fromtimestamp(now, ZoneInfo(zone)).date()
    quarter = today.year * 4 + (today.month - 1) // 3
    first, last = quarter - 1, quarter + 5
    return _midnight(_quarter_start(first), zone), _midnight(_quarter_start(last), zone)


@lru_cache(maxsize=1024)
def resolved(
    calendars: tuple[Calendar, ...], zone: str, begin: int, end: int
) -> tuple[CalendarSpec, ...]:
    """The spans of each calendar that share any time with begin .. end (unix seconds)."""
    return tuple(
        CalendarSpec(one.name, one.treat, _joined(_spans(one, zone, begin, end), begin, end))
        for one in calendars
    )


def _spans(calendar: Calendar, zone: str, begin: int, end: int) -> Iterator[Interval]:
    if calendar.cron:
        yield from _cron_spans(calendar, zone, begin, end)
        return
    for event in events(calendar.i_calendar) if calendar.i_calendar else ():
        yield from event.spans(ZoneInfo(zone), begin, end)
    days = [date.fromisoformat(text) for text in calendar.dates]
    if calendar.country:
        first, last = (datetime.fromtimestamp(at, ZoneInfo(zone)).year for at in (begin, end))
        days = list(_holidays(calendar, tuple(range(first, last + 1))))
    for day in days:
        yield Interval(_midnight(day, zone), _midnight(day + timedelta(days=1), zone))


def _cron_spans(calendar: Calendar, zone: str, begin: int, end: int) -> Iterator[Interval]:
    days, rest = divmod(calendar.duration_seconds, DAY)
    since = datetime.fromtimestamp(begin - calendar.duration_seconds - DAY, ZoneInfo(zone))
    for start in CronSim(calendar.cron, since):
        if start.timestamp() >= end:
            return
        # By the clock on the wall for whole days, which may have 23 or 25 hours.
        until = start + timedelta(days=days) if days and not rest else start
        stop = int(until.timestamp()) if days and not rest else 0
        yield Interval(
            int(start.timestamp()), stop or int(start.timestamp()) + calendar.duration_seconds
        )


def _joined(spans: Iterator[Interval], begin: int, end: int) -> tuple[Interval, ...]:
    """In order, those that touch as one; none that lies outside."""
    found: list[Interval] = []
    for span in sorted(spans, key=lambda one: (one.start, one.end)):
        if span.end <= begin or span.start >= end:
            continue
        if found and span.start <= found[-1].end:
            found[-1] = Interval(found[-1].start, max(found[-1].end, span.end))
        else:
            found.append(span)
    return tuple(found)


def _known_place(calendar: Calendar) -> bool:
    from holidays import list_supported_countries  # noqa: PLC0415 - as in `_holidays`

    regions = list_supported_countries(include_aliases=True).get(calendar.country)
    return regions is not None and (not calendar.subdivision or calendar.subdivision in regions)


def _holidays(calendar: Calendar, years: tuple[int, ...]) -> tuple[date, ...]:
    """Of a place that is known."""
    # A quarter of a second, which only services with holidays pay.
    from holidays import country_holidays  # noqa: PLC0415

    found = country_holidays(calendar.country, subdiv=calendar.subdivision or None, years=years)
    return tuple(sorted(found))


def _quarter_start(quarter: int) -> date:
    return date(quarter // 4, quarter % 4 * 3 + 1, 1)


def _midnight(day: date, zone: str) -> int:
    return int(datetime.combine(day, time(), ZoneInfo(zone)).timestamp())
