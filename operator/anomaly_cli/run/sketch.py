"""`--plot`: a curve in the terminal, with the rows that triggers name marked below it. Pure.

A column stands for a stretch of rows and is as high as its largest value, so that no peak is lost.
The first losses of a run are far above all others: what would flatten the rest is cut at the top.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise
from math import isfinite, nan

from detector_runtime.contract.text import decimal

HEIGHT = 8
LABEL = 9
"""Columns of the values on the left."""
_ROOM = 4.0
"""How many times the distance from the lowest value to the 90 % quantile is drawn."""
_EIGHTHS = " ▁▂▃▄▅▆▇█"
_ALERT, _BEST = "^", "*"


def sketch(
    values: Sequence[float], steps: Sequence[int], marks: Collection[int], best: int, width: int
) -> list[str]:
    """The lines, at most `width` columns. `marks`: rows to mark with ^; `best`: the row to mark
    with *, -1 for none. Nothing where no value is finite."""
    columns = max(min(width - LABEL - 1, len(values)), 1)
    heights = [_largest(values, span) for span in _spans(len(values), columns)]
    known = [value for value in heights if isfinite(value)]
    if not known:
        return []
    low = min(value for value in values if isfinite(value))
    high = top_of(known, low)
    told = f"{'>' if high < max(known) else ''}{decimal(high)}"
    out = [
        f"{label:>{LABEL}} {_line(heights, at, low, high)}".rstrip()
        for at, label in _labels(decimal(low), told)
    ]
    below = [" "] * columns
    for row in marks:
        below[_column(row, len(values), columns)] = _ALERT
    if best >= 0:
        below[_column(best, len(values), columns)] = _BEST
    first, last = f"step {steps[0]}", f"{steps[-1]}"
    ends = f"{first}{last:>{max(columns - len(first), len(last) + 1)}}"
    return [*out, f"{'':{LABEL}} {''.join(below)}".rstrip(), f"{'':{LABEL}} {ends}"]


def top_of(values: Sequence[float], low: float) -> float:
    """Up to where finite `values`, of which `low` is the least, are drawn."""
    ordered = sorted(values)
    usual = low + _ROOM * (ordered[len(ordered) * 9 // 10] - low)
    return min(ordered[-1], usual) if usual > low else ordered[-1]


def _spans(rows: int, columns: int) -> list[range]:
    ends = [rows * at // columns for at in range(columns + 1)]
    return [range(*pair) for pair in pairwise(ends)]


def _column(row: int, rows: int, columns: int) -> int:
    """The column whose span holds `row`."""
    return ((row + 1) * columns - 1) // rows


def _largest(values: Sequence[float], span: range) -> float:
    return max((values[row] for row in span if isfinite(values[row])), default=nan)


def _labels(low: str, high: str) -> list[tuple[int, str]]:
    """Lines from the top, the first and the last with its value."""
    ends = {HEIGHT - 1: high, 0: low}
    return [(at, ends.get(at, "")) for at in reversed(range(HEIGHT))]


def _line(heights: Sequence[float], at: int, low: float, high: float) -> str:
    return "".join(_cell(value, at, low, high) for value in heights)


def _cell(value: float, at: int, low: float, high: float) -> str:
    if not isfinite(value):
        return " "
    share = (value - low) / (high - low) if high > low else 0.0
    # The lowest value has a line too: nothing drawn is no value.
    eighths = max(round(share * HEIGHT * 8), 1)
    return _EIGHTHS[min(max(eighths - 8 * at, 0), 8)]
