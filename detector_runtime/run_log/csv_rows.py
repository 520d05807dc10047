"""CSV with a header, as trainers write it: the header again after each start, other columns after
an update, and texts with line breaks in quotes."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Any

from detector_runtime.errors import ConfigInvalidError
from detector_runtime.run_log.file_rows import Found
from detector_runtime.run_log.source import BadLine
from detector_runtime.training_run.rows import ALIASES, STEP

MAX_COLUMNS = 512
MAX_HEADER = 32_768
"""Characters of a header: it is kept between runs."""
MAX_RECORD_LINES = 1000
MAX_RECORD = 1 << 20
"""Characters of a record with line breaks."""


class CsvRows:
    """Lines into fields by the header, which goes on through rotated files. `step_names`: names
    that the column of the step may have; `whole`: a last line without its end is complete."""

    def __init__(self, step_column: str, *, whole: bool) -> None:
        self._step_names = frozenset((step_column, STEP, *ALIASES[STEP]))
        self._whole = whole
        self._header: list[str] | None = None
        self._open: list[str] = []
        self._open_since = 0
        self._open_size = 0

    def begin(self) -> None:
        """A new file begins; the header of the old one holds where it has none."""
        self._open = []

    def keep(self) -> Any:
        """The header, as plain JSON."""
        return self._header

    def resume(self, kept: Any) -> None:
        """What `keep` gave; anything else is no header."""
        if isinstance(kept, list) and kept and all(isinstance(cell, str) for cell in kept):
            self._header = kept

    def take(self, number: int, raw: bytes, ended: bool) -> list[Found] | None:
        """The fields of a line; None where its record waits for its rest. Raises ConfigInvalidError
        for a first header that cannot be used."""
        text = raw.decode("utf-8", "replace").replace("\0", "")
        if not ended and not self._whole:
            return None
        if self._open:
            return self._continued(text, ended)
        cells = _cells(text)
        if cells is None:
            return self._opened(number, text, ended)
        return self._record(number, cells, ended)

    def _opened(self, number: int, text: str, ended: bool) -> list[Found] | None:
        if not ended:
            return None
        self._open, self._open_since, self._open_size = [text], number, len(text)
        return None

    def _continued(self, text: str, ended: bool) -> list[Found] | None:
        since = self._open_since
        alone = _cells(text)
        if alone is not None and self._is_row(alone):
            # The quote was never closed: the line that opened it is bad, this one is not.
            self._open = []
            return [_bad(since, "opens a quote and does not close it"), *self._row(alone)]
        self._open.append(text)
        self._open_size += len(text)
        cells = _cells("".join(self._open)) if '"' in text else None
        if cells is not None:
            self._open = []
            return self._record(since, cells, ended)
        if len(self._open) > MAX_RECORD_LINES or self._open_size > MAX_RECORD:
            self._open = []
            return [_bad(since, "opens a quote and does not close it")]
        return None

    def _record(self, number: int, cells: list[str], ended: bool) -> list[Found] | None:
        if self._header is None:
            self._header = _header(cells)
            return []
        if not any(cells) or cells == self._header:
            return []
        if len(cells) == len(self._header) and not self._step_names.intersection(cells):
            return self._row(cells)
        names = [cell.strip() for cell in cells]
        if self._step_names.intersection(names) and not any(map(_is_number, names)):
            return self._other_header(number, names)
        if not ended:
            return None
        return [_bad(number, f"has {len(cells)} cells, the header {len(self._header)}")]

    def _other_header(self, number: int, names: list[str]) -> list[Found]:
        if names == self._header:
            return []
        try:
            self._header = _header(names)
        except ConfigInvalidError as error:
            return [_bad(number, str(error))]
        return []

    def _is_row(self, cells: list[str]) -> bool:
        if self._header is None or len(cells) != len(self._header) or len(cells) < 2:
            return False
        steps = (cell for name, cell in zip(self._header, cells, strict=True) if name in
                 self._step_names)  # fmt: skip
        return any(cell.strip().isdecimal() for cell in steps)

    def _row(self, cells: list[str]) -> list[Found]:
        return [dict(zip(self._header or [], cells, strict=True))]


def _bad(number: int, reason: str) -> BadLine:
    return BadLine(f"line {number}", reason)


def _cells(text: str) -> list[str] | None:
    """The cells of one record; None where a quote is open at its end."""
    text = text.rstrip("\r\n")
    if '"' not in text:
        return text.split(",")
    asked = False

    def fed() -> Iterator[str]:
        nonlocal asked
        yield from text.splitlines(keepends=True)
        asked = True

    try:
        cells = next(csv.reader(fed()))
    except csv.Error:
        return text.split(",")
    return None if asked else cells


def _header(cells: list[str]) -> list[str]:
    header = [cell.strip() for cell in cells]
    if all(map(_is_number, header)):
        raise ConfigInvalidError(
            "the log begins with numbers; needs a first line with the names of the columns"
        )
    if len(set(header)) < len(header):
        raise ConfigInvalidError("the log has two columns of the same name in its header")
    if len(header) > MAX_COLUMNS or sum(map(len, header)) > MAX_HEADER:
        raise ConfigInvalidError(
            f"the header of the log has {len(header)} columns; needs at most {MAX_COLUMNS}"
        )
    return header


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
