"""The days of an RFC 5545 recurrence rule, in time bounded by its span and not by the rule.

A general rule engine walks to the year 9999 for a rule that never matches, and a spec is written by
anybody. Here each period between the first day and the last one asked for is looked at once, which
is at most a few ten thousand days. Rules below a day are refused: what comes several times a day is
no day that differs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby

WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_PARTS = frozenset(
    {"FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "BYMONTH", "BYMONTHDAY", "BYSETPOS", "WKST"}
)
_BY_DAY = re.compile(r"([+-]?[0-9]{1,2})?(MO|TU|WE|TH|FR|SA|SU)")


@dataclass(frozen=True, slots=True)
class Recurrence:
    """`week_days`: (ordinal, weekday 0 = Monday), ordinal 0 = each. `until` is the last day, None
    where there is none; `count` 0 = no limit. `week_start` is a weekday.
    """

    frequency: str
    interval: int = 1
    count: int = 0
    until: date | None = None
    week_days: tuple[tuple[int, int], ...] = ()
    months: tuple[int, ...] = ()
    month_days: tuple[int, ...] = ()
    positions: tuple[int, ...] = ()
    week_start: int = 0

    def days(self, first: date, last: date, since: date) -> Iterator[date]:
        """The days from `first`, where the rule begins, to `last`; those before `since` may be
        missing."""
        last = min(last, self.until) if self.until else last
        told = 0
        begin = self._period_start(first)
        # A rule with a count has to be counted from its beginning.
        walked = begin if self.count else max(begin, self._period_start(since))
        every = (walked + timedelta(days=n) for n in range((self._period_end(last) - walked).days))
        for period, days in groupby(every, lambda day: self._period(day, begin)):
            if period % self.interval:
                continue
            for day in self._chosen([day for day in days if self._matches(day, first)]):
                if first <= day <= last:
                    told += 1
                    yield day
                    if told == self.count:
                        return

    def _period_start(self, day: date) -> date:
        if self.frequency == "WEEKLY":
            return day - timedelta(days=(day.weekday() - self.week_start) % 7)
        if self.frequency == "MONTHLY":
            return day.replace(day=1)
        return day.replace(month=1, day=1) if self.frequency == "YEARLY" else day

    def _period_end(self, day: date) -> date:
        """The day after the period of `day`: a position from the end needs the whole of it."""
        longest = {"DAILY": 1, "WEEKLY": 7, "MONTHLY": 31, "YEARLY": 366}[self.frequency]
        start = self._period_start(day)
        return (
            start + timedelta(days=1)
            if longest == 1
            else self._period_start(start + timedelta(days=longest))
        )

    def _period(self, day: date, begin: date) -> int:
        """How many periods `day` lies after the one that starts at `begin`."""
        days = (day - begin).days
        if self.frequency == "MONTHLY":
            return (day.year - begin.year) * 12 + day.month - begin.month
        if self.frequency == "YEARLY":
            return day.year - begin.year
        return days // 7 if self.frequency == "WEEKLY" else days

    def _chosen(self, days: list[date]) -> Sequence[date]:
        if not self.positions:
            return days
        places = {at - 1 if at > 0 else len(days) + at for at in self.positions}
        return [day for place, day in enumerate(days) if place in places]

    def _matches(self, day: date, first: date) -> bool:
        """Whether the rule names the day; what it leaves open is as in the first one."""
        if self.months and day.month not in self.months:
            return False
        if self.month_days and not {day.day, day.day - _month_length(day) - 1} & {*self.month_days}:
            return False
        if self.week_days:
            return any(self._is_week_day(day, ordinal, name) for ordinal, name in self.week_days)
        if self.month_days or self.frequency == "DAILY":
            return True
        if self.frequency == "WEEKLY":
            return day.weekday() == first.weekday()
        same_month = bool(self.months) or self.frequency == "MONTHLY" or day.month == first.month
        return same_month and day.day == first.day

    def _is_week_day(self, day: date, ordinal: int, name: int) -> bool:
        if day.weekday() != name:
            return False
        if not ordinal:
            return True
        if self.frequency == "YEARLY" and not self.months:
            place, length = day.timetuple().tm_yday, _year_length(day)
        else:
            place, length = day.day, _month_length(day)
        return ordinal in ((place - 1) // 7 + 1, -((length - place) // 7 + 1))


def read_recurrence(rule: Mapping[str, Sequence[object]], until: date | None) -> Recurrence:
    """From the parts of an RRULE; `until` as a day of the event's zone. ValueError for a part that
    is not supported or wrong, with its name."""
    parts = {name.upper(): [str(value).upper() for value in rule[name]] for name in rule}
    unknown = sorted(parts.keys() - _PARTS)
    if unknown:
        raise ValueError(f"RRULE has {unknown[0]}, which is not supported; list the days as RDATE")
    frequency = parts.get("FREQ", [""])[0]
    if frequency not in FREQUENCIES:
        raise ValueError(f"RRULE has FREQ={frequency}; write one of {', '.join(FREQUENCIES)}")
    by_day = [_by_day(text) for text in parts.get("BYDAY", [])]
    if frequency in ("DAILY", "WEEKLY") and any(ordinal for ordinal, _ in by_day):
        raise ValueError(f"RRULE has FREQ={frequency} with a numbered BYDAY; write FREQ=MONTHLY")
    return Recurrence(
        frequency=frequency,
        interval=_number(parts, "INTERVAL", 1, 1000),
        count=_number(parts, "COUNT", 0, 10_000),
        until=until,
        week_days=tuple(by_day),
        months=_numbers(parts, "BYMONTH", 12, negative=False),
        month_days=_numbers(parts, "BYMONTHDAY", 31, negative=True),
        positions=_numbers(parts, "BYSETPOS", 366, negative=True),
        week_start=WEEKDAYS.index(parts.get("WKST", ["MO"])[0]),
    )


def _by_day(text: str) -> tuple[int, int]:
    found = _BY_DAY.fullmatch(text)
    if found is None:
        raise ValueError(f"RRULE has BYDAY={text}; write a weekday such as MO, or 1MO, -1FR")
    return int(found[1] or 0), WEEKDAYS.index(found[2])


def _number(parts: Mapping[str, Sequence[str]], name: str, default: int, most: int) -> int:
    if name not in parts:
        return default
    (found, *_) = _numbers(parts, name, most, negative=False)
    return found


def _numbers(
    parts: Mapping[str, Sequence[str]], name: str, most: int, *, negative: bool
) -> tuple[int, ...]:
    numbers = tuple(int(text) for text in parts.get(name, ()))
    for number in numbers:
        if not 1 <= (abs(number) if negative else number) <= most:
            raise ValueError(f"RRULE has {name}={number}, allowed is 1 to {most}")
    return numbers


def _month_length(day: date) -> int:
    following = day.replace(day=28) + timedelta(days=4)
    return (following - timedelta(days=following.day)).day


def _year_length(day: date) -> int:
    return date(day.year, 12, 31).timetuple().tm_yday
