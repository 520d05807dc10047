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
from detector_runtime.run_log.file_open import place
from detector_runtime.run_log.file_tail import MAX_LINE, Line, Mark, Start, lines, starts
from detector_runtime.run_log.source import BadLine, Position
from detector_runtime.training_run.rows import Row, RowError, row_of

Found = dict[str, Any] | BadLine
CLOCK_SLACK = 60.0
"""Seconds by which the clocks of two nodes may differ."""
_WINDOW, _BACK = 40, 6
"""So many steps back among so many rows are no resumes, but two writers."""


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


def timed(row: Row, now: float) -> Row:
    """`row`, without its time if that lies in the future of `now`: its clock is wrong."""
    late = row.time is not None and row.time > now + CLOCK_SLACK
    return replace(row, time=None) if late else row


def is_due(row: Row, until: float) -> bool:
    """Whether the row belongs to this run."""
    return row.time is None or row.time < until


@dataclass(slots=True)
class Oddities:
    """What was odd so far, kept between runs. `back`: one bit a row, whether its step was smaller
    than the one before."""

    counts: dict[str, int]
    step: int = 0
    back: int = 0

    @classmethod
    def parse(cls, raw: object) -> Oddities:
        """What `stored` gave; anything else is nothing odd."""
        match raw:
            case [dict(counts), int(step), int(back)]:
                return cls({name: n for name, n in counts.items() if n > 0}, step, back)
        return cls({})

    def stored(self) -> list[Any]:
        """As plain JSON."""
        return [self.counts, self.step, self.back]

    def add(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1

    def saw(self, step: int) -> None:
        """One more row."""
        self.back = (self.back << 1 | (step < self.step)) & ((1 << _WINDOW) - 1)
        if self.back & 1 and self.back.bit_count() >= _BACK:
            self.counts["writers"] = 1
        self.step = step

    def told(self, path: str) -> Iterator[str]:
        """One sentence each."""
        if n := self.counts.get("rotated"):
            yield f"{path} was rotated {_times(n)}; the old file was read to its end first."
        if n := self.counts.get("rewritten"):
            yield f"{path} was cut or replaced {_times(n)} and read again from its beginning."
        if "writers" in self.counts:
            yield (
                f"Steps in {path} go back and forth: two processes write to it, or some of its "
                "rows count something else. Give each its own log."
            )


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


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
            if odd:
                self._odd.add(odd)
            for at, start in enumerate(files):
                yield from self._file(start, at < len(files) - 1, until)

    def position(self) -> Position:
        """See RowSource."""
        if self._line is None:
            return self._before
        mark = Mark.behind(self._line).stored()
        return {"mark": mark, "format": self._format.keep(), "odd": self._odd.stored()}

    def notes(self) -> tuple[str, ...]:
        """See RowSource."""
        return tuple(self._odd.told(self._path))

    def _file(self, start: Start, last: bool, until: float) -> Iterator[Row | BadLine]:
        # A header alone could be that of any file, so the mark waits for the first row.
        anchored = start.offset > 0
        if not anchored:
            self._format.begin()
        told = start.number if start.too_long else 0
        for line in lines(start, last):
            if line.too_long:
                self._line = line
                if line.number != told:
                    told = line.number
                    yield BadLine(f"line {told}", f"is longer than {MAX_LINE:,} characters")
                continue
            found = self._format.take(line.number, line.raw, line.ended)
            self.partial = found is None
            if found is None:
                if last and not line.ended:
                    self._line = line
                    yield BadLine(f"line {line.number}", "is cut: the file was rotated behind it")
                continue
            rows = [self._row(one, line.number) for one in found]
            if not all(isinstance(one, BadLine) or is_due(one, until) for one in rows):
                return
            anchored = anchored or bool(rows)
            if anchored:
                self._line = line
            for one in rows:
                if isinstance(one, Row):
                    self._odd.saw(one.step)
                yield one

    def _row(self, found: Found, number: int) -> Row | BadLine:
        if isinstance(found, BadLine):
            return found
        try:
            return timed(row_of(self._names.applied(found)), self._now)
        except RowError as error:
            return BadLine(f"line {number}", str(error))
