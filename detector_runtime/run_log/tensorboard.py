"""TensorBoard event files as a source of rows: one row a step.

A writer logs each scalar as an event of its own, so those of one step are gathered. A trainer that
starts again begins a new file in the same folder; the files are read in the order of their names,
which begin with a time. The last step of a file waits until it has what the step before it had, or
until the writer has had time to flush.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Set
from pathlib import Path
from typing import Any

from detector_runtime.contract.training_run import LogFile
from detector_runtime.run_log.file_oddities import Oddities
from detector_runtime.run_log.file_open import Place, place
from detector_runtime.run_log.file_rows import Names, is_due, timed
from detector_runtime.run_log.source import BadLine, Position
from detector_runtime.run_log.tensorboard_steps import UNREADABLE, Passed, Step, gathered
from detector_runtime.training_run.rows import (
    ACCURACY,
    ACCURACY_PERCENT,
    ALIASES,
    FIELDS,
    LEARNING_RATE,
    LOSS,
    STEP,
    TIME,
    Row,
    RowError,
    row_of,
)

MARK = "tfevents"
"""Part of the name of each event file."""
MAX_FILES = 8
"""Files whose positions are kept; the older ones are done with."""
MAX_KEPT_TAGS = 100
"""Tags of the last step that are kept between runs."""
FLUSH_SECONDS = 150.0
"""The writers of TensorFlow and PyTorch flush every 120 s."""
_BUFFER = 1 << 16
_TRAIN = r"(?:train(?:ing)?[/_.])?(?:epoch_|batch_)?"
_TAGS: Mapping[str, re.Pattern[str]] = {
    LOSS: re.compile(rf"{_TRAIN}loss(?:_step)?|loss/train(?:ing)?", re.IGNORECASE),
    LEARNING_RATE: re.compile(rf"{_TRAIN}(?:lr|learning_rate)(?:-.+)?", re.IGNORECASE),
    ACCURACY: re.compile(
        rf"{_TRAIN}acc(?:uracy)?(?:_step)?|acc(?:uracy)?/train(?:ing)?", re.IGNORECASE
    ),
}
"""What the tag of a field looks like, where `columns` does not name it."""
_NO_TAGS = frozenset(
    name
    for one in FIELDS
    if one not in {LOSS, LEARNING_RATE, ACCURACY, ACCURACY_PERCENT}
    for name in (one, *ALIASES.get(one, ()))
)
"""Fields that a scalar never is."""


class TensorBoardLog:
    """A folder of event files, or one of them, as a RowSource. `partial`: a record waits for its
    rest."""

    def __init__(self, root: Path, log: LogFile, now: float, *, whole: bool) -> None:
        self.partial = False
        self._root, self._path, self._now, self._whole = root, log.path, now, whole
        self._names = Names.of(log)
        self._offsets: dict[str, int] = {}
        self._done = ""
        self._tags: dict[str, str] = {}
        self._last: Set[str] = frozenset()
        self._odd = Oddities({})

    def read(self, position: Position | None, until: float) -> Iterator[Row | BadLine]:
        """See RowSource. Raises ConfigInvalidError, SourceUnavailableError."""
        self._resume(position or {})
        with place(self._root, self._path) as found:
            if found is None:
                return
            names = [found.name] if found.name else sorted(self._event_files(found))
            for name in names:
                yield from self._file(found, name, name != names[-1], until)
            for name in names[:-MAX_FILES]:
                self._offsets.pop(name, None)
                self._done = name

    def position(self) -> Position:
        """See RowSource."""
        return {
            "files": dict(self._offsets),
            "done": self._done,
            "tags": dict(self._tags),
            "last": sorted(self._last) if len(self._last) <= MAX_KEPT_TAGS else [],
            "odd": self._odd.stored(),
        }

    def notes(self) -> tuple[str, ...]:
        """See RowSource."""
        return tuple(self._odd.told(self._path))

    def _resume(self, position: Position) -> None:
        def kept(name: str, kind: type) -> dict[str, Any]:
            found = position.get(name)
            pairs = found.items() if isinstance(found, dict) else ()
            return {key: value for key, value in pairs if type(value) is kind}

        self._offsets, self._tags = kept("files", int), kept("tags", str)
        last = position.get("last")
        self._last = {str(tag) for tag in last} if isinstance(last, list) else frozenset()
        self._done = str(position.get("done", ""))
        self._odd = Oddities.parse(position.get("odd"))

    def _event_files(self, found: Place) -> Iterator[str]:
        for one in found.files():
            if MARK in one.name and one.name > self._done:
                yield one.name

    def _file(self, found: Place, name: str, done: bool, until: float) -> Iterator[Row | BadLine]:
        """The rows of one file; `done`: a newer one exists, so nothing more is coming."""
        offset = self._offsets.get(name, 0)
        descriptor = None if offset == UNREADABLE else found.open(name)
        if descriptor is None:
            return
        with os.fdopen(descriptor, "rb", _BUFFER) as stream:
            size = os.fstat(descriptor).st_size
            if offset > size:
                self._odd.add("rewritten")
                self._offsets[name] = offset = 0
            for one in gathered(stream, name, offset, size):
                if isinstance(one, Passed):
                    self._offsets[name] = one.end
                    if one.line:
                        yield one.line
                    continue
                if not one.closed and not done and not self._complete(one, until):
                    break
                row = self._row(one)
                if isinstance(row, Row):
                    if not is_due(row, until):
                        break
                    self._odd.saw(row.step)
                self._offsets[name] = one.end
                self._last = one.values.keys()
                yield row
            self.partial = 0 <= self._offsets.get(name, 0) < size

    def _complete(self, one: Step, until: float) -> bool:
        """Whether the last step of a file that grows has all its scalars."""
        seen = self._whole or one.time < until - FLUSH_SECONDS
        return seen or (bool(self._last) and self._last <= one.values.keys())

    def _row(self, one: Step) -> Row | BadLine:
        raw: dict[str, Any] = {
            tag: value for tag, value in one.values.items() if tag not in _NO_TAGS
        }
        raw = self._names.applied(raw)
        named = dict(self._names.columns)
        for name, pattern in _TAGS.items():
            tag = self._tags.get(name)
            if tag is None and name not in named:
                tag = next((one for one in raw if pattern.fullmatch(one)), None)
                if tag is not None:
                    self._tags[name] = tag
            if tag is not None and tag in raw:
                raw[name] = raw.pop(tag)
        try:
            return timed(row_of({**raw, STEP: one.step, TIME: one.time}), self._now, self._odd)
        except RowError as error:
            return BadLine(f"step {one.step} of {self._path}", str(error))
