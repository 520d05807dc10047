"""A CSV recording as a frame on a grid; it refuses what it cannot read with line and column."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detector_runtime.series import Floats, Frame, Ints, on_grid

MIN_STEP, MAX_STEP = 15, 3600
MAX_METRICS = 64
MAX_WINDOWS = 5_000_000
"""Bound of the grid: one wrong year in a timestamp must not take the memory."""


class RecordingError(ValueError):
    """A file that is no recording. The message names file, line and column."""


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """`stamps` (k,) input rows as written, in their order; `window` (k,) the frame row of each;
    `labels` (n,) per window, None without a label column; `step` seconds, `inferred` if guessed.
    """

    frame: Frame
    stamps: tuple[str, ...]
    window: Ints
    labels: NDArray[np.bool_] | None
    inferred: bool


def read(path: Path, step: int | None, label_column: str | None) -> Recording:
    """First column a timestamp (ISO 8601, UTC where it has no zone, or unix seconds), the others
    metrics; an empty cell is missing. Of several rows in a window the last value counts, and the
    highest label. Raises RecordingError, OSError."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        lines = csv.reader(file)
        header = next(lines, [])
        if len(header) < 2:
            raise RecordingError(f"{path}: line 1: want a timestamp and at least one metric")
        if label_column is not None and label_column not in header[1:]:
            raise RecordingError(f"{path}: no column {label_column!r} among {header[1:]}")
        table = [line for line in lines if line]
    if len(set(header)) != len(header):
        raise RecordingError(f"{path}: line 1: a column name stands there twice")
    short = next((i for i, line in enumerate(table) if len(line) != len(header)), None)
    if short is not None:
        raise RecordingError(
            f"{path}: line {short + 2}: {len(table[short])} of {len(header)} cells"
        )
    times = np.array([_seconds(path, i, line[0]) for i, line in enumerate(table)], dtype=np.int64)
    if len(times) < 2:
        raise RecordingError(f"{path}: {len(times)} rows; a recording needs at least two")
    inferred = step is None
    step = step or infer_step(times)
    columns = {
        name: _column(path, name, [line[at] for line in table])
        for at, name in enumerate(header)
        if at > 0
    }
    marks = columns.pop(label_column) if label_column is not None else None
    if not 0 < len(columns) <= MAX_METRICS:
        raise RecordingError(f"{path}: {len(columns)} metrics, allowed are 1 to {MAX_METRICS}")
    if (times.max() - times.min()) // step > MAX_WINDOWS:
        raise RecordingError(
            f"{path}: {times.min()} to {times.max()} is more than {MAX_WINDOWS} windows of "
            f"{step} s; check the timestamps"
        )
    return _laid_out(table, times, columns, marks=marks, step=step, inferred=inferred)


def _laid_out(
    table: list[list[str]],
    times: Ints,
    columns: dict[str, Floats],
    *,
    marks: Floats | None,
    step: int,
    inferred: bool,
) -> Recording:
    order = np.argsort(times, kind="stable")
    start, end = int(times.min()), int(times.max())
    samples = {
        name: (times[order][np.isfinite(v[order])], v[order][np.isfinite(v[order])])
        for name, v in columns.items()
    }
    frame = on_grid(samples, tuple(columns), start - 1, end + step - 1, step)
    window = -((frame.times[0] - times) // step)
    labels = None
    if marks is not None:
        labels = np.zeros(len(frame), dtype=bool)
        np.logical_or.at(labels, window, np.nan_to_num(marks) > 0)
    return Recording(frame, tuple(line[0] for line in table), window, labels, inferred)


def infer_step(times: Ints) -> int:
    """The median distance of distinct stamps in time order, 15 s to 1 h."""
    gaps = np.diff(np.unique(times))
    return int(np.clip(int(np.median(gaps)), MIN_STEP, MAX_STEP))


def _seconds(path: Path, index: int, text: str) -> int:
    try:
        value = float(text)
        if math.isfinite(value):
            return math.floor(value)
    except ValueError:
        pass
    try:
        stamp = datetime.fromisoformat(text.strip())
    except ValueError:
        raise RecordingError(
            f"{path}: line {index + 2}: {text!r} is neither ISO 8601 nor unix seconds"
        ) from None
    zoned = stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC)
    return math.floor(zoned.timestamp())


def _column(path: Path, name: str, cells: list[str]) -> Floats:
    try:
        return np.array([float(cell) if cell.strip() else math.nan for cell in cells])
    except ValueError:
        for index, cell in enumerate(cells):
            try:
                float(cell or "nan")
            except ValueError:
                raise RecordingError(
                    f"{path}: line {index + 2}: column {name!r} holds {cell!r}, not a number"
                ) from None
        raise
