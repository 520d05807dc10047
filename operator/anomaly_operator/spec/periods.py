"""Periods of the week: the preset, reading them, and the proof that they cover the week once.

Admission checks the same with CEL; here it is checked again minute by minute, because an object
may be older than the schema, and a minute without a period would score without context.
"""

from __future__ import annotations

from collections.abc import Sequence

from anomaly_operator.api.fields import Fields
from anomaly_operator.api.reasons import Reason
from anomaly_operator.spec.service import PeriodPreset
from detector_runtime.contract.run_config import PeriodSpec

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
DAY_MINUTES = 24 * 60
WEEK_MINUTES = 7 * DAY_MINUTES
DEFAULT_CONFIDENCE = 0.8

_WEEKDAYS = (0, 1, 2, 3, 4)
_WEEKEND = (5, 6)


def _period(
    name: str, days: tuple[int, ...], start: int, end: int, confidence: float
) -> PeriodSpec:
    return PeriodSpec(name, days, start * 60, end * 60, confidence)


PRESETS = {
    # Night ends at 08:00, not at 06:00, so that the five cover the week.
    PeriodPreset.WORK_WEEK: (
        _period("business_hours", _WEEKDAYS, 8, 18, 0.9),
        _period("evening_hours", _WEEKDAYS, 18, 22, 0.8),
        _period("night_hours", _WEEKDAYS, 22, 8, 0.95),
        _period("weekend_day", _WEEKEND, 8, 22, 0.7),
        _period("weekend_night", _WEEKEND, 22, 8, 0.6),
    )
}


def parse_periods(spec: Fields) -> tuple[PeriodSpec, ...]:
    """The periods in force: those of `spec.periods`, else of the preset. Raises SpecError."""
    if not spec.has("periods"):
        preset = spec.choice("periodPreset", PeriodPreset.WORK_WEEK)
        return PRESETS[preset]
    periods = tuple(_parse(item) for item in spec.items("periods"))
    complaint = coverage_problem(periods)
    if complaint:
        raise spec.refuse("periods", complaint, Reason.INVALID_PERIODS)
    return periods


def _parse(item: Fields) -> PeriodSpec:
    days = item.texts("days")
    unknown = [day for day in days if day not in DAYS]
    if unknown or not days:
        shown = repr(unknown[0]) if unknown else "an empty list"
        raise item.refuse("days", f"{shown} is none of {', '.join(DAYS)}", Reason.INVALID_PERIODS)
    confidence = item.share("confidence")
    return PeriodSpec(
        name=item.text("name"),
        days=tuple(sorted({DAYS.index(day) for day in days})),
        start_minute=item.clock("start"),
        end_minute=item.clock("end"),
        confidence=DEFAULT_CONFIDENCE if confidence is None else confidence,
    )


def coverage_problem(periods: Sequence[PeriodSpec]) -> str:
    """Empty when each of the week's 10,080 minutes has one period, else where that fails first."""
    owner: list[str] = [""] * WEEK_MINUTES
    for period in periods:
        for day in period.days:
            start = day * DAY_MINUTES + period.start_minute
            length = (period.end_minute - period.start_minute - 1) % DAY_MINUTES + 1
            for minute in range(start, start + length):
                taken = owner[minute % WEEK_MINUTES]
                if taken:
                    return f"{_moment(minute)} belongs to both {taken} and {period.name}"
                owner[minute % WEEK_MINUTES] = period.name
    if "" in owner:
        return f"{_moment(owner.index(''))} belongs to no period; cover the week's 168 hours once"
    return ""


def _moment(minute: int) -> str:
    day, rest = divmod(minute % WEEK_MINUTES, DAY_MINUTES)
    return f"{DAYS[day]} {rest // 60:02d}:{rest % 60:02d}"
