"""From a file's bytes to a sheet: with or without a header, one table, several, or one row for
each value of each metric.
"""

from __future__ import annotations

import csv

from anomaly_cli.local_time import is_stamp
from anomaly_cli.number_format import is_word
from anomaly_cli.prometheus_export import prometheus_sheet
from anomaly_cli.sheet import Series, Sheet, SheetError, joined
from detector_runtime.sources.csv_text import CSVText, CSVTextError, csv_text, decoded

TIME_NAMES = frozenset(
    {"time", "timestamp", "datetime", "date_time", "date time", "date", "ts", "_time", "@timestamp"}
)
_ROW_NUMBERS = frozenset({"", "index", "id", "row", "no", "no.", "#", "unnamed: 0"})
_SAMPLE_ROWS = 50
_LEAST_TIME = 1e8
"""Numbers from here on (1973 in unix time) stay times where another column is called one."""


def read_sheet(content: bytes, time_column: str | None = None, *, headed: bool = True) -> Sheet:
    """The sheet in a file. Without a header (`headed`) the metrics are called value, or value_1
    and so on. Raises SheetError.
    """
    try:
        text = decoded(content)
        exported = prometheus_sheet(text) if headed else None
        if exported is not None:
            return exported
        read = csv_text(text)
    except CSVTextError as error:
        raise SheetError(str(error)) from error
    if not read.rows:
        raise SheetError("the file is empty")
    blocks = _blocks(read, headed)
    if len(blocks) > 1:
        return _side_by_side(blocks)
    sheet = _time_first(blocks[0], time_column)
    return _long(sheet) or sheet


def _blocks(read: CSVText, headed: bool) -> list[Sheet]:
    """The tables of a file: one, or several below one another, each with a header. A header that
    comes again goes on with its table."""
    rows, lines = read.rows, read.lines
    if not headed:
        width = len(rows[0]) - 1
        names = ["value"] if width == 1 else [f"value_{n}" for n in range(1, width + 1)]
        header = ["time", *names]
    elif is_stamp(rows[0][0]):
        header = _commented_header(read)
    else:
        header, rows, lines = rows[0], rows[1:], lines[1:]
    first = header[0].strip()
    found: dict[tuple[str, ...], Sheet] = {}
    sheet = _block(found, header, read.delimiter)
    for row, line in zip(rows, lines, strict=True):
        if headed and row[0].strip() == first and first and not is_stamp(first):
            sheet = _block(found, row, read.delimiter)
            continue
        width = len(sheet.header)
        if len(row) > width and not any(cell.strip() for cell in row[width:]):
            row = row[:width]  # noqa: PLW2901 - a spreadsheet's empty cells on the right
        if len(row) != width:
            raise SheetError(
                f"line {line} has {len(row)} of {width} cells; put a cell that holds a "
                f"{read.delimiter!r} in quotes"
            )
        sheet.rows.append(row)
        sheet.lines.append(line)
    return [_named_columns(one) for one in found.values()]


def _block(found: dict[tuple[str, ...], Sheet], header: list[str], delimiter: str) -> Sheet:
    names = [name.strip() for name in header]
    return found.setdefault(tuple(names), Sheet(names, [], [], delimiter))


def _commented_header(read: CSVText) -> list[str]:
    row = next(csv.reader([read.comment], delimiter=read.delimiter), [])
    if len(row) == len(read.rows[0]) and not is_stamp(row[0]):
        return row
    raise SheetError(
        f"line {read.lines[0]} has no column names; add a header line such as time,requests, or "
        "give --no-header"
    )


def _named_columns(sheet: Sheet) -> Sheet:
    """Without the columns that a delimiter at each line's end makes."""
    nothing = [
        at
        for at, name in enumerate(sheet.header)
        if at > 0 and not name and not any(row[at].strip() for row in sheet.rows)
    ]
    return _kept(sheet, [at for at in range(len(sheet.header)) if at not in nothing])


def _kept(sheet: Sheet, columns: list[int]) -> Sheet:
    if columns == list(range(len(sheet.header))):
        return sheet
    rows = [[row[at] for at in columns] for row in sheet.rows]
    header = [sheet.header[at] for at in columns]
    return Sheet(header, rows, sheet.lines, sheet.delimiter, sheet.notes)


def _time_first(sheet: Sheet, wanted: str | None) -> Sheet:
    """With the time as first column: the named one, else the first unless it counts rows."""
    header = sheet.header
    lower = [name.lower() for name in header]
    others = list(range(len(header)))
    if wanted is not None:
        if wanted not in header:
            raise SheetError(f"there is no column {wanted!r}; the file has {', '.join(header)}")
        at = header.index(wanted)
    elif lower[:2] == ["date", "time"] and len(header) > 2:
        return _date_and_time(sheet)
    else:
        at = next((at for at, name in enumerate(lower) if name in TIME_NAMES), 0)
        if at and lower[0] not in _ROW_NUMBERS and sheet.rows and _is_time(sheet.rows[0][0]):
            at = 0
    others.remove(at)
    if at and wanted is None and lower[0] in _ROW_NUMBERS:
        others.remove(0)
    if at:
        sheet.notes.append(f"the time is in column {header[at]!r}")
    return _kept(sheet, [at, *others])


def _is_time(cell: str) -> bool:
    """Whether a cell is a time rather than a value: a small number is a value."""
    try:
        return float(cell) >= _LEAST_TIME
    except ValueError:
        return is_stamp(cell)


def _date_and_time(sheet: Sheet) -> Sheet:
    rows = [[f"{row[0].strip()} {row[1].strip()}", *row[2:]] for row in sheet.rows]
    header = [f"{sheet.header[0]} {sheet.header[1]}", *sheet.header[2:]]
    return Sheet(header, rows, sheet.lines, sheet.delimiter, sheet.notes)


def _side_by_side(blocks: list[Sheet]) -> Sheet:
    series = [
        Series(
            name, [(line, row[0], row[at]) for line, row in zip(one.lines, one.rows, strict=True)]
        )
        for one in blocks
        for at, name in enumerate(one.header)
        if at > 0
    ]
    sheet = joined(series, blocks[0].header[0])
    names = ", ".join(one.name for one in series)
    notes = [f"the file has {len(blocks)} tables, joined by their times: {names}"]
    return Sheet(sheet.header, sheet.rows, sheet.lines, blocks[0].delimiter, notes)


def _long(sheet: Sheet) -> Sheet | None:
    """A row for each value, with the metric's name beside it (three columns), as a wide sheet."""
    if len(sheet.header) != 3 or not sheet.rows:
        return None
    sample = sheet.rows[:_SAMPLE_ROWS]
    worded = [all(is_word(row[at]) for row in sample) for at in (1, 2)]
    if sum(worded) != 1:
        return None
    name, value = (1, 2) if worded[0] else (2, 1)
    points: dict[str, list[tuple[int, str, str]]] = {}
    for line, row in zip(sheet.lines, sheet.rows, strict=True):
        points.setdefault(row[name].strip(), []).append((line, row[0], row[value]))
    wide = joined((Series(*one) for one in points.items()), sheet.header[0])
    note = f"column {sheet.header[name]!r} names {len(points)} metrics: {', '.join(points)}"
    return Sheet(wide.header, wide.rows, wide.lines, sheet.delimiter, [*sheet.notes, note])
