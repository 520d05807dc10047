"""One JSON object a line, as trainers write it, and as it is left when one is killed."""

from __future__ import annotations

import json
import re
from typing import Any

from detector_runtime.run_log.file_rows import Found
from detector_runtime.run_log.source import BadLine

_DECODER = json.JSONDecoder()
_TRIES = 8
"""Beginnings of objects that are tried in a line that is no JSON."""
_UNDEFINED = re.compile(r"(?<=[:,\[])\s*([+-]?)(nan|inf(?:inity)?)(?=\s*[,}\]])", re.IGNORECASE)


class JsonLines:
    """Lines into fields. It keeps nothing from line to line."""

    def begin(self) -> None:
        """Nothing is carried over into a new file."""

    def keep(self) -> Any:
        """Nothing has to be kept."""
        return None

    def resume(self, kept: Any) -> None:
        """Nothing was kept."""

    def take(self, number: int, raw: bytes, ended: bool) -> list[Found] | None:
        """The fields of a line; None where it waits for its rest."""
        text = raw.decode("utf-8", "replace")
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            if not text.strip("\0 \t\r\n"):
                return [] if ended else None
            return _rescued(number, text) if ended else None
        if not isinstance(found, dict):
            return [BadLine(f"line {number}", "is no JSON object")] if ended else None
        return [_encodable(found) if "\\u" in text else found]


def _rescued(number: int, text: str) -> list[Found]:
    """What a line that is no JSON still holds: numbers as Python prints them, and whole rows beside
    one that was cut when its writer was killed."""
    spelled = _UNDEFINED.sub(_token, text).rstrip()
    rows, bad, at, tries = list[Found](), False, 0, 0
    while 0 <= at < len(spelled):
        found, end = _object(spelled, at)
        if found is not None:
            rows.append(found)
            at = end
            continue
        bad, tries = True, tries + 1
        at = spelled.find("{", at + 1) if tries < _TRIES else -1
    return [BadLine(f"line {number}", "is no JSON"), *rows] if bad else rows


def _token(match: re.Match[str]) -> str:
    sign = "-" if match[1] == "-" else ""
    return f"{sign}Infinity" if match[2][0] in "iI" else "NaN"


def _object(text: str, at: int) -> tuple[dict[str, Any] | None, int]:
    """The object that begins there, if it is no part of another one, and its end."""
    try:
        found, end = _DECODER.raw_decode(text, at)
    except (ValueError, RecursionError):
        return None, at
    if not isinstance(found, dict) or text[end : end + 1] not in {"", "{"}:
        return None, at
    return _encodable(found), end


def _encodable(found: dict[str, Any]) -> dict[str, Any]:
    """Half a surrogate pair is valid in JSON and cannot be written as UTF-8."""
    return {_clean(name): _clean(value) for name, value in found.items()}


def _clean(value: Any) -> Any:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
