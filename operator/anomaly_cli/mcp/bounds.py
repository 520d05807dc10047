"""Keeps an answer small and free of what cannot be seen.

Names, messages and comments of a cluster may come from anybody who can write there. Control
characters, characters that change the direction of a text and invisible ones (some assistants read
them as text) are removed, not escaped: no reader of an answer needs them. Pure.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from typing import Any

MAX_ITEMS = 100
MAX_LETTERS = 2_000
"""Characters of one text in a document."""
MAX_TEXT = 20_000
"""Bytes of the text of an answer, in UTF-8."""
MAX_DOCUMENT = 100_000
"""Bytes of the document of an answer, as JSON."""
NOTE = "The answer is cut; narrow the question to see the rest."
_INVISIBLE = ((0xFE00, 0xFE0F), (0xE0100, 0xE01EF), (0x115F, 0x1160), (0x3164, 0x3164))
"""Variation selectors and Hangul fillers: of a printable category, and shown as nothing."""


def visible(text: str) -> str:
    """`text` without what cannot be seen; its line breaks stay.

    >>> visible("a\\x1b[2Jb\\u202ec\\U000e0041d\\n\\u00a0e")
    'a[2Jbcd\\n e'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(one if one.isascii() else _plain(one) for one in text if _shown(one))


def cut(text: str) -> str:
    """`text` of at most MAX_TEXT bytes, and a line that says so where it was longer."""
    encoded = text.encode(errors="ignore")
    if len(encoded) <= MAX_TEXT:
        return text
    kept = encoded[:MAX_TEXT].decode(errors="ignore")
    return f"{kept}\n(cut at {MAX_TEXT // 1000} kB of {len(encoded) // 1000} kB)"


def bounded(document: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """A JSON document with at most MAX_ITEMS items in a list and MAX_LETTERS in a text, fewer where
    it would be larger than MAX_DOCUMENT; and whether anything was left out."""
    found: dict[str, Any] = {}
    for divisor in (1, 2, 4, 8, 20, 100):
        bound = _Bound(MAX_ITEMS // divisor, MAX_LETTERS // divisor)
        found = bound.mapping(document)
        if len(json.dumps(found)) <= MAX_DOCUMENT:
            return found, bound.cut
    return found, True


class _Bound:
    def __init__(self, items: int, letters: int) -> None:
        self._items, self._letters = items, letters
        self.cut = False

    def mapping(self, document: Mapping[str, Any]) -> dict[str, Any]:
        return {self._text(key): self._value(one) for key, one in document.items()}

    def _value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, Mapping):
            return self.mapping(value)
        if isinstance(value, list | tuple):
            self.cut = self.cut or len(value) > self._items
            return [self._value(one) for one in value[: self._items]]
        return value

    def _text(self, text: str) -> str:
        if len(text) <= self._letters:
            return visible(text)
        self.cut = True
        return f"{visible(text[: self._letters])}..."


def _shown(character: str) -> bool:
    if character in {"\n", " "}:
        return True
    if unicodedata.category(character) == "Zs":
        return True
    code = ord(character)
    return character.isprintable() and not any(low <= code <= high for low, high in _INVISIBLE)


def _plain(character: str) -> str:
    return " " if unicodedata.category(character) == "Zs" else character
