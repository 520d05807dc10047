"""Times, durations and texts in the forms that the API and people read.

Times are unix seconds inside the operator and ISO 8601 in UTC outside; nothing here reads a clock.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from detector_runtime.contract.text import iso as to_text
from detector_runtime.contract.text import unix
from detector_runtime.contract.vocabulary import ContractError

__all__ = ["cut", "micro_time", "span_text", "to_seconds", "to_text", "unix_seconds"]


def to_seconds(text: str, where: str) -> int:
    """Unix seconds of an ISO 8601 time with an offset, from 1970 on.

    Raises ContractError that names `where` and the text.
    """
    try:
        return unix(text)
    except ValueError as error:
        raise ContractError(f"{where}: {error}") from error


def unix_seconds(text: Any) -> int:
    """Unix seconds of an ISO 8601 time with an offset; 0 for an absent or malformed one."""
    try:
        return unix(str(text))
    except ValueError:
        return 0


def micro_time(wall: float) -> str:
    """Unix seconds as the API's MicroTime."""
    return datetime.fromtimestamp(wall, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


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


def cut(text: str, limit: int) -> str:
    """At most `limit` bytes of UTF-8, never half a character; a cut text ends in three dots."""
    data = text.encode()
    if len(data) <= limit:
        return text
    return data[: limit - 3].decode(errors="ignore") + "..."


def sentence(text: str) -> str:
    """`text` with a capital letter and a full stop. A name or a field at its start stays as it is.

    >>> sentence("no data"), sentence("spec.metrics: is empty"), sentence("Done.")
    ('No data.', 'spec.metrics: is empty.', 'Done.')
    """
    text = text.strip()
    first = text.partition(" ")[0].rstrip(",;:")
    if first.isalpha() and first.islower():
        text = text[0].upper() + text[1:]
    return text if not text or text.endswith((".", "!", "?")) else f"{text}."
