"""Times and figures as the API writes them: ISO 8601 with `Z`, decimals as short strings."""

from __future__ import annotations

import math
from datetime import UTC, datetime


def iso(seconds: int | float) -> str:
    """Unix seconds -> `2026-11-22T11:40:00Z`."""
    stamp = datetime.fromtimestamp(int(seconds), UTC)
    return stamp.isoformat().replace("+00:00", "Z")


def unix(text: str) -> int:
    """`2026-11-22T11:40:00Z` -> unix seconds, rounded down.

    ValueError, which names the text, for what is no time, has no offset, or lies before 1970.
    """
    try:
        stamp = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text[:40]!r} is not an ISO 8601 time") from error
    if stamp.tzinfo is None:
        raise ValueError(f"{text[:40]!r} names no offset from UTC; append Z")
    seconds = math.floor(stamp.timestamp())
    if seconds < 0:
        raise ValueError(f"{text[:40]!r} lies before 1970")
    return seconds


def decimal(value: float, digits: int = 4) -> str:
    """`value` with at most `digits` significant digits and no exponent; empty when not finite.

    Integers of up to nine digits stay exact: nobody wants to read 12,350 for 12,345.
    """
    if not math.isfinite(value):
        return ""
    if value == int(value) and abs(value) < 1e9:
        return str(int(value))
    places = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:.{min(places, 12)}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in {"-0", ""} else text


def percent(share: float) -> str:
    """0.873 -> `87%`."""
    return f"{round(100 * share)}%" if math.isfinite(share) else ""
