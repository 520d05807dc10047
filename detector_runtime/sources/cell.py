"""One cell of a CSV file: a number, an undefined value, or nothing.

The difference is kept from here on: nothing was measured, or it was and has no number (0/0).
"""

from __future__ import annotations

import math

_ABSENT = frozenset({"", "null", "na", "n/a", "#n/a", "none", "-"})


def parse_cell(cell: str) -> float | None:
    """None for an empty cell (absent), NaN for `NaN` (undefined), +-inf for `inf`; the ValueError
    says what was wanted."""
    text = cell.strip()
    if text.lower() in _ABSENT:
        return None
    try:
        if "_" in text:  # that 1_000 is a thousand is a rule of Python, not of CSV files
            raise ValueError(text)
        return float(text)
    except ValueError:
        raise ValueError("is no number") from None


def parse_value(cell: str) -> float:
    """As `parse_cell`, for readers to whom absent and undefined are one: NaN."""
    value = parse_cell(cell)
    return math.nan if value is None else value
