"""What an administrator adds to every request to a source: headers, parameters and limits.

The rules stand here because both sides keep them: the operator refuses a setting, the runner
refuses a RunConfig. Values are plain settings and no secrets; a login goes through the mounted
Secret of the source's `auth`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_ENTRIES = 16
MAX_VALUE = 512
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
_PARAMETER = re.compile(r"[A-Za-z0-9_.-]{1,64}(\[\])?")
_OURS = frozenset({"query", "start", "end", "step", "timeout", "time"})
_LOGIN = frozenset({"authorization", "proxy-authorization", "cookie"})
# Of the connection (RFC 9110 section 7.6.1), of the message's shape, or what decides how the answer
# is read.
_CONNECTION = frozenset({
    "host", "connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding",
    "upgrade", "expect", "via", "forwarded", "accept", "accept-encoding", "accept-charset", "range",
    "date",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class SourceRequest:
    """Pairs of name and value, final (placeholders filled in). A parameter may stand there twice.

    `harmless_warnings`: beginnings of warning texts that say nothing of missing data.
    """

    headers: tuple[tuple[str, str], ...] = ()
    parameters: tuple[tuple[str, str], ...] = ()
    harmless_warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceLimits:
    """What one range query may ask for: points of a series, seconds from start to end; 0 = any."""

    max_points: int = 0
    max_range_seconds: int = 0


def header_problem(name: str) -> str:
    """Why a header of that name may not be set; empty when it may."""
    low = name.lower()
    if not _TOKEN.fullmatch(name):
        return f"{name!r} is no header name"
    if low in _LOGIN:
        return f"{name} is a login; put it into the Secret that auth names"
    if low in _CONNECTION or low.startswith("content-"):
        return f"{name} is set by the client itself"
    return ""


def parameter_problem(name: str) -> str:
    """Why a parameter of that name may not be added; empty when it may."""
    if not _PARAMETER.fullmatch(name):
        return f"{name!r} is no parameter name"
    if name in _OURS:
        return f"{name} is set for each query"
    return ""


def value_problem(value: str) -> str:
    """Why a value may not stand in a header or parameter; empty when it may."""
    if not value.isascii() or not value.isprintable() or value != value.strip():
        return f"{value!r} holds a character outside printable ASCII, or a blank at an end"
    if not value or len(value) > MAX_VALUE:
        return f"a value has 1 to {MAX_VALUE} characters, this one {len(value)}"
    return ""
