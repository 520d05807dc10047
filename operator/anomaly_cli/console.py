"""What a person reads: colours and tables on a terminal, plain aligned text everywhere else.

Colours follow NO_COLOR, and what looks like markup in a text of the user is text.
"""

from __future__ import annotations

import sys
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


def say(lines: Sequence[str], stream: TextIO | None = None) -> None:
    """Lines on standard output or on `stream`, however wide the terminal."""
    console = on(stream or sys.stdout)
    for line in lines:
        console.print(Text(line), soft_wrap=True)


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
    drawn = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for at, head in enumerate(heads[:-1]):
        # A time or a name that is broken in two cannot be copied.
        short = max(len(row[at]) for row in (heads, *shown)) <= _NEVER_BROKEN
        drawn.add_column(Text(head), overflow="fold", no_wrap=short)
    drawn.add_column(Text(heads[-1]), overflow="fold", ratio=1)
    for row in shown:
        drawn.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in row))
    console.print(drawn)
    say(rest, stream)


def aligned(heads: Row, rows: Sequence[Row]) -> Iterator[str]:
    """A table as lines of text. The last column is as wide as it is."""
    widths = [max(len(row[at]) for row in (heads, *rows)) for at in range(len(heads) - 1)]
    for row in (heads, *rows):
        cells = [cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=True)]
        yield (INDENT + INDENT.join([*cells, row[-1]])).rstrip()


def title(text: str, style: str, stream: TextIO) -> None:
    """A line over a table."""
    on(stream).print(Text(text, style=style), soft_wrap=True)


def warn(text: str) -> None:
    """A warning on standard error."""
    tell(f"warning: {text}", "yellow")


def refuse(text: str) -> None:
    """Why a command ends without a result, on standard error."""
    tell(text, "red")


def tell(text: str, style: str = "") -> None:
    """What is no part of the result, on standard error."""
    on(sys.stderr).print(Text(f"kubectl-anomaly: {text}", style=style), soft_wrap=True)
