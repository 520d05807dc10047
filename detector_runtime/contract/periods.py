"""The week as a table with one period for each local minute: one rule for operator and pods.

The operator refuses a spec whose periods leave a hole or overlap; a pod looks its windows up in the
same table. Nothing here knows time zones or dates.
"""

from __future__ import annotations

from collections.abc import Sequence

from detector_runtime.contract.run_config import PeriodSpec
from detector_runtime.contract.vocabulary import ContractError

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
DAY_MINUTES = 24 * 60
WEEK_MINUTES = 7 * DAY_MINUTES


def week_table(periods: Sequence[PeriodSpec]) -> tuple[PeriodSpec, ...]:
    """The period of each of the week's 10,080 minutes, from Monday 00:00.

    ContractError names the first minute that no period covers, or that two do.
    """
    table: list[PeriodSpec | None] = [None] * WEEK_MINUTES
    for period in periods:
        length = (period.end_minute - period.start_minute - 1) % DAY_MINUTES + 1
        for day in period.days:
            start = day * DAY_MINUTES + period.start_minute
            for minute in range(start, start + length):
                other = table[minute % WEEK_MINUTES]
                if other is not None:
                    both = f"{other.name} and {period.name}"
                    raise ContractError(f"{_moment(minute)} belongs to both {both}")
                table[minute % WEEK_MINUTES] = period
    whole = tuple(period for period in table if period is not None)
    if len(whole) < WEEK_MINUTES:
        first = _moment(table.index(None))
        raise ContractError(f"{first} belongs to no period; cover the week's 168 hours once")
    return whole


def _moment(minute: int) -> str:
    day, rest = divmod(minute % WEEK_MINUTES, DAY_MINUTES)
    return f"{DAYS[day]} {rest // 60:02d}:{rest % 60:02d}"
