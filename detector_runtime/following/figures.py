"""Numbers of a training run as the API writes them: short decimals, and words for what is none."""

from __future__ import annotations

from math import isinf, isnan

from detector_runtime.contract.text import decimal

DIGITS = 6
LONG = 1e15
"""From here on a decimal would be longer than the API takes; an exponent is shorter."""


def figure(value: float | None) -> str:
    """`0.6234`; `NaN`, `Infinity` and `-Infinity` as trainers write them; empty for None."""
    if value is None:
        return ""
    if isnan(value):
        return "NaN"
    if isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return f"{value:.{DIGITS}g}" if abs(value) >= LONG else decimal(value, DIGITS)
