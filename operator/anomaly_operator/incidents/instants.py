"""Times as the API writes them (`2026-11-22T10:40:00Z`) and as the fold counts them (seconds)."""

from __future__ import annotations

from datetime import UTC, datetime

from detector_runtime.contract.vocabulary import ContractError


def to_text(seconds: int) -> str:
    """Unix seconds as ISO 8601 in UTC with `Z`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def to_seconds(text: str, where: str) -> int:
    """Unix seconds of an ISO 8601 time with an offset, from 1970 on.

    Raises ContractError that names `where` and the text.
    """
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise ContractError(f"{where}: {text[:40]!r} is not an ISO 8601 time") from error
    if instant.tzinfo is None:
        raise ContractError(f"{where}: {text[:40]!r} names no offset from UTC; append Z")
    seconds = int(instant.timestamp())
    if seconds < 0:
        raise ContractError(f"{where}: {text[:40]!r} lies before 1970")
    return seconds


def span_text(seconds: int) -> str:
    """A duration for people, by its two largest units: `1h 12m`, `4m`, `45s`."""
    if seconds < 60:
        return f"{max(seconds, 0)}s"
    units = ((86_400, "d"), (3_600, "h"), (60, "m"))
    parts = []
    for size, unit in units:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2])
