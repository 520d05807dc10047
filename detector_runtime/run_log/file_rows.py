"""The rows of a log of lines, and what is odd about it.

One reader for the pod, which comes back every minute for what is new, and for a replay of the whole
file. Nothing here fails on a line: what cannot be used is a BadLine, and the log goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from detector_runtime.contract.training_run import LogFile
from detector_runtime.errors import ConfigInvalidError
from detector_runtime.run_log.file_oddities import Oddities
from detector_runtime.run_log.file_open import place
from detector_runtime.run_log.file_tail import MAX_LINE, Line, Mark, Start, lines, starts
from detector_runtime.run_log.source import BadLine, Position
from detector_runtime.training_run.rows import Row, RowError, row_of

Found = dict[str, Any] | BadLine
CLOCK_SLACK = 60.0
"""Seconds by which the clocks of two nodes may differ."""


class LineFormat(Protocol):
    """Lines into fields. `take` returns None where a record waits for its rest; `keep` gives what
    `resume` needs in the next run, as plain JSON."""

    def begin(self) -> None: ...

    def keep(self) -> Any: ...

    def resume(self, kept: Any) -> None: ...

    def take(self, number: int, raw: bytes, ended: bool) -> list[Found] | None: ...


@dataclass(frozen=True, slots=True)
class Names:
    """What this log calls the fields, and what of it is not read."""

    columns: tuple[tuple[str, str], ...]
    ignored: frozenset[str]

    @classmethod
    def of(cls, log: LogFile) -> Names:
        return cls(log.columns, frozenset(log.ignore))

    def applied(self, raw: dict[str, Any]) -> dict[str, Any]:
        """The fields by the names that `row_of` knows."""
        if self.ignored:
            raw = {name: value for name, value in raw.items() if name not in self.ignored}
        for name, column in self.columns:
            if column in raw:
                raw[name] = raw.pop(column)
        return raw


def timed(row: Row, now: float, odd: Oddities) -> Row:
    """`row`, without its time if that lies in the future of `now`: its clock is wrong, or a local
    time is given without its offset."""
    if row.time is None or row.time <= now + CLOCK_SLACK:
        return row
    odd.is_ahead()
    return replace(row, time=None)


def is_due(row: Row, until: float) -> bool:
    """Whether the row belongs to this run."""
    return row.time is None or row.time < until


class TextLog:
    """A log of lines as a RowSource. `partial`: the last line waits for its rest."""

    def __init__(
        self, root: Path, log: LogFile, lines_of: Callable[[], LineFormat], now: float
    ) -> None:
        self.partial = False
        self._root, self._path, self._now = root, log.path, now
        self._names = Names.of(log)
        self._format = lines_of()
        self._odd = Oddities({})
        self._line: Line | None = None
        self._before: Position = {}

    def read(self, position: Position | None, until: float) -> Iterator[Row | BadLine]:
        """See RowSource. Raises ConfigInvalidError, SourceUnavailableError."""
        self._before, self._line, self.partial = dict(position or {}), None, False
        mark = Mark.parse(self._before.get("mark"))
        self._odd = Oddities.parse(self._before.get("odd"))
        self._format.resume(self._before.get("format"))
        with place(self._root, self._path) as found, ExitStack() as opened:
            if found is None:
                return
            if not found.name:
                raise ConfigInvalidError(f"{self._path} is a folder; needs the log itself")
            files, odd = starts(found, mark, opened)
            for at, start in enumerate(files):
                yield from self._file(start, at < len(files) - 1, until, odd)

    def position(self) -> Position:
        """See RowSource."""
        if self._line is None:
            return self._before
        mark = Mark.behind(self._line).stored()
        return {"mark": mark, "format": self._format.keep(), "odd": self._odd.stored()}

    def notes(self) -> tuple[str, ...]:
        """See RowSource."""
        return tuple(self._odd.told(self._path))

    def _file(self, start: Start, last: bool, until: float, odd: str) -> Iterator[Row | BadLine]:
        """The rows of one file; `odd` is told once the first of them is read."""
        # A header alone could be that of any file, so the mark waits for the first row.
        anchored = start.offset > 0
        if not anchored:
            self._format.begin()
        number = start.number
        for line in lines(start, last):
            found = self._taken(line, line.number == number)
            number = line.number
            self.partial = found is None
            if found is None:
                continue
            rows = [self._row(one, number) for one in found]
            if any(isinstance(one, Row) and not is_due(one, until) for one in rows):
                return
            if rows and not anchored:
                anchored = True
                if odd:
                    self._odd.add(odd)
            yield from self._told(rows[:-1])
            # Whoever stops between two rows of one line gets that line again.
            if anchored:
                self._line = line
            yield from self._told(rows[-1:])

    def _told(self, rows: list[Row | BadLine]) -> Iterator[Row | BadLine]:
        for one in rows:
            if isinstance(one, Row):
                self._odd.saw(one.step)
            yield one

    def _taken(self, line: Line, again: bool) -> list[Found] | None:
        """What the format finds in the line; `again`: it is the rest of one that was seen."""
        if line.too_long:
            reason = f"is longer than {MAX_LINE:,} characters"
            return [] if again else [BadLine(f"line {line.number}", reason)]
        found = self._format.take(line.number, line.raw, line.ended)
        if found is None and line.last and not line.ended:
            return [BadLine(f"line {line.number}", "is cut: the file was rotated behind it")]
        return found

    def _row(self, found: Found, number: int) -> Row | BadLine:
        if isinstance(found, BadLine):
            return found
        try:
            return timed(row_of(self._names.applied(found)), self._now, self._odd)
        except RowError as error:
            return BadLine(f"line {number}", str(error))
