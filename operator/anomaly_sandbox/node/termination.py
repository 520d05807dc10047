"""A container's last words, by the rules of terminationMessagePolicy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

Json = dict[str, Any]
MAX_BYTES = 4096
_LOG_BYTES, _LOG_LINES = 2048, 80


def message(container: Json, exit_code: int, written: Path, log: Path) -> str:
    """What the container wrote to its termination file, else the end of a failed one's log."""
    text = _head(written)
    fallback = container.get("terminationMessagePolicy") == "FallbackToLogsOnError"
    if text or not fallback or exit_code == 0:
        return text
    return _tail(log)


def _head(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES).decode(errors="replace")
    except OSError:
        return ""


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _LOG_BYTES))
            text = file.read(_LOG_BYTES).decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-_LOG_LINES:])
