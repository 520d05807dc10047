"""A whole training log, with the readers that follow one on a claim.

A line that cannot be used is counted and skipped, never fatal; one that the trainer has not
finished writing is no bad line.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from math import inf
from pathlib import Path

from anomaly_cli.refusal import InputError
from detector_runtime.contract.training_run import LogFile
from detector_runtime.errors import RunError
from detector_runtime.run_log.open_log import open_log
from detector_runtime.run_log.source import BadLine
from detector_runtime.training_run.rows import Row

MAX_TOLD = 3
"""Bad lines that are told with their reason."""


class LogError(InputError):
    """A log of which nothing can be read."""


@dataclass(slots=True)
class Reading:
    """What became of the lines. `reasons` are those of the first bad ones; `notes`: what is odd
    about the log, one sentence each."""

    rows: int = 0
    bad: int = 0
    partial: bool = False
    reasons: list[str] = field(default_factory=list)
    notes: tuple[str, ...] = ()

    def refuse(self, line: BadLine) -> None:
        self.bad += 1
        if len(self.reasons) < MAX_TOLD:
            self.reasons.append(f"{line.where} {line.reason}")


def rows(
    path: Path, columns: Mapping[str, str], ignored: Collection[str], reading: Reading
) -> Iterator[Row]:
    """The rows of the log, one at a time; `path` may be a folder of TensorBoard event files or of
    checkpoints. `columns`: the name in the log of a field. `reading` is filled as the rows are
    taken. Raises LogError, also after the last line if there was no row; OSError.
    """
    if not path.exists():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    # Whoever calls may read what they name, so a link leads where it leads.
    real = path.resolve()
    log = LogFile(real.name, columns=tuple(columns.items()), ignore=tuple(ignored))
    try:
        source = open_log(real.parent, log, whole=True)
        for one in source.read(None, inf):
            if isinstance(one, BadLine):
                reading.refuse(one)
            else:
                reading.rows += 1
                yield one
    except RunError as error:
        raise LogError(str(error)) from error
    reading.partial, reading.notes = source.partial, source.notes()
    if not reading.rows:
        first = f"; {reading.reasons[0]}" if reading.reasons else ""
        raise LogError(
            f"{path} holds no row with a step{first}; if the step has another name, give --column "
            "step=NAME"
        )
