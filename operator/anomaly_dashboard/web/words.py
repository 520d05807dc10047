"""Small functions that templates share: times, addresses, classes of severity."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from markupsafe import Markup

from anomaly_operator.api.text import to_text
from detector_runtime.contract.vocabulary import Severity

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
_SYMBOLS = {
    Severity.CRITICAL: "▲▲",
    Severity.HIGH: "▲",
    Severity.MEDIUM: "◆",
    Severity.LOW: "●",
}


def address(path: str, query: Mapping[str, object]) -> str:
    """`path` with a query of what is not empty."""
    said = {key: str(value) for key, value in query.items() if value not in {None, "", 0}}
    return f"{path}?{urlencode(said)}" if said else path


def segment(text: str) -> str:
    """A name as one part of a path."""
    return quote(text, safe="")


def span(seconds: float) -> str:
    """A length of time by its two largest units, such as `2 h 5 min`."""
    left, parts = max(int(seconds), 0), list[str]()
    for size, unit in _UNITS:
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {unit}")
        if len(parts) == 2 or (parts and not count):
            break
    return " ".join(parts) or "0 s"


def moment(at: int, now: int) -> Markup:
    """A time as `12 min ago`, with the whole time in its title; a dash where none is known."""
    if not at:
        return Markup("–")
    whole = to_text(at)
    away = abs(now - at)
    # Nobody reads the seconds of minutes, and a page is not that young.
    told = span(away - away % 60 if away >= 60 else away)
    said = f"{told} ago" if at <= now else f"in {told}"
    return Markup('<time datetime="{0}" title="{0}">{1}</time>').format(whole, said)


def severity_symbol(severity: Severity) -> str:
    """The symbol alone, where the word stands elsewhere; empty below Low."""
    return _SYMBOLS.get(severity, "")


def severity_mark(severity: Severity) -> Markup:
    """A severity as symbol and word, so that it does not hang on colour."""
    symbol = severity_symbol(severity)
    word = severity.value if severity is not Severity.NONE else "None"
    template = '<span class="severity severity-{0}"><span aria-hidden="true">{1}</span> {2}</span>'
    return Markup(template).format(word.lower(), symbol, word)  # noqa: S704 - format escapes


def clock_hour(at: int) -> str:
    """The hour of a time in UTC, such as `07`."""
    return to_text(at)[11:13]


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "segment": segment,
    "span": span,
    "moment": moment,
    "severity_mark": severity_mark,
    "clock_hour": clock_hour,
    "severity_symbol": severity_symbol,
}
"""By the names that templates know them by."""
