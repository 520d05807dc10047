"""What a person reads: colours and tables on a terminal, plain aligned text everywhere else.

Colours follow NO_COLOR, and what looks like markup in a text of the user is text. Control
characters are shown, never sent: a message may come from anybody who can write to the cluster.
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterator, Sequence
from typing import TextIO

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from detector_runtime.contract.vocabulary import Severity

MAX_ROWS = 50
INDENT = "  "
_GAP = 2
_LEAST_LAST = 30
"""Characters of the last column, which may be a sentence, below which nobody can read it."""
_STYLES = {
    Severity.CRITICAL.value: "bold red",
    Severity.HIGH.value: "red",
    Severity.MEDIUM.value: "yellow",
    Severity.LOW.value: "cyan",
}
Row = tuple[str, ...]


def on(stream: TextIO) -> Console:
    """A console that changes nothing of what it is given."""
    return Console(file=stream, highlight=False, markup=False, emoji=False)


def say(lines: Sequence[str], stream: TextIO | None = None) -> None:
    """Lines on standard output or on `stream`, however wide the terminal."""
    console = on(stream or sys.stdout)
    for line in lines:
        console.print(Text(_shown(line)), soft_wrap=True)


def printable(text: str) -> str:
    """`text` on one line, its control and direction characters as escapes.

    >>> printable("a\\x1b[2Jb\\nc")
    'a\\\\x1b[2Jb\\\\nc'
    """
    if text.isprintable():
        return text
    return "".join(_escaped(one) for one in text)


def _escaped(character: str) -> str:
    if character.isprintable():
        return character
    if unicodedata.category(character) == "Zs":
        return " "
    return character.encode("unicode_escape").decode()


def _shown(text: str) -> str:
    """`text` with its own line breaks."""
    return "\n".join(printable(line) for line in text.split("\n"))


def listing(heads: Row, rows: Sequence[Row]) -> None:
    """A table as kubectl prints one: all rows, without an indent."""
    console = on(sys.stdout)
    for line in columns(heads, rows):
        console.print(line, soft_wrap=True)


def columns(heads: Row, rows: Sequence[Row]) -> Iterator[Text]:
    """The lines of a table as kubectl prints one; a severity has its colour."""
    cells = [tuple(printable(cell) for cell in row) for row in (heads, *rows)]
    widths = [max(len(row[at]) for row in cells) + 3 for at in range(len(heads) - 1)]
    for row in cells:
        line = Text()
        for cell, width in zip(row[:-1], widths, strict=True):
            line.append(cell, style=_STYLES.get(cell, "")).append(" " * (width - len(cell)))
        line.append(row[-1], style=_STYLES.get(row[-1], ""))
        line.rstrip()
        yield line


def table(
    heads: Row,
    rows: Sequence[Row],
    more: str = "",
    most: int = MAX_ROWS,
    stream: TextIO | None = None,
) -> None:
    """A table on standard output or on `stream`, at most `most` rows of it; `more`: where the rest
    is."""
    console, shown = on(stream or sys.stdout), rows[:most]
    rest = [f"{INDENT}and {len(rows) - most} more{more}"] if len(rows) > most else []
    if not console.is_terminal:
        say([*aligned(heads, shown), *rest], stream)
        return
    widths = [max(len(row[at]) for row in (heads, *shown)) for at in range(len(heads))]
    room = console.width - sum(widths[:-1]) - _GAP * len(heads)
    wide = room >= min(widths[-1], _LEAST_LAST)
    drawn = _side_by_side(heads, shown) if wide else _stacked(heads, shown)
    console.print(drawn)
    say(rest, stream)


def _side_by_side(heads: Row, rows: Sequence[Row]) -> Table:
    drawn = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for head in heads[:-1]:
        # A time or a name that is broken in two cannot be copied.
        drawn.add_column(Text(head), no_wrap=True)
    drawn.add_column(Text(heads[-1]), overflow="fold", ratio=1)
    for row in rows:
        drawn.add_row(*map(_cell, row))
    return drawn


def _stacked(heads: Row, rows: Sequence[Row]) -> Table:
    """A cell a line, for a terminal too narrow for a row a line."""
    drawn = Table.grid(padding=(0, _GAP))
    drawn.add_column(no_wrap=True)
    drawn.add_column(overflow="fold", ratio=1)
    for row in rows:
        for head, cell in zip(heads, row, strict=True):
            drawn.add_row(Text(head, style="bold"), _cell(cell))
        drawn.add_row()
    return drawn


def _cell(text: str) -> Text:
    return Text(printable(text), style=_STYLES.get(text, ""))


def aligned(heads: Row, rows: Sequence[Row]) -> Iterator[str]:
    """A table as lines of text. The last column is as wide as it is."""
    widths = [max(len(row[at]) for row in (heads, *rows)) for at in range(len(heads) - 1)]
    for row in (heads, *rows):
        cells = [cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=True)]
        yield (INDENT + INDENT.join([*cells, row[-1]])).rstrip()


def title(text: str, style: str, stream: TextIO) -> None:
    """A line over a table."""
    on(stream).print(Text(_shown(text), style=style), soft_wrap=True)


def warn(text: str) -> None:
    """A warning on standard error."""
    tell(f"warning: {text}", "yellow")


def refuse(text: str) -> None:
    """Why a command ends without a result, on standard error."""
    tell(text, "red")


def tell(text: str, style: str = "") -> None:
    """What is no part of the result, on standard error."""
    on(sys.stderr).print(Text(_shown(f"kubectl-anomaly: {text}"), style=style), soft_wrap=True)
