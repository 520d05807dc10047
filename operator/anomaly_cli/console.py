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
_NEVER_BROKEN = 25
"""Characters of a cell that stay on one line: a time has 20 to 25."""
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


def say(lines: Sequence[str]) -> None:
    """Lines on standard output, however wide the terminal."""
    console = on(sys.stdout)
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


def table(heads: Row, rows: Sequence[Row], more: str = "") -> None:
    """A table on standard output, at most MAX_ROWS of it; `more`: where the rest is."""
    console, shown = on(sys.stdout), rows[:MAX_ROWS]
    rest = [f"{INDENT}and {len(rows) - MAX_ROWS} more{more}"] if len(rows) > MAX_ROWS else []
    if not console.is_terminal:
        say([*aligned(heads, shown), *rest])
        return
    drawn = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for at, head in enumerate(heads[:-1]):
        # A time or a name that is broken in two cannot be copied.
        short = max(len(row[at]) for row in (heads, *shown)) <= _NEVER_BROKEN
        drawn.add_column(Text(head), overflow="fold", no_wrap=short)
    drawn.add_column(Text(heads[-1]), overflow="fold", ratio=1)
    for row in shown:
        drawn.add_row(*(Text(printable(cell), style=_STYLES.get(cell, "")) for cell in row))
    console.print(drawn)
    say(rest)


def aligned(heads: Row, rows: Sequence[Row]) -> Iterator[str]:
    """A table as lines of text. The last column is as wide as it is."""
    widths = [max(len(row[at]) for row in (heads, *rows)) for at in range(len(heads) - 1)]
    for row in (heads, *rows):
        cells = [cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=True)]
        yield (INDENT + INDENT.join([*cells, row[-1]])).rstrip()


def warn(text: str) -> None:
    """A warning on standard error."""
    _tell(f"warning: {text}", "yellow")


def tell(text: str) -> None:
    """What is no result, on standard error, where it does not mix with one."""
    on(sys.stderr).print(Text(_shown(text)), soft_wrap=True)


def refuse(text: str) -> None:
    """Why a command ends without a result, on standard error."""
    _tell(text, "red")


def _tell(text: str, style: str) -> None:
    on(sys.stderr).print(Text(_shown(f"kubectl-anomaly: {text}"), style=style), soft_wrap=True)
