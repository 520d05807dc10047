"""The operator's clocks, in one place, because each answers another question."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def boot_time() -> float:
    """Monotonic seconds that go on while the machine sleeps, for deadlines that others rely on.

    A plain monotonic clock stands still then, and a suspended leader would think itself in time.
    """
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def micro_time(wall: float) -> str:
    """Unix seconds as the API's MicroTime, for people to read."""
    return datetime.fromtimestamp(wall, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
