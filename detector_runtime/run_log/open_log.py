"""The reader that a log needs: by its declared format, or by its name and first bytes."""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Protocol

from detector_runtime.contract.training_run import LogFile, LogFormat
from detector_runtime.errors import ConfigInvalidError
from detector_runtime.run_log import tensorboard, trainer_state
from detector_runtime.run_log.csv_rows import CsvRows
from detector_runtime.run_log.file_open import Place, place
from detector_runtime.run_log.file_rows import TextLog
from detector_runtime.run_log.jsonl import JsonLines
from detector_runtime.run_log.source import RowSource
from detector_runtime.run_log.tensorboard import TensorBoardLog
from detector_runtime.run_log.tensorboard_records import is_record
from detector_runtime.run_log.trainer_state import TrainerStateLog
from detector_runtime.training_run.rows import STEP

_HEAD = 1 << 16
_BOM = b"\xef\xbb\xbf"
_COMPRESSED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ", b"PK\x03\x04")


class FileLog(RowSource, Protocol):
    """A log in files. `partial`: its last line is not finished and was not read."""

    partial: bool


def open_log(root: Path, log: LogFile, *, now: float | None = None, whole: bool = False) -> FileLog:
    """The log as a source of rows. `now`, in unix seconds: rows from the future have no time; None
    takes the clock. `whole`: nothing is written any more, so a last line without its end counts.
    A log that does not exist yet has no rows. Raises ConfigInvalidError, SourceUnavailableError.
    """
    clock = time.time() if now is None else now
    match _format(root, log):
        case LogFormat.CSV:
            columns = partial(CsvRows, dict(log.columns).get(STEP, STEP), whole=whole)
            return TextLog(root, log, columns, clock)
        case LogFormat.TENSORBOARD:
            return TensorBoardLog(root, log, clock, whole=whole)
        case LogFormat.TRAINER_STATE:
            return TrainerStateLog(root, log, clock)
    return TextLog(root, log, JsonLines, clock)


def _format(root: Path, log: LogFile) -> LogFormat:
    if log.format is not LogFormat.AUTO:
        return log.format
    if PurePosixPath(log.path).name == trainer_state.NAME:
        return LogFormat.TRAINER_STATE
    with place(root, log.path) as found:
        if found is None:
            return LogFormat.JSONL
        return _of_file(found, log.path) if found.name else _of_folder(found, log.path)


def _of_folder(found: Place, path: str) -> LogFormat:
    if any(tensorboard.MARK in one.name for one in found.files()):
        return LogFormat.TENSORBOARD
    states = any(one.name == trainer_state.NAME for one in found.files())
    if states or any(trainer_state.FOLDER.fullmatch(one.name) for one in found.folders()):
        return LogFormat.TRAINER_STATE
    if not any((*found.files(), *found.folders())):
        return LogFormat.TENSORBOARD
    raise ConfigInvalidError(
        f"{path} is a folder without TensorBoard event files and without "
        f"{trainer_state.NAME}; needs the folder that holds them, the log itself, or its format"
    )


def _of_file(found: Place, path: str) -> LogFormat:
    descriptor = found.open(found.name)
    if descriptor is None:
        return LogFormat.JSONL
    try:
        head = os.read(descriptor, _HEAD)
    finally:
        os.close(descriptor)
    if tensorboard.MARK in found.name or is_record(head):
        return LogFormat.TENSORBOARD
    start = head.removeprefix(_BOM).lstrip(b"\0 \t\r\n")
    if start.startswith(b"["):
        raise ConfigInvalidError(
            f"{path} is one JSON array; needs one JSON object a line, as jq -c '.[]' prints"
        )
    if head.startswith(_COMPRESSED):
        raise ConfigInvalidError(f"{path} is compressed; needs the log as text")
    if start.startswith(b"{"):
        first = start.split(b"\n", 1)[0].strip()
        is_state = first == b"{" and b'"log_history"' in head
        return LogFormat.TRAINER_STATE if is_state else LogFormat.JSONL
    return LogFormat.CSV if start else LogFormat.JSONL
