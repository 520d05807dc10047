"""A recording as a frame on a grid. What cannot be read is refused with file, line and column."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from anomaly_cli.layouts import read_sheet
from anomaly_cli.local_time import UTC, TimeError, Times, moment, read_times
from anomaly_cli.number_format import (
    Column,
    DecimalMark,
    FormatError,
    UnitRead,
    decimal_mark,
    read_column,
)
from anomaly_cli.reading_notes import repeat_notes, unit_notes, zone_notes, zone_warnings
from anomaly_cli.refusal import InputError
from anomaly_cli.sampling import MAX_STEP, Sampling, SamplingError, sampled
from anomaly_cli.sheet import Sheet, SheetError
from anomaly_operator.api.durations import format_seconds
from detector_runtime.errors import one_line
from detector_runtime.series.frame import Floats, Frame, Ints, on_grid

MAX_METRICS = 64
MAX_WINDOWS = 5_000_000
"""Bound of the grid: one wrong year in a timestamp must not take the memory."""
MAX_SHOWN = 80
"""Characters of a cell that a message repeats."""


class RecordingError(InputError):
    """A file that is not a recording. The message names file, line and column."""


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """`zone`: of times that name none, `zone_from` says who named it (empty: nobody did, it is
    assumed); `headed`: whether the first row names the columns; `time_column`: None to find it
    out, as `decimal`, the decimal mark.
    """

    zone: ZoneInfo = UTC
    zone_from: str = ""
    headed: bool = True
    time_column: str | None = None
    decimal: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """`stamps` (k,) input rows as written, in the order of their time, those of one time in the
    file's; `window` (k,) the frame row of each; `labels` (n,) per window, None without a label
    column; `zone` in which its times are shown; `units` of the columns whose cells had one;
    `notes` say how the file was read, `warnings` what may be wrong with that.
    """

    frame: Frame
    stamps: tuple[str, ...]
    window: Ints
    labels: NDArray[np.bool_] | None
    sampling: Sampling
    zone: ZoneInfo
    units: dict[str, UnitRead]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def inferred(self) -> bool:
        return self.sampling.inferred


def read(
    path: Path,
    step: int | None,
    label_column: str | None,
    options: ReadOptions = ReadOptions(),
) -> Recording:
    """The recording in a file: a time and metrics; an empty cell is absent, `NaN` undefined. `step`
    seconds, None to infer it. Of several rows in a window the last value counts, and the highest
    label. Raises RecordingError, OSError."""
    return read_content(path.read_bytes(), path, step, label_column, options)


def read_content(
    content: bytes,
    path: Path,
    step: int | None,
    label_column: str | None,
    options: ReadOptions = ReadOptions(),
) -> Recording:
    """As `read`, of the content of a file that messages call `path`. Raises RecordingError."""
    try:
        sheet = read_sheet(content, options.time_column, headed=options.headed)
        return _read(path, sheet, step, label_column, options)
    except (SheetError, SamplingError) as error:
        raise RecordingError(f"{path}: {error}") from error


def _read(
    path: Path, sheet: Sheet, step: int | None, label_column: str | None, options: ReadOptions
) -> Recording:
    _check_header(path, sheet, label_column)
    times = _times(path, sheet, options.zone)
    first, last = int(times.seconds.min()), int(times.seconds.max())
    _check_length(path, first, last, step or MAX_STEP)
    sampling = sampled(times.seconds, step)
    _check_length(path, first, last, sampling.step)
    read_columns = _columns(path, sheet, options.decimal)
    columns = dict(read_columns)
    marks = columns.pop(label_column).values if label_column is not None else None
    if not 0 < len(columns) <= MAX_METRICS:
        raise RecordingError(
            f"{path} has {len(columns)} metrics; a recording has 1 to {MAX_METRICS}"
        )
    units = {name: one.unit for name, one in read_columns.items() if one.unit is not None}
    # A file may come newest first, but a replay is in time.
    order = np.argsort(times.seconds, kind="stable")
    frame, window, labels = _laid_out(
        times.seconds[order],
        {name: (one.values[order], one.given[order]) for name, one in columns.items()},
        marks=None if marks is None else marks[order],
        step=sampling.step,
    )
    return Recording(
        frame,
        tuple(sheet.rows[row][0] for row in order.tolist()),
        window,
        labels,
        sampling,
        options.zone if times.local else UTC,
        units,
        (
            *sheet.notes,
            *unit_notes(read_columns),
            *zone_notes(times, options.zone, options.zone_from),
            *repeat_notes(times.seconds, columns),
        ),
        (*zone_warnings(times, options.zone, options.zone_from), *sampling.warnings),
    )


def _check_length(path: Path, first: int, last: int, step: int) -> None:
    if (last - first) // step > MAX_WINDOWS:
        raise RecordingError(
            f"{path}: {moment(first, UTC)} to {moment(last, UTC)} is more than {MAX_WINDOWS} "
            f"windows of {format_seconds(step)}; check the timestamps"
        )


def _check_header(path: Path, sheet: Sheet, labels: str | None) -> None:
    header = sheet.header
    if len(header) < 2:
        raise RecordingError(
            f"{path}: line 1 needs a timestamp and at least one metric, separated by commas, "
            "semicolons or tabs"
        )
    if labels is not None and labels not in header[1:]:
        raise RecordingError(f"{path}: no column {labels!r}; the file has {', '.join(header[1:])}")
    twice = next((name for name in header if header.count(name) > 1), None)
    if twice is not None:
        raise RecordingError(
            f"{path}: line 1 has the column name {twice!r} twice; give each column its own name"
        )


def _times(path: Path, sheet: Sheet, zone: ZoneInfo) -> Times:
    cells = [row[0] for row in sheet.rows]
    try:
        times = read_times(cells, zone)
    except TimeError as error:
        raise _unreadable(path, sheet, error.row, 0, error) from error
    if len(cells) < 2:
        raise RecordingError(f"{path} has {len(cells)} rows; a recording needs at least two")
    column = f"{path}: column {sheet.header[0]!r}"
    if times.seconds.min() == times.seconds.max():
        raise RecordingError(
            f"{column}: all {len(cells)} rows have the time {cells[0]!r}; a recording needs at "
            "least two times"
        )
    if times.seconds.max() <= len(cells) and (np.diff(times.seconds) == 1).all():
        raise RecordingError(
            f"{column}: {cells[0]}, {cells[1]} and so on count the rows and are no times; name the "
            "column with the times by --time-column"
        )
    return times


def _columns(path: Path, sheet: Sheet, decimal: str | None) -> dict[str, Column]:
    cells = {
        name: [row[at] for row in sheet.rows] for at, name in enumerate(sheet.header) if at > 0
    }
    marks = {name: _mark(found, sheet.delimiter, decimal) for name, found in cells.items()}
    proven = {one.mark for one in marks.values() if one.mark}
    columns: dict[str, Column] = {}
    for at, (name, found) in enumerate(cells.items(), start=1):
        mark = marks[name].mark or (proven.copy().pop() if len(proven) == 1 else "")
        unsure = marks[name].unsure
        if not mark and unsure is not None:
            raise _unreadable(path, sheet, unsure, at, _EITHER)
        try:
            columns[name] = read_column(found, mark or ".")
        except FormatError as error:
            raise _unreadable(path, sheet, error.row, at, error) from error
    return columns


_EITHER = ValueError(
    "is a thousand and more, or a number with three decimals; say which with --decimal point or "
    "--decimal comma"
)


def _mark(cells: list[str], delimiter: str, decimal: str | None) -> DecimalMark:
    if decimal is not None:
        return DecimalMark(decimal)
    if not delimiter or (delimiter == "," and not any("," in cell for cell in cells)):
        return DecimalMark("")
    return decimal_mark(cells, delimiter)


def _unreadable(
    path: Path, sheet: Sheet, row: int, column: int, error: ValueError
) -> RecordingError:
    cell, name = one_line(sheet.rows[row][column], MAX_SHOWN), sheet.header[column]
    return RecordingError(f"{path}: line {sheet.lines[row]}: column {name!r}: {cell!r} {error}")


def _laid_out(
    times: Ints,
    columns: dict[str, tuple[Floats, NDArray[np.bool_]]],
    *,
    marks: Floats | None,
    step: int,
) -> tuple[Frame, Ints, NDArray[np.bool_] | None]:
    start, end = int(times[0]), int(times[-1])
    samples = {name: (times[given], v[given]) for name, (v, given) in columns.items()}
    frame = on_grid(samples, tuple(columns), start - 1, end + step - 1, step)
    window = -((frame.times[0] - times) // step)
    labels = None
    if marks is not None:
        labels = np.zeros(len(frame), dtype=bool)
        np.logical_or.at(labels, window, np.nan_to_num(marks) > 0)
    return frame, window, labels
