"""A CSV recording as a frame on a grid. What cannot be read is refused with line and column."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from detector_runtime.errors import one_line
from detector_runtime.series.frame import Floats, Frame, Ints, on_grid
from detector_runtime.sources.csv_file import parse_time, parse_value

Number = TypeVar("Number", int, float)

MIN_STEP, MAX_STEP = 15, 3600
MAX_METRICS = 64
MAX_WINDOWS = 5_000_000
"""Bound of the grid: one wrong year in a timestamp must not take the memory."""
MAX_SHOWN = 80
"""Characters of a cell that a message repeats."""


class RecordingError(ValueError):
    """A file that is not a recording. The message names file, line and column."""


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """`stamps` (k,) input rows as written, in the order of their time, those of one time in the
    file's; `window` (k,) the frame row of each; `labels` (n,) per window, None without a label
    column; `step` seconds, `inferred` if guessed.
    """

    frame: Frame
    stamps: tuple[str, ...]
    window: Ints
    labels: NDArray[np.bool_] | None
    inferred: bool


@dataclass(frozen=True, slots=True)
class _Table:
    """A file's cells; `lines` are the numbers of the rows in the file, blank ones counted."""

    header: list[str]
    rows: list[list[str]]
    lines: list[int]


def read(path: Path, step: int | None, label_column: str | None) -> Recording:
    """First column a timestamp (ISO 8601, UTC where it has no zone, or unix seconds), the others
    metrics; an empty cell is missing. Of several rows in a window the last value counts, and the
    highest label. Raises RecordingError, OSError."""
    table = _table(path)
    header = table.header
    if len(header) < 2:
        raise RecordingError(
            f"{path}: line 1 needs a timestamp and at least one metric, separated by commas"
        )
    if label_column is not None and label_column not in header[1:]:
        raise RecordingError(
            f"{path}: no column {label_column!r}; the file has {', '.join(header[1:])}"
        )
    if len(set(header)) != len(header):
        raise RecordingError(f"{path}: line 1 has a column name twice")
    times = np.array(_cells(path, table, 0, _seconds), dtype=np.int64)
    if len(times) < 2:
        raise RecordingError(f"{path} has {len(times)} rows; a recording needs at least two")
    if times.min() == times.max():
        raise RecordingError(
            f"{path}: column {header[0]!r}: all {len(times)} rows have the time "
            f"{table.rows[0][0]!r}; a recording needs at least two times"
        )
    inferred = step is None
    step = step or infer_step(times)
    columns = {
        name: np.array(_cells(path, table, at, parse_value))
        for at, name in enumerate(header)
        if at > 0
    }
    marks = columns.pop(label_column) if label_column is not None else None
    if not 0 < len(columns) <= MAX_METRICS:
        raise RecordingError(
            f"{path} has {len(columns)} metrics; a recording has 1 to {MAX_METRICS}"
        )
    if (times.max() - times.min()) // step > MAX_WINDOWS:
        raise RecordingError(
            f"{path}: {times.min()} to {times.max()} is more than {MAX_WINDOWS} windows of "
            f"{step} s; check the timestamps"
        )
    # A file may come newest first, but a replay is in time.
    order = np.argsort(times, kind="stable")
    return _laid_out(
        tuple(table.rows[row][0] for row in order.tolist()),
        times[order],
        {name: values[order] for name, values in columns.items()},
        marks=None if marks is None else marks[order],
        step=step,
        inferred=inferred,
    )


def _table(path: Path) -> _Table:
    """The cells of a file in which every row has as many as the header."""
    reader = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        table = _Table(header, [], [])
        for row in reader:
            if not row:
                continue
            if len(row) != len(header):
                raise RecordingError(
                    f"{path}: line {reader.line_num} has {len(row)} of {len(header)} cells"
                )
            table.rows.append(row)
            table.lines.append(reader.line_num)
    except csv.Error as error:
        raise RecordingError(
            f"{path}: line {reader.line_num} is not CSV: {error}; look for a quote that is not "
            "closed"
        ) from error
    return table


def _text(path: Path) -> str:
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # the error counts from behind a mark of the byte order, which holds no line end
        line = content.count(b"\n", 0, error.start) + 1
        raise RecordingError(
            f"{path}: line {line} is not UTF-8 ({error.reason}); save the file as UTF-8"
        ) from error


def _cells(path: Path, table: _Table, column: int, parse: Callable[[str], Number]) -> list[Number]:
    """A column's cells by `parse`, whose ValueError gets the place and the value."""
    found = []
    for row, line in zip(table.rows, table.lines, strict=True):
        try:
            found.append(parse(row[column]))
        except ValueError as error:
            cell, name = one_line(row[column], MAX_SHOWN), table.header[column]
            raise RecordingError(
                f"{path}: line {line}: column {name!r}: {cell!r} {error}"
            ) from error
    return found


def _seconds(cell: str) -> int:
    return parse_time(cell, UTC)


def _laid_out(
    stamps: tuple[str, ...],
    times: Ints,
    columns: dict[str, Floats],
    *,
    marks: Floats | None,
    step: int,
    inferred: bool,
) -> Recording:
    start, end = int(times[0]), int(times[-1])
    samples = {name: (times[np.isfinite(v)], v[np.isfinite(v)]) for name, v in columns.items()}
    frame = on_grid(samples, tuple(columns), start - 1, end + step - 1, step)
    window = -((frame.times[0] - times) // step)
    labels = None
    if marks is not None:
        labels = np.zeros(len(frame), dtype=bool)
        np.logical_or.at(labels, window, np.nan_to_num(marks) > 0)
    return Recording(frame, stamps, window, labels, inferred)


def infer_step(times: Ints) -> int:
    """The median distance of distinct stamps in time order, 15 s to 1 h."""
    gaps = np.diff(np.unique(times))
    return int(np.clip(int(np.median(gaps)), MIN_STEP, MAX_STEP))
