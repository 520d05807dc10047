"""A log as the options of a command want it read and judged."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from anomaly_cli import console
from anomaly_cli.refusal import ArgumentError
from anomaly_cli.run.arguments import SHORT
from anomaly_cli.run.log_file import Reading, rows
from anomaly_cli.run.replay import Curve, Replayed, replay
from anomaly_cli.run.schedule import schedule_of
from detector_runtime.contract.training_run import RunMode
from detector_runtime.training_run.rows import FIELDS, Row
from detector_runtime.training_run.thresholds import ThresholdError, Thresholds, thresholds_of


def replayed(given: argparse.Namespace, log: Path, curve: Curve | None = None) -> Replayed:
    """What the whole of `log` says; what is odd about it goes to standard error. Raises
    ArgumentError, LogError, OSError."""
    reading = Reading()
    thresholds, schedule = thresholds_given(given), schedule_of(given.schedule)
    found = replay(rows_given(given, log, reading), thresholds, schedule, curve)
    for warning in _warnings(reading):
        console.warn(warning)
    return found


def rows_given(given: argparse.Namespace, log: Path, reading: Reading) -> Iterator[Row]:
    """The rows of `log`. Raises ArgumentError, LogError, OSError."""
    return rows(log, _columns(given.column), frozenset(given.ignore), reading)


def thresholds_given(given: argparse.Namespace) -> Thresholds:
    """Raises ArgumentError."""
    overrides = []
    for one in given.threshold:
        name, _, text = one.partition("=")
        try:
            overrides.append((name, float(text)))
        except ValueError:
            raise ArgumentError(f"--threshold {one}: needs NAME=NUMBER") from None
    mode = RunMode.SHORT_WINDOWS if given.mode == SHORT else RunMode.STANDARD
    try:
        return thresholds_of(mode, overrides)
    except ThresholdError as error:
        raise ArgumentError(f"--threshold: {error}") from None


def _columns(given: Sequence[str]) -> dict[str, str]:
    found = {}
    for one in given:
        name, _, column = one.partition("=")
        if name not in FIELDS or not column:
            raise ArgumentError(
                f"--column {one}: needs FIELD=COLUMN with one of the fields {', '.join(FIELDS)}"
            )
        found[name] = column
    return found


def _warnings(reading: Reading) -> Iterator[str]:
    if reading.bad:
        first = "; ".join(reading.reasons)
        yield f"{reading.bad} of {reading.bad + reading.rows} lines were not used: {first}"
    if reading.partial:
        yield "the last line is not complete and was not used"
    yield from reading.notes
