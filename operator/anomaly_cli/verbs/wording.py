"""Times, metrics and paragraphs as the verbs say them. Times are in UTC, as in the objects."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Sequence
from datetime import UTC, datetime

from anomaly_cli.console import printable
from anomaly_operator.api.text import span_text
from detector_runtime.contract.vocabulary import Unit
from detector_runtime.series.units import readable, readable_range

LABEL = 11
"""Columns of a label, with the space behind it."""
BAR = 12
"""Columns of a bar that stands for the whole evidence."""
_FIGURE = re.compile(r"(?<=\d) (?=(?:[mµ]?s|[kMGT]?B|bytes|UTC|requests/s)\b)")
"""The space between a figure and its unit."""
_UNITS = {one.value: one for one in Unit}


def moment(seconds: int) -> str:
    """`2026-11-26 02:10 UTC`, with seconds where they are not zero."""
    return datetime.fromtimestamp(seconds, UTC).strftime(f"%Y-%m-%d {_clock(seconds)} UTC")


def clock(seconds: int, now: int) -> str:
    """The time alone where it is today's."""
    found, today = (datetime.fromtimestamp(one, UTC) for one in (seconds, now))
    return (
        found.strftime(f"{_clock(seconds)} UTC")
        if found.date() == today.date()
        else moment(seconds)
    )


def _clock(seconds: int) -> str:
    return "%H:%M:%S" if seconds % 60 else "%H:%M"


def ahead(seconds: int, now: int) -> str:
    """`in 18m`, `4m ago`."""
    left = seconds - now
    return f"in {span_text(left)}" if left >= 0 else f"{span_text(-left)} ago"


def bar(share: float) -> str:
    """A share of the evidence, as blocks of one eighth."""
    eighths = round(min(max(share, 0.0), 1.0) * BAR * 8)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (" ▏▎▍▌▋▊▉"[rest] if rest else "")).ljust(BAR, "·")


def figure(value: str, unit: str) -> str:
    """`222 ms`; a text that is no number stays as it is."""
    try:
        found = float(value)
    except ValueError:
        return value or "missing"
    return readable(found, _UNITS.get(unit, Unit.NONE))


def usual(low: str, high: str, unit: str) -> str:
    """`usually 43.1 to 57.1 ms`, empty where it is not known."""
    try:
        ends = float(low), float(high)
    except ValueError:
        return ""
    if ends == (0.0, 0.0):
        return "usually 0"
    said = readable_range(*ends, math.nan, _UNITS.get(unit, Unit.NONE))
    return f"usually {said}" if said else ""


def labelled(label: str, lines: Sequence[str], width: int) -> list[str]:
    """Paragraphs behind a label, each wrapped at `width`; nothing where they are empty."""
    indent, out = " " * LABEL, []
    for line in lines:
        # A figure stays with its unit, and what must be copied is not broken.
        out += textwrap.wrap(
            _FIGURE.sub("\u00a0", printable(line)),
            width - LABEL,
            subsequent_indent=" " * _hang(line),
            break_long_words=False,
            break_on_hyphens=False,
        )
    return [
        (indent if number else label.ljust(LABEL)) + line.replace("\u00a0", " ")
        for number, line in enumerate(out)
    ]


def _hang(line: str) -> int:
    """What follows `1. ` stands below it."""
    return 3 if line[:1].isdigit() and line[1:3] == ". " else 0


def count(number: int, what: str) -> str:
    """`1 window`, `3 windows`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def ended(sentence: str) -> str:
    """With a full stop."""
    return sentence if not sentence or sentence.endswith((".", "!", "?")) else f"{sentence}."
