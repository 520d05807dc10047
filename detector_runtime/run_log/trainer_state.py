"""Hugging Face's `trainer_state.json` as a source of rows: the entries of its `log_history`.

The Trainer writes the file whole at each checkpoint and keeps the last one under
`checkpoint-STEP/`, so new entries come in one go and have no time. After a resume the history ends
where the checkpoint did and grows another way; the entries from there on are new rows.
"""

from __future__ import annotations

import json
import os
import re
from codecs import getincrementaldecoder
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO
from zlib import crc32

from detector_runtime.contract.training_run import LogFile
from detector_runtime.run_log.file_oddities import Oddities
from detector_runtime.run_log.file_open import Place, place
from detector_runtime.run_log.file_rows import Names, is_due, timed
from detector_runtime.run_log.source import BadLine, Position
from detector_runtime.training_run.rows import Row, RowError, row_of

NAME = "trainer_state.json"
FOLDER = re.compile(r"checkpoint-\d+")
KEPT = 512
"""Entries by whose checksums a reading finds where the history goes on."""
MAX_ENTRY = 1 << 16
"""Characters of an entry."""
NOT_READ = frozenset(
    f"{part}_{name}"
    for part in ("eval", "train", "test", "predict")
    for name in ("runtime", "samples_per_second", "steps_per_second", "tokens_per_second")
) | {"total_flos"}  # fmt: skip
"""What says nothing of the training itself."""
_CHUNK = 1 << 16
_HISTORY = re.compile(r'"log_history"\s*:\s*\[')
_BETWEEN = re.compile(r"[\s,]*")


class TrainerStateLog:
    """The newest state of an output folder, or one file, as a RowSource. `partial`: the file is
    being written."""

    def __init__(self, root: Path, log: LogFile, now: float) -> None:
        self.partial = False
        self._root, self._path, self._now = root, log.path, now
        self._names = Names(log.columns, frozenset(log.ignore) | NOT_READ)
        self._count = 0
        self._sums: list[int] = []
        self._odd = Oddities({})

    def read(self, position: Position | None, until: float) -> Iterator[Row | BadLine]:
        """See RowSource. Raises ConfigInvalidError, SourceUnavailableError."""
        self._resume(position or {})
        with place(self._root, self._path) as found, ExitStack() as opened:
            stream = _newest(found, opened) if found else None
            if stream is None:
                return
            first = self._count - len(self._sums)
            for number, entry in enumerate(self._entries(stream)):
                if number < first:
                    continue
                total = crc32(json.dumps(entry, sort_keys=True).encode())
                if number < self._count:
                    if self._sums[number - first] == total:
                        continue
                    # The history went another way from here on.
                    del self._sums[number - first :]
                    self._count = number
                row = self._row(entry, number)
                if isinstance(row, Row):
                    if not is_due(row, until):
                        return
                    self._odd.saw(row.step)
                self._count = number + 1
                self._sums.append(total)
                if len(self._sums) > KEPT:
                    del self._sums[0]
                    first += 1
                yield row

    def position(self) -> Position:
        """See RowSource."""
        return {"entries": self._count, "sums": list(self._sums), "odd": self._odd.stored()}

    def notes(self) -> tuple[str, ...]:
        """See RowSource."""
        return tuple(self._odd.told(self._path))

    def _resume(self, position: Position) -> None:
        count, sums = position.get("entries"), position.get("sums")
        self._count, self._sums, self.partial = 0, [], False
        if isinstance(count, int) and isinstance(sums, list) and len(sums) <= min(count, KEPT):
            self._count, self._sums = count, list(sums)
        self._odd = Oddities.parse(position.get("odd"))

    def _entries(self, stream: BinaryIO) -> Iterator[Any]:
        """The entries of the history, one at a time: the file may be larger than the memory."""
        characters = getincrementaldecoder("utf-8")("replace")
        decoder, text, at = json.JSONDecoder(), "", -1
        while chunk := stream.read(_CHUNK):
            text += characters.decode(chunk)
            if at < 0:
                begin = _HISTORY.search(text)
                if begin is None:
                    text = text[-_CHUNK:]
                    continue
                at = begin.end()
            while True:
                at = _end(_BETWEEN, text, at)
                if text[at : at + 1] == "]":
                    return
                try:
                    entry, at = decoder.raw_decode(text, at)
                except (ValueError, RecursionError):
                    break
                yield entry
            text, at = text[at:], 0
            if len(text) > MAX_ENTRY + _CHUNK:
                break
        self.partial = True

    def _row(self, entry: Any, number: int) -> Row | BadLine:
        where = f"entry {number + 1} of log_history"
        if not isinstance(entry, dict):
            return BadLine(where, "is no JSON object")
        try:
            return timed(row_of(self._names.applied(entry)), self._now, self._odd)
        except RowError as error:
            return BadLine(where, str(error))


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at


def _newest(found: Place, opened: ExitStack) -> BinaryIO | None:
    """The state that was written last: in the folder, or in one of its checkpoints. After a resume
    from an earlier checkpoint the later ones are still there, and old."""
    names = [(found, found.name or NAME)]
    if found.name in {"", NAME}:
        for folder in found.folders():
            inside = found.inside(folder.name) if FOLDER.fullmatch(folder.name) else None
            if inside is not None:
                opened.callback(os.close, inside.folder)
                names.append((inside, NAME))
    newest, written = None, -1
    for where, name in names:
        descriptor = where.open(name)
        if descriptor is not None:
            stream = opened.enter_context(os.fdopen(descriptor, "rb"))
            changed = os.fstat(descriptor).st_mtime_ns
            if changed > written:
                newest, written = stream, changed
    return newest
