"""Two documents as lines `path: old -> new`, lists by the names of their items. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

MAX_VALUE = 60
"""Characters of a value in a line; a query may be long."""
_KEYS = ("name", "type", "key")
_ABSENT = object()


def differences(old: Any, new: Any, path: str = "") -> Iterator[str]:
    """What differs, in the order of the keys."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({*old, *new}):
            where = f"{path}.{key}" if path else str(key)
            yield from differences(old.get(key, _ABSENT), new.get(key, _ABSENT), where)
    elif _named(old) and _named(new):
        yield from differences(_by_name(old), _by_name(new), path)
    elif _fills(old, new) or _fills(new, old):
        yield from differences({} if old is _ABSENT else old, {} if new is _ABSENT else new, path)
    elif _name(new) and old is _ABSENT:
        yield f"{path}: added"
    elif _name(old) and new is _ABSENT:
        yield f"{path}: removed"
    elif old != new:
        yield f"{path}: {_shown(old)} -> {_shown(new)}"


def _fills(value: Any, absent: Any) -> bool:
    """Whether it is a group of fields of which the other side has none. An item is not."""
    return absent is _ABSENT and isinstance(value, Mapping) and bool(value) and not _name(value)


def _named(value: Any) -> bool:
    """Whether it is a list whose items have names; an empty one may be either."""
    return isinstance(value, list) and all(_name(item) for item in value)


def _by_name(items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {_name(item): item for item in items}


def _name(item: Any) -> str:
    if not isinstance(item, Mapping):
        return ""
    return next((str(item[key]) for key in _KEYS if item.get(key)), "")


def _shown(value: Any) -> str:
    if value is _ABSENT:
        return "(not set)"
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    text = text or '""'
    return text if len(text) <= MAX_VALUE else f"{text[: MAX_VALUE - 3]}..."
