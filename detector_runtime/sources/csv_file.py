"""Metrics from a CSV file: the first column is time, the others are metrics.

For recordings and for data that some other job writes. A cell that cannot be read stops the run
with its line, column and value; an empty cell and `null` are holes, `NaN` is undefined, `inf` is
infinite. Rows may be in any order and at any spacing: they are laid on the window grid.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from datetime import datetime, tzinfo
from pathlib import Path

import numpy as np

from detector_runtime.contract.run_config import MetricSpec, SourceSpec
from detector_runtime.errors import (
    NoDataError,
    QueryInvalidError,
    ResponseTooLargeError,
    SourceUnavailableError,
)
from detector_runtime.series.frame import Bools, Floats, Ints, on_grid
from detector_runtime.sources.cell import parse_cell
from detector_runtime.sources.fetched import Fetched

MAX_SECONDS = 1e11
"""Unix seconds from here on (the year 5138) are milliseconds that somebody forgot to divide."""
_SECONDS = re.compile(r"\d+(\.\d*)?(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)


def parse_time(cell: str, zone: tzinfo | None = None) -> int:
    """Unix seconds of a cell in ISO 8601 or unix seconds. `zone`: of a time that names none, which
    is refused without. The ValueError says what was wanted; the caller knows file, line and value.
    """
    text = cell.strip()
    if _SECONDS.fullmatch(text):
        seconds = float(text)
        if seconds >= MAX_SECONDS:
            raise ValueError("is too large for unix seconds; divide milliseconds by 1000")
        return int(seconds)
    iso = "ISO 8601" if zone else "ISO 8601 with a zone (2026-11-22T11:40:00Z)"
    wanted = f"is neither {iso} nor unix seconds"
    try:
        stamp = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(wanted) from None
    if stamp.tzinfo is None:
        if zone is None:
            raise ValueError(wanted)
        stamp = stamp.replace(tzinfo=zone)
    moment = stamp.timestamp()
    if moment < 0:
        raise ValueError(f"{wanted} from 1970 on")
    return int(moment)


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
            with self._path.open(encoding="utf-8-sig", newline="") as file:
                times, values, given, duplicates = self._read(csv.reader(file, strict=True))
        except FileNotFoundError as error:
            raise SourceUnavailableError(
                f"file {self._spec.file!r} is not in the data folder of source {self._spec.name!r}"
            ) from error
        except OSError as error:
            raise SourceUnavailableError(
                f"file {self._spec.file!r}: {(error.strerror or str(error)).lower()}"
            ) from error
        except (csv.Error, UnicodeDecodeError) as error:
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

    def _read(self, rows: Iterator[list[str]]) -> tuple[Ints, Floats, Bools, int]:
        """Times, values and which cells hold one, in the order of time; repeated times."""
        header = next(rows, None)
        if header is None:
            raise NoDataError(f"file {self._spec.file!r} is empty")
        columns = self._columns([name.strip() for name in header])
        stamps: list[int] = []
        lines: list[list[float | None]] = []
        for number, row in enumerate(rows, start=2):
            if not row:
                continue
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

    def _columns(self, header: list[str]) -> list[int]:
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
