"""Reads a training log row by row: JSON lines or CSV, of any size in bounded memory.

A line that cannot be used is counted and skipped, never fatal; one that the trainer has not
finished writing is no bad line.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from anomaly_cli.refusal import InputError
from detector_runtime.training_run.rows import Row, RowError, row_of

MAX_LINE = 1 << 20
"""Characters of a line; a longer one is a bad line."""
MAX_TOLD = 3
"""Bad lines that are told with their reason."""
_BOM = b"\xef\xbb\xbf"


class LogError(InputError):
    """A log of which nothing can be read."""


@dataclass(slots=True)
class Reading:
    """What became of the lines. `reasons` are those of the first bad ones."""

    rows: int = 0
    bad: int = 0
    partial: bool = False
    reasons: list[str] = field(default_factory=list)

    def refuse(self, line: int, reason: str) -> None:
        self.bad += 1
        if len(self.reasons) < MAX_TOLD:
            self.reasons.append(f"line {line} {reason}")


def rows(
    path: Path, columns: Mapping[str, str], ignored: Collection[str], reading: Reading
) -> Iterator[Row]:
    """The rows of the log, one at a time; `columns`: the name in the log of a field. `reading` is
    filled as the rows are taken. Raises LogError after the last line if there was no row; OSError.
    """
    with path.open("rb") as file:
        head = file.read(MAX_LINE)
        file.seek(len(_BOM) if head.startswith(_BOM) else 0)
        start = head.removeprefix(_BOM).lstrip()[:1]
        if start == b"[":
            raise LogError(
                f"{path} is one JSON array; needs one JSON object a line, as jq -c '.[]' prints"
            )
        lines = _json_lines(file, reading) if start == b"{" else _csv_lines(file, path, reading)
        for number, raw in lines:
            try:
                row = row_of(_renamed(raw, columns, ignored))
            except RowError as error:
                reading.refuse(number, str(error))
                continue
            reading.rows += 1
            yield row
    if not reading.rows:
        first = f"; {reading.reasons[0]}" if reading.reasons else ""
        raise LogError(
            f"{path} holds no row with a step{first}; if the step has another name, give --column "
            "step=NAME"
        )


def _renamed(
    raw: Mapping[str, object], columns: Mapping[str, str], ignored: Collection[str]
) -> dict[str, object]:
    found = {name: value for name, value in raw.items() if name not in ignored}
    for name, column in columns.items():
        if column in found:
            found[name] = found.pop(column)
    return found


def _lines(file: BinaryIO, reading: Reading) -> Iterator[tuple[int, str, bool]]:
    """Number, text and whether it is complete of each line that is not too long."""
    number, skipping = 0, False
    while piece := file.readline(MAX_LINE):
        ended = piece.endswith(b"\n")
        long = len(piece) == MAX_LINE and not ended
        if not skipping:
            number += 1
            if long:
                reading.refuse(number, f"is longer than {MAX_LINE:,} characters")
            else:
                yield number, piece.decode("utf-8", "replace"), ended
        skipping = long


def _json_lines(file: BinaryIO, reading: Reading) -> Iterator[tuple[int, dict[str, object]]]:
    for number, line, ended in _lines(file, reading):
        if not line.strip():
            continue
        try:
            raw = json.loads(line)
        except (ValueError, RecursionError):
            if ended:
                reading.refuse(number, "is no JSON")
            else:
                reading.partial = True
            continue
        if isinstance(raw, dict):
            yield number, raw
        else:
            reading.refuse(number, "is no JSON object")


def _csv_lines(
    file: BinaryIO, path: Path, reading: Reading
) -> Iterator[tuple[int, dict[str, object]]]:
    at, complete = 0, True

    def texts() -> Iterator[str]:
        nonlocal at, complete
        for number, line, ended in _lines(file, reading):
            at, complete = number, ended
            yield line

    table = csv.reader(texts())
    header: list[str] | None = None
    while True:
        try:
            cells = next(table)
        except StopIteration:
            return
        except csv.Error as error:
            reading.refuse(at, f"is no CSV: {error}")
            continue
        if header is None:
            header = _header(cells, path)
        elif cells and cells != header:
            if len(cells) == len(header):
                yield at, dict(zip(header, cells, strict=True))
            elif complete:
                reading.refuse(at, f"has {len(cells)} cells, the header {len(header)}")
            else:
                reading.partial = True


def _header(cells: list[str], path: Path) -> list[str]:
    header = [cell.strip() for cell in cells]
    if len(set(header)) < len(header):
        raise LogError(f"{path} has two columns of the same name in its header")
    return header
