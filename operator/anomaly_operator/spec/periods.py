"""Periods of the week in a spec: the preset, and the user's own, which must cover the week once.

Admission checks the same with CEL; here it is checked again minute by minute, because an object
may be older than the schema, and a minute without a period would be scored without context.
"""

from __future__ import annotations

from anomaly_operator.api.fields import Fields
from anomaly_operator.api.reasons import Reason
from anomaly_operator.spec.service import PeriodPreset
from detector_runtime.contract.periods import DAYS, week_table
from detector_runtime.contract.run_config import PeriodSpec
from detector_runtime.contract.vocabulary import ContractError

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
    try:
        week_table(periods)
    except ContractError as error:
        raise spec.refuse("periods", str(error), Reason.INVALID_PERIODS) from error
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
