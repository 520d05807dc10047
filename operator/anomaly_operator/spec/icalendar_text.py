"""An iCalendar text (RFC 5545) as spans of time: events with their recurrence and exceptions.

The library reads the text; which days a rule gives is `recurrence`'s. Bounded, as anybody writes a
spec: characters, events, exceptions, and the years that are looked at. What is not understood is
refused with its name: a day that is quietly left out would be judged like any other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from anomaly_operator.spec.recurrence import Recurrence, read_recurrence
from detector_runtime.contract.run_config import Interval

MAX_TEXT = 16_384
MAX_EVENTS = 64
MAX_EXCEPTIONS = 512
FIRST_YEAR, LAST_YEAR = 2000, 2100
MAX_LENGTH = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class Event:
    """`start` without a zone where it is floating; `whole_days`: from midnight to midnight in the
    service's zone. `left_out` and `more` are starts, as unix seconds or days (ISO 8601)."""

    start: datetime
    whole_days: bool
    length: timedelta
    rule: Recurrence | None = None
    left_out: frozenset[str] = frozenset()
    more: tuple[date | datetime, ...] = ()

    def spans(self, zone: ZoneInfo, begin: int, end: int) -> Iterator[Interval]:
        """Those that may share time with begin .. end (unix seconds)."""
        own = self.start.tzinfo or zone
        since = datetime.fromtimestamp(begin, UTC).date() - MAX_LENGTH - timedelta(days=1)
        last = datetime.fromtimestamp(end, UTC).date() + timedelta(days=1)
        first = self.start.date()
        days = self.rule.days(first, last, since) if self.rule else iter((first,))
        starts = [datetime.combine(day, self.start.time(), own) for day in days]
        starts += [_moment(extra, own)[0] for extra in self.more]
        for start in starts:
            span = Interval(int(start.timestamp()), self._stop(start))
            if span.end > begin and span.start < end and not self._is_left_out(start):
                yield span

    def _is_left_out(self, start: datetime) -> bool:
        written = start.replace(tzinfo=self.start.tzinfo)
        named = {_key(written, whole_days=False), _key(written, whole_days=True)}
        return bool(named & self.left_out)

    def _stop(self, start: datetime) -> int:
        """Whole days end at midnight, whatever the clock does; the others after their length."""
        if self.whole_days:
            return int((start + self.length).timestamp())
        return int(start.timestamp() + self.length.total_seconds())


@lru_cache(maxsize=256)
def events(text: str) -> tuple[Event, ...]:
    """The events of an iCalendar text. ValueError in words for a person."""
    if len(text) > MAX_TEXT:
        raise ValueError(f"has {len(text)} characters, at most {MAX_TEXT} are allowed")
    # Nearly half a second, which only services with such a calendar pay.
    from icalendar import Calendar  # noqa: PLC0415

    try:
        found: list[Any] = list(Calendar.from_ical(text).walk("VEVENT"))
    except (ValueError, KeyError, IndexError, TypeError, RecursionError) as error:
        raise ValueError(f"is no iCalendar text ({str(error)[:120]})") from error
    if not 1 <= len(found) <= MAX_EVENTS:
        raise ValueError(f"has {len(found)} events, 1 to {MAX_EVENTS} are allowed")
    read = [(_text(one, "UID"), one, _event(one)) for one in found]
    moved: dict[str, set[str]] = {}
    for uid, one, event in read:
        if one.get("RECURRENCE-ID") is not None:
            at, whole = _moment(one["RECURRENCE-ID"].dt, event.start.tzinfo)
            moved.setdefault(uid, set()).add(_key(at, whole_days=whole))
    return tuple(
        event
        if one.get("RECURRENCE-ID") is not None
        else replace(event, left_out=event.left_out | moved.get(uid, set()))
        for uid, one, event in read
        if _text(one, "STATUS").upper() != "CANCELLED"
    )


def _event(one: Any) -> Event:
    if one.errors:
        name, why = one.errors[0]
        raise ValueError(f"{name} of an event is wrong ({str(why)[:120]})")
    if one.get("DTSTART") is None:
        raise ValueError("an event has no DTSTART")
    start, whole = _moment(one["DTSTART"].dt, None)
    if not FIRST_YEAR <= start.year <= LAST_YEAR:
        raise ValueError(f"DTSTART is in {start.year}; write {FIRST_YEAR} to {LAST_YEAR}")
    left_out = list(_dates(one, "EXDATE"))
    more = tuple(_dates(one, "RDATE"))
    if len(left_out) + len(more) > MAX_EXCEPTIONS:
        raise ValueError(f"an event has more than {MAX_EXCEPTIONS} dates in EXDATE and RDATE")
    keys = (_moment(value, start.tzinfo) for value in left_out)
    return Event(
        start=start,
        whole_days=whole,
        length=_length(one, start, whole_days=whole),
        rule=_rule(one, start),
        left_out=frozenset(_key(at, whole_days=day) for at, day in keys),
        more=more,
    )


def _length(one: Any, start: datetime, *, whole_days: bool) -> timedelta:
    if one.get("DURATION") is not None:
        length = one["DURATION"].dt
    elif one.get("DTEND") is not None:
        end, also = _moment(one["DTEND"].dt, start.tzinfo)
        if also is not whole_days or (end.tzinfo is None) is not (start.tzinfo is None):
            raise ValueError("DTSTART and DTEND of an event are of different kinds")
        length = end - start
    elif whole_days:
        length = timedelta(days=1)
    else:
        raise ValueError("an event has a time but neither DTEND nor DURATION")
    if not isinstance(length, timedelta) or not timedelta() < length <= MAX_LENGTH:
        raise ValueError(f"an event lasts {length}, allowed is up to {MAX_LENGTH.days} days")
    return length


def _rule(one: Any, start: datetime) -> Recurrence | None:
    rule = one.get("RRULE")
    if rule is None:
        return None
    if isinstance(rule, list):
        raise ValueError("an event has several RRULE; write several events")
    until = None
    if "UNTIL" in rule:
        last, whole = _moment(rule["UNTIL"][0], None)
        # A rule ends in the zone of its event, though UNTIL is written in UTC.
        local = (
            last
            if whole or last.tzinfo is None or start.tzinfo is None
            else last.astimezone(start.tzinfo)
        )
        until = local.date()
        if not whole and local.time() < start.time():
            until -= timedelta(days=1)
    return read_recurrence(rule, until)


def _dates(one: Any, name: str) -> Iterator[date | datetime]:
    found = one.get(name)
    for entry in found if isinstance(found, list) else [found] if found is not None else []:
        for value in entry.dts:
            if not isinstance(value.dt, date):
                raise ValueError(f"{name} of an event is a period; write its start")
            yield value.dt


def _moment(value: date | datetime, zone: tzinfo | None) -> tuple[datetime, bool]:
    """The start and whether it is a whole day. A time without a zone gets `zone`."""
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=zone)), False
    if not isinstance(value, date):
        raise ValueError("an event has a time that is no date")
    return datetime.combine(value, time(), zone), True


def _key(at: datetime, *, whole_days: bool) -> str:
    """What an exception names: a day as written, or a moment wherever it was written."""
    if whole_days or at.tzinfo is None:
        return at.date().isoformat() if whole_days else at.isoformat()
    return str(int(at.timestamp()))


def _text(one: Any, name: str) -> str:
    return str(one.get(name, ""))
