"""A recording as a sheet of cells: a time, and beside it one column for each metric.

Whatever an export looks like, it becomes this sheet before a cell is read. Cells stay text here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


class SheetError(ValueError):
    """A file that is no sheet. The message names the line and the next step, not the file."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """Every row has as many cells as the header; the first is the time. `lines`: the numbers of
    the rows in the file; `delimiter`: what stood between the cells, empty where nothing did;
    `notes`: what was done to the file's layout.
    """

    header: list[str]
    rows: list[list[str]]
    lines: list[int]
    delimiter: str = ""
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Series:
    """One metric of an export that gives each its own times: line, time and value as text."""

    name: str
    points: list[tuple[int, str, str]]


def joined(series: Iterable[Series], time_name: str) -> Sheet:
    """The series side by side, one row for each time. A time that a series has twice (the hour
    that a clock repeats) gets two rows.
    """
    names: list[str] = []
    rows: dict[tuple[str, int], list[str]] = {}
    lines: dict[tuple[str, int], int] = {}
    found = list(series)
    for column, one in enumerate(found):
        names.append(one.name)
        seen: dict[str, int] = {}
        for line, stamp, value in one.points:
            time = seen[stamp] = seen.get(stamp, -1) + 1
            row = rows.setdefault((stamp, time), [stamp, *[""] * len(found)])
            row[column + 1] = value
            lines.setdefault((stamp, time), line)
    return Sheet([time_name, *names], list(rows.values()), list(lines.values()))
