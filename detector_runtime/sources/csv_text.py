"""The rows of a CSV file as programs really write them.

A spreadsheet starts with a mark of the byte order and a line `sep=;`, or writes UTF-16 with tabs;
other exports have comment lines, semicolons or a carriage return at each line's end. What is in a
cell is not read here.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

DELIMITERS = (",", ";", "\t", "|")
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
_SAMPLE_LINES = 20
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark is its beginning
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ARCHIVES = {b"\x1f\x8b": "gzip", b"PK\x03\x04": "zip or spreadsheet"}


class CSVTextError(ValueError):
    """A file that is no CSV text. `line` is where, 0 for the file as a whole."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line} {reason}" if line else reason)
        self.line = line


@dataclass(frozen=True, slots=True)
class CSVText:
    """`rows`: the cells of each line but blank ones and comments; `lines`: their numbers in the
    file. `comment`: the last comment line before the first row, which may be its header.
    """

    delimiter: str
    rows: list[list[str]]
    lines: list[int]
    comment: str = ""


def decoded(content: bytes) -> str:
    """The text of a file in UTF-8 or in UTF-16. Raises CSVTextError."""
    for start, name in _ARCHIVES.items():
        if content.startswith(start):
            raise CSVTextError(0, f"is a {name} file, not text; unpack or export it as CSV")
    encoding = next(
        (name for mark, name in _BYTE_ORDER_MARKS if content.startswith(mark)), _unmarked(content)
    )
    try:
        return content.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        name = encoding.removesuffix("-sig").upper()
        raise CSVTextError(
            line, f"is not {name} ({error.reason}); save the file as UTF-8"
        ) from error


def csv_text(text: str) -> CSVText:
    """The rows of `text`. The delimiter is the one that a line `sep=` names, or the one that cuts
    the first lines into equally many cells. Raises CSVTextError.
    """
    lines = list(io.StringIO(text, newline=""))
    named = _SEPARATOR_LINE.fullmatch(lines[0].rstrip("\r\n")) if lines else None
    skipped = 1 if named else 0
    delimiter = named.group(1) if named else _delimiter(lines)
    comments: list[str] = []
    reader = csv.reader(_data(lines, skipped, comments), delimiter=delimiter, strict=True)
    rows: list[list[str]] = []
    numbers: list[int] = []
    comment = ""
    try:
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            if not rows and comments:
                comment = comments[-1]
            rows.append(row)
            numbers.append(reader.line_num)
    except csv.Error as error:
        raise CSVTextError(
            reader.line_num, f"is not CSV: {error}; look for a quote that is not closed"
        ) from error
    return CSVText(delimiter, rows, numbers, comment)


def _data(lines: list[str], skipped: int, comments: list[str]) -> Iterator[str]:
    """Every line, so that the reader counts them; what is no data is blank."""
    for number, line in enumerate(lines):
        if number < skipped:
            yield "\n"
        elif line.startswith("#"):
            comments.append(line.strip().lstrip("#").strip())
            yield "\n"
        else:
            yield line


def _unmarked(content: bytes) -> str:
    """UTF-16 of Latin text without a mark has a zero in every other byte."""
    head = content[:1000]
    if len(head) >= 4 and not any(head[1::2]):
        return "utf-16-le"
    if len(head) >= 4 and not any(head[0::2]):
        return "utf-16-be"
    return "utf-8"


def _delimiter(lines: list[str]) -> str:
    sample = [line for line in lines if line.strip() and not line.startswith("#")][:_SAMPLE_LINES]
    widths = {delimiter: _widths(sample, delimiter) for delimiter in DELIMITERS}
    even = [one for one, found in widths.items() if found and found[0] > 1 and len({*found}) == 1]
    # A decimal comma cuts the rows as evenly as a semicolon does, but never the header.
    return max(even or DELIMITERS, key=lambda one: (widths[one] or [0])[0])


def _widths(sample: list[str], delimiter: str) -> list[int]:
    found: list[int] = []
    # What is no CSV is refused where the rows are read, with its line.
    with contextlib.suppress(csv.Error):
        found.extend(len(row) for row in csv.reader(sample, delimiter=delimiter) if row)
    return found
