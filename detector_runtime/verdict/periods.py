"""Which period of the week an instant belongs to, in the service's time zone.

Every instant belongs to exactly one period, also where a clock is set: an instant has one local
time, and the week's table has one period for each local minute. Hours that the clock repeats
belong to their period twice; hours that it skips never come. Periods are context (wording,
confidence); nothing is detected here.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, tzinfo

from detector_runtime.contract.periods import DAY_MINUTES, week_table
from detector_runtime.contract.run_config import PeriodSpec
from detector_runtime.contract.vocabulary import ContractError
from detector_runtime.errors import ConfigInvalidError

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
    """From UTC unix seconds to the period in force; ConfigInvalidError for a hole, an overlap or
    an unknown zone."""
    try:
        table = week_table(periods)
    except ContractError as error:
        raise ConfigInvalidError(f"periods: {error}") from error
    zone = load_zone(time_zone)

    def at(seconds: int) -> PeriodSpec:
        local = datetime.fromtimestamp(seconds, zone)
        return table[local.weekday() * DAY_MINUTES + local.hour * 60 + local.minute]

    return at
