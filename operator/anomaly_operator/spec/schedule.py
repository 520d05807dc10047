"""When things are due: the training's cron schedule with its spread, and the inference's phase.

Both spread the services of a cluster by a hash of their uid, so that nothing starts in a herd and
a restart changes nothing. Times are unix seconds; the cron expression is read in the service's
zone, the result is an instant.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
HOUR_MINUTES = 60


def valid_schedule(expression: str) -> str:
    """Empty for a cron expression that fires some day, else what is wrong with it."""
    try:
        next(CronSim(expression, _EPOCH))
    except CronSimError as error:
        return f"not a cron schedule ({error}); write five fields such as 0 2 * * *"
    except StopIteration:
        return "this schedule never comes; check day and month"
    return ""


def fraction(*parts: str) -> float:
    """A number in [0, 1) that depends on `parts` alone."""
    digest = hashlib.sha256("\0".join(parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def next_training(expression: str, zone: str, spread_seconds: int, uid: str, after: int) -> int:
    """The first start after `after`: a firing of the schedule plus the service's own part of the
    spread. Firings in the hour that a clock change skips come after it, as cron has them.
    """
    offset = int(fraction(uid, "spread") * spread_seconds)
    start = datetime.fromtimestamp(after - offset, ZoneInfo(zone))
    for firing in CronSim(expression, start):
        due = int(firing.timestamp()) + offset
        if due > after:
            return due
    raise ValueError(f"schedule {expression!r} has no firing after {after}")


def inference_cron(interval_seconds: int, uid: str) -> str:
    """A cron expression (Etc/UTC) that fires each `interval_seconds` at the service's own minute.

    The interval is whole minutes that divide an hour, or whole hours that divide a day.
    """
    minutes = interval_seconds // 60
    if minutes <= 1:
        return "* * * * *"
    phase = int(fraction(uid, "phase") * minutes)
    if minutes < HOUR_MINUTES:
        return f"{_every(phase, minutes, HOUR_MINUTES)} * * * *"
    hours = minutes // HOUR_MINUTES
    hour, minute = divmod(phase, HOUR_MINUTES)
    return f"{minute} {'*' if hours == 1 else _every(hour, hours, 24)} * * *"


def _every(phase: int, period: int, total: int) -> str:
    if period == total:
        return str(phase)
    return f"{phase}-{total - 1}/{period}"


def retry_delay(failures: int, uid: str) -> int:
    """Seconds until the next attempt after `failures` in a row: 10 min doubling up to 24 h, plus up
    to a tenth by the service's uid, so that a thousand services do not come back together.
    """
    base = min(600 * 2 ** min(failures - 1, 12), 86_400)
    return int(base * (1 + 0.1 * fraction(uid, "retry", str(failures))))
