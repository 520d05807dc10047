"""The reader that a log needs: by its declared format, or by its name and first bytes."""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path

from detector_runtime.contract.training_run import LogFile, LogFormat
from detector_runtime.errors import ConfigInvalidError
from detector_runtime.run_log.csv_rows import CsvRows
from detector_runtime.run_log.file_open import Place, place
from detector_runtime.run_log.file_rows import TextLog
from detector_runtime.run_log.jsonl import JsonLines
from detector_runtime.run_log.source import RowSource
from detector_runtime.training_run.rows import STEP

_HEAD = 1 << 16
_BOM = b"\xef\xbb\xbf"
_COMPRESSED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ", b"PK\x03\x04")


def open_log(
    root: Path, log: LogFile, *, now: float | None = None, whole: bool = False
) -> RowSource:
    """The log as a source of rows. `now`, in unix seconds: rows from the future have no time; None
    takes the clock. `whole`: nothing is written any more, so a last line without its end counts.
    A log that does not exist yet has no rows. Raises ConfigInvalidError, SourceUnavailableError.
    """
    clock = time.time() if now is None else now
    found = _format(root, log)
    if found is LogFormat.CSV:
        columns = partial(CsvRows, dict(log.columns).get(STEP, STEP), whole=whole)
        return TextLog(root, log, columns, clock)
    return TextLog(root, log, JsonLines, clock)


def _format(root: Path, log: LogFile) -> LogFormat:
    if log.format is not LogFormat.AUTO:
        return log.format
    with place(root, log.path) as found:
        if found is None:
            return LogFormat.JSONL
        return _of_file(found, log.path)


def _of_file(found: Place, path: str) -> LogFormat:
    descriptor = found.open(found.name)
    if descriptor is None:
        return LogFormat.JSONL
    try:
        head = os.read(descriptor, _HEAD)
    finally:
        os.close(descriptor)
    start = head.removeprefix(_BOM).lstrip(b"\0 \t\r\n")[:1]
    if start == b"[":
        raise ConfigInvalidError(
            f"{path} is one JSON array; needs one JSON object a line, as jq -c '.[]' prints"
        )
    if head.startswith(_COMPRESSED):
        raise ConfigInvalidError(f"{path} is compressed; needs the log as text")
    return LogFormat.JSONL if start in {b"{", b""} else LogFormat.CSV
