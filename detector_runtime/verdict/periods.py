"""Which period of the week an instant belongs to, in the service's time zone.

Every instant belongs to exactly one period, also where a clock is set: an instant has one local
time, and the week's table has one period for each local minute. Hours that the clock repeats
belong to their period twice; hours that it skips never come. Periods are context (wording,
confidence); nothing is detected here. A table with a hole or an overlap is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, tzinfo

from detector_runtime.contract.run_config import PeriodSpec
from detector_runtime.errors import ConfigInvalidError

DAY_MINUTES = 24 * 60
WEEK_MINUTES = 7 * DAY_MINUTES
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_UTC_NAMES = frozenset({"UTC", "Etc/UTC"})


def load_zone(name: str) -> tzinfo:
    """The zone `name` of the IANA data; UTC without loading any."""
    if name in _UTC_NAMES:
        return UTC
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - start-up time; most services use UTC

    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ConfigInvalidError(f"timeZone {name!r} is not in the IANA time zone data") from error


def period_lookup(periods: tuple[PeriodSpec, ...], time_zone: str) -> Callable[[int], PeriodSpec]:
    """From UTC unix seconds to the period in force; ConfigInvalidError for a bad table."""
    table = week_table(periods)
    zone = load_zone(time_zone)

    def at(seconds: int) -> PeriodSpec:
        local = datetime.fromtimestamp(seconds, zone)
        return table[local.weekday() * DAY_MINUTES + local.hour * 60 + local.minute]

    return at


def week_table(periods: tuple[PeriodSpec, ...]) -> tuple[PeriodSpec, ...]:
    """The period of each of the 10,080 minutes of a week, from Monday 00:00."""
    table: list[PeriodSpec | None] = [None] * WEEK_MINUTES
    for period in periods:
        length = (period.end_minute - period.start_minute - 1) % DAY_MINUTES + 1
        for day in period.days:
            first = day * DAY_MINUTES + period.start_minute
            for minute in range(first, first + length):
                _claim(table, minute % WEEK_MINUTES, period)
    whole = tuple(period for period in table if period is not None)
    if len(whole) != WEEK_MINUTES:
        raise ConfigInvalidError(
            f"periods: {_clock(table.index(None))} belongs to no period; they must cover the week"
        )
    return whole


def _claim(table: list[PeriodSpec | None], minute: int, period: PeriodSpec) -> None:
    other = table[minute]
    if other is not None:
        raise ConfigInvalidError(
            f"periods: {_clock(minute)} belongs to both {other.name!r} and {period.name!r}"
        )
    table[minute] = period


def _clock(minute: int) -> str:
    day, rest = divmod(minute, DAY_MINUTES)
    return f"{_DAYS[day]} {rest // 60:02d}:{rest % 60:02d}"
