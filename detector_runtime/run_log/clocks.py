"""Whether a row is due, by the clock of whoever wrote it."""

from __future__ import annotations

MOST_AHEAD = 86_400.0
"""Seconds. What lies farther ahead of the newest complete window has a wrong clock: windows and
delays are far shorter, and such a row would never become due."""


def trusted(time: float, until: float) -> float | None:
    """`time` in unix seconds, None where it lies too far beyond `until` to be true."""
    return time if time - until <= MOST_AHEAD else None


def is_due(time: float, until: float) -> bool:
    """Whether a row of `time` belongs to the windows up to `until`; without a true time it does."""
    stamp = trusted(time, until)
    return stamp is None or stamp < until
