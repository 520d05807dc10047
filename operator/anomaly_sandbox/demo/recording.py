"""Reads a recording: a CSV file whose first column is time and whose others are metrics."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from anomaly_sandbox.demo.noise import Floats

MAX_METRICS = 32
"""An AnomalyService takes at most that many."""
_MISSING = frozenset({"", "nan", "null", "none", "na", "n/a"})
_NAME = re.compile(r"[a-z]([a-z0-9_]*[a-z0-9])?")


class RecordingError(ValueError):
    """The file cannot be played; the message names file, line, column and value."""


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """`values` (n, m), one row per `step` seconds as recorded, NaN where nothing was recorded."""

    names: tuple[str, ...]
    values: Floats
    step: int

    def __len__(self) -> int:
        return len(self.values)


def read_recording(file: Path) -> Recording:
    """Rows are laid on the grid of their usual distance; a skipped one is a hole, not a zero.

    Raises RecordingError, or OSError when the file cannot be read.
    """
    with file.open(newline="", encoding="utf-8-sig") as lines:
        rows = [row for row in csv.reader(lines) if row]
    if len(rows) < 3:
        raise RecordingError(f"{file}: needs a header and at least two rows")
    names = _names(file, rows[0])
    times = [_time(file, number, row[0]) for number, row in enumerate(rows[1:], start=2)]
    gaps = np.diff(times)
    if (gaps <= 0).any():
        line = int(np.argmax(gaps <= 0)) + 3
        raise RecordingError(
            f"{file}, line {line}: the time is not after the one before it ({rows[line - 1][0]!r})"
        )
    step = max(int(np.median(gaps)), 1)
    places = np.rint((np.array(times) - times[0]) / step).astype(int)
    values = np.full((int(places[-1]) + 1, len(names)), np.nan)
    for number, (place, row) in enumerate(zip(places, rows[1:], strict=True), start=2):
        values[place] = [
            _number(file, number, name, cell)
            for name, cell in zip(names, _cells(file, number, row, len(names)), strict=True)
        ]
    return Recording(names, values, step)


def _names(file: Path, heading: list[str]) -> tuple[str, ...]:
    names = tuple(re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_") for text in heading[1:])
    if not 1 <= len(names) <= MAX_METRICS:
        raise RecordingError(f"{file}: {len(names)} metrics, expected 1 to {MAX_METRICS}")
    for name, text in zip(names, heading[1:], strict=True):
        if not _NAME.fullmatch(name) or names.count(name) > 1:
            raise RecordingError(f"{file}: column {text!r} does not make a unique metric name")
    return names


def _cells(file: Path, line: int, row: list[str], count: int) -> list[str]:
    if len(row) != count + 1:
        raise RecordingError(f"{file}, line {line}: {len(row)} columns, expected {count + 1}")
    return row[1:]


def _time(file: Path, line: int, text: str) -> float:
    """Unix seconds or ISO 8601; a time without a zone is UTC."""
    try:
        return float(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise RecordingError(
            f"{file}, line {line}: {text!r} is neither unix seconds nor an ISO 8601 time"
        ) from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _number(file: Path, line: int, name: str, text: str) -> float:
    if text.strip().lower() in _MISSING:
        return float("nan")
    try:
        number = float(text)
    except ValueError as error:
        raise RecordingError(f"{file}, line {line}, {name}: {text!r} is not a number") from error
    return number if np.isfinite(number) else float("nan")
