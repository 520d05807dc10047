"""Metrics from a CSV file: the first column is time, the others are metrics.

For recordings and for data that some other job writes. A cell that cannot be read stops the run
with its line, column and value; an empty cell and `null` are holes, `NaN` is undefined, `inf` is
infinite. Rows may be in any order and at any spacing: they are laid on the window grid. Decimals
have a point, because a file grows and every run must read it alike.
"""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detector_runtime.contract.run_config import MetricSpec, SourceSpec
from detector_runtime.errors import (
    NoDataError,
    QueryInvalidError,
    ResponseTooLargeError,
    SourceUnavailableError,
)
from detector_runtime.series.frame import Floats, Ints, on_grid
from detector_runtime.sources.cell import parse_cell, parse_value
from detector_runtime.sources.csv_text import CSVText, CSVTextError, csv_text, decoded
from detector_runtime.sources.fetched import Fetched

MAX_SECONDS = 1e11
"""Unix seconds from here on (the year 5138) are a finer unit: each is a thousand times the last."""
_FINER = (1.0, 1e3, 1e6, 1e9)
_SECONDS = re.compile(r"\d+(\.\d*)?(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_ZONE_APART = re.compile(r"\s+(?:(UTC|GMT|Z)|([+-]\d\d:?\d\d)(?: UTC)?)$")


def parse_stamp(cell: str, wanted: str = "ISO 8601") -> int | datetime:
    """Unix seconds of a cell in ISO 8601 with a zone or in unix time (seconds, milli-, micro- or
    nanoseconds by their size); a time without a zone stays one. The ValueError says what is
    `wanted`; the caller knows file, line and value.
    """
    text = cell.strip()
    if _SECONDS.fullmatch(text):
        number = float(text)
        for parts in _FINER:
            if number < MAX_SECONDS * parts:
                return int(number / parts)
        raise ValueError("is too large for unix time; give seconds or milliseconds")
    apart = _ZONE_APART.search(text)
    if apart:
        text = text[: apart.start()] + (apart.group(2) or "Z")
    try:
        stamp = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"is neither {wanted} nor unix seconds") from None
    return stamp if stamp.tzinfo is None else seconds_of(stamp)


def seconds_of(stamp: datetime) -> int:
    """Unix seconds of a time with a zone, rounded down. ValueError before 1970."""
    moment = stamp.timestamp()
    if moment < 0:
        raise ValueError("is before 1970; give a time from 1970 on")
    return int(moment)


def parse_time(cell: str) -> int:
    """Unix seconds of a cell as in `parse_stamp`; a time without a zone is refused."""
    wanted = "ISO 8601 with a zone (2026-11-22T11:40:00Z)"
    stamp = parse_stamp(cell, wanted)
    if isinstance(stamp, datetime):
        raise ValueError(f"is neither {wanted} nor unix seconds")
    return stamp


def is_data(row: list[str]) -> bool:
    """Whether a file's first row is no header: a time, and beside it numbers alone."""
    try:
        parse_stamp(row[0])
        return np.isfinite([parse_value(cell) for cell in row[1:]]).any().item()
    except ValueError:
        return False


class CSVSource:
    """A `Source` on one file below the mounted data folder."""

    def __init__(
        self, spec: SourceSpec, metrics: tuple[MetricSpec, ...], step: int, folder: Path
    ) -> None:
        self._spec = spec
        self._metrics = metrics
        self._step = step
        self._path = folder / spec.file

    def fetch(self, start: int, end: int) -> Fetched:
        """See `Source.fetch`."""
        try:
            if self._path.stat().st_size > self._spec.max_response_bytes:
                raise ResponseTooLargeError(
                    f"file {self._spec.file!r} exceeds {self._spec.max_response_bytes} bytes; "
                    "shorten it or raise maxResponseBytes"
                )
            times, values, given, duplicates = self._read(
                csv_text(decoded(self._path.read_bytes()))
            )
        except FileNotFoundError as error:
            raise SourceUnavailableError(
                f"file {self._spec.file!r} is not in the data folder of source {self._spec.name!r}"
            ) from error
        except OSError as error:
            raise SourceUnavailableError(
                f"file {self._spec.file!r}: {(error.strerror or str(error)).lower()}"
            ) from error
        except CSVTextError as error:
            raise SourceUnavailableError(
                f"file {self._spec.file!r} is no CSV text: {error}"
            ) from error
        names = tuple(metric.name for metric in self._metrics)
        known = given & ((times > start) & (times <= end))[:, None]
        samples = {
            name: (times[known[:, column]], values[known[:, column], column])
            for column, name in enumerate(names)
        }
        return Fetched(
            frame=on_grid(samples, names, start, end, self._step),
            duplicates=dict.fromkeys(names, duplicates),
        )

    def _read(self, text: CSVText) -> tuple[Ints, Floats, NDArray[np.bool_], int]:
        """Times, values and which cells hold one, in the order of time; repeated times."""
        if not text.rows:
            raise NoDataError(f"file {self._spec.file!r} is empty")
        header, *rows = text.rows
        columns = self._columns([name.strip() for name in header], text.lines[0])
        stamps: list[int] = []
        lines: list[list[float | None]] = []
        for number, row in zip(text.lines[1:], rows, strict=True):
            if len(row) != len(header):
                raise QueryInvalidError(
                    f"file {self._spec.file!r} line {number}: {len(row)} cells, the header has "
                    f"{len(header)}"
                )
            stamps.append(self._time(row[0], number, header[0]))
            lines.append([self._value(row[column], number, header[column]) for column in columns])
        times = np.array(stamps, dtype=np.int64)
        values = np.array(lines, dtype=np.float64).reshape(len(lines), len(columns))
        given = np.array([[cell is not None for cell in line] for line in lines], dtype=bool)
        given = given.reshape(values.shape)
        order = np.argsort(times, kind="stable")
        times, values, given = times[order], values[order], given[order]
        last = np.append(times[1:] != times[:-1], True) if len(times) else np.empty(0, bool)
        return times[last], values[last], given[last], int(len(times) - last.sum())

    def _columns(self, header: list[str], line: int) -> list[int]:
        if is_data(header):
            raise QueryInvalidError(
                f"file {self._spec.file!r} line {line} has no column names; add a header line such "
                "as time,requests"
            )
        places = []
        for metric in self._metrics:
            if header[1:].count(metric.query) != 1:
                raise QueryInvalidError(
                    f"metric {metric.name!r}: file {self._spec.file!r} must have one column "
                    f"{metric.query!r}; it has: {', '.join(header[1:9])}"
                )
            places.append(header.index(metric.query, 1))
        return places

    def _time(self, cell: str, line: int, column: str) -> int:
        try:
            return parse_time(cell)
        except ValueError as error:
            raise self._unreadable(cell, line, column, error) from error

    def _value(self, cell: str, line: int, column: str) -> float | None:
        try:
            return parse_cell(cell)
        except ValueError as error:
            raise self._unreadable(cell, line, column, error) from error

    def _unreadable(
        self, cell: str, line: int, column: str, error: ValueError
    ) -> QueryInvalidError:
        where = f"file {self._spec.file!r} line {line} column {column!r}"
        return QueryInvalidError(f"{where}: {cell.strip()!r} {error}")
