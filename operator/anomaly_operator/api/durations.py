"""Durations as Prometheus writes them: `30s`, `5m`, `1h30m`, `30d`; seconds may have a fraction.

The schema of the custom resources admits the same, so a value that reached the operator parses;
a settings file has no schema and gets the message of the error.
"""

from __future__ import annotations

import re

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_DURATION = re.compile(
    r"^(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+)ms)?$"
)
_ORDER = ("w", "d", "h", "m", "s", "ms")


def parse_seconds(text: str) -> float:
    """Seconds of a duration. Raises ValueError with the text and an example."""
    match = _DURATION.match(text)
    if not text or match is None:
        raise ValueError(f"{text!r} is not a duration; write it as 30s, 5m, 1h30m or 30d")
    parts = zip(_ORDER, match.groups(), strict=True)
    return sum(float(number) * _UNITS[unit] for unit, number in parts if number is not None)


def format_seconds(seconds: float) -> str:
    """The shortest exact duration text: 90 -> `1m30s`, 0.5 -> `500ms`. Whole milliseconds only."""
    rest = round(seconds * 1000)
    if rest == 0:
        return "0s"
    text = ""
    for unit in _ORDER[1:]:
        number, rest = divmod(rest, round(_UNITS[unit] * 1000))
        text += f"{number}{unit}" if number else ""
    return text
