"""Fields of a live status that its owner does not write: what another manager left there.

Server-side apply drops a field only where nobody else owns it. After a restore by a backup tool, or
an edit of managedFields, the tool owns what the operator owned, and what the operator drops later
would stay for ever. Nothing is decided here on when to remove it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from anomaly_operator.api.conditions import MAP_LISTS

Path = tuple[str | int, ...]
_Lists = Mapping[tuple[str, ...], str]
_STATUS = "f:status"


def leftovers(kind: str, live: Mapping[str, Any], wanted: Mapping[str, Any]) -> tuple[Path, ...]:
    """Paths in the `live` status of an object of `kind` that `wanted` has not; an item of a list by
    its index. Lists that are no map lists have one owner, who writes them whole."""
    return tuple(_extra(live, wanted, (), (), MAP_LISTS[kind]))


def says(kind: str, live: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether `live` has all of `wanted`, so that an apply of it would change no value."""
    return _covers(live, wanted, (), MAP_LISTS[kind])


def removal(paths: tuple[Path, ...], resource_version: str) -> list[dict[str, Any]]:
    """A JSON patch (RFC 6902) that removes `paths` of the status. It names the version that they
    were found in, so that another one is refused with 409."""
    version = {
        "op": "replace",
        "path": "/metadata/resourceVersion",
        "value": resource_version,
    }
    # The last item of a list first: removing one moves those behind it.
    ordered = sorted(paths, key=lambda path: [(str(type(one)), one) for one in path], reverse=True)
    return [version, *({"op": "remove", "path": pointer(path)} for path in ordered)]


def pointer(path: Path) -> str:
    """JSON Pointer (RFC 6901) of a path in the status."""
    parts = (str(one).replace("~", "~0").replace("/", "~1") for one in path)
    return "/status/" + "/".join(parts)


def field(kind: str, status: Mapping[str, Any], path: Path) -> str:
    """A path for people, with the key of an item in place of its index.

    >>> field("SLOPolicy", {"conditions": [{"type": "Old"}]}, ("conditions", 0))
    'status.conditions[Old]'
    """
    steps = _steps(status, path, MAP_LISTS[kind])
    return "status" + "".join(f"[{name}]" if key else f".{name}" for key, name in steps)


def managers(kind: str, raw: Mapping[str, Any], paths: tuple[Path, ...]) -> tuple[str, ...]:
    """The field managers that own one of `paths` in the status of `raw`, sorted. A field that
    nobody owns has none."""
    status = raw.get("status") or {}
    wanted = [_owned_as(status, path, MAP_LISTS[kind]) for path in paths]
    found = {
        str(entry.get("manager", ""))
        for entry in raw["metadata"].get("managedFields") or ()
        if any(_owns(entry.get("fieldsV1") or {}, keys) for keys in wanted)
    }
    return tuple(sorted(found))


def _extra(
    live: Any, wanted: Any, path: Path, names: tuple[str, ...], lists: _Lists
) -> Iterator[Path]:
    if isinstance(live, Mapping) and isinstance(wanted, Mapping):
        for key, value in live.items():
            if key not in wanted:
                yield (*path, key)
            else:
                yield from _extra(value, wanted[key], (*path, key), (*names, key), lists)
    key = lists.get(names)
    if key is None or not (isinstance(live, list) and isinstance(wanted, list)):
        return
    known = {one.get(key): one for one in wanted}
    for index, item in enumerate(live):
        if item.get(key) not in known:
            yield (*path, index)
        else:
            yield from _extra(item, known[item.get(key)], (*path, index), names, lists)


def _covers(live: Any, wanted: Any, names: tuple[str, ...], lists: _Lists) -> bool:
    if isinstance(live, Mapping) and isinstance(wanted, Mapping):
        return all(
            key in live and _covers(live[key], value, (*names, key), lists)
            for key, value in wanted.items()
        )
    key = lists.get(names)
    if key is None or not (isinstance(live, list) and isinstance(wanted, list)):
        return bool(live == wanted)
    known = {item.get(key): item for item in live}
    return all(
        item.get(key) in known and _covers(known[item.get(key)], item, names, lists)
        for item in wanted
    )


def _owned_as(status: Any, path: Path, lists: _Lists) -> tuple[str, ...]:
    """`path` in the notation of managedFields: `f:` and a field, `k:` and the keys of an item."""
    items = (
        f"f:{field}" if not key else f"k:{json.dumps({key: field}, separators=(',', ':'))}"
        for key, field in _steps(status, path, lists)
    )
    return (_STATUS, *items)


def _steps(status: Any, path: Path, lists: _Lists) -> Iterator[tuple[str, Any]]:
    """For each part of `path` an empty text and the field, or the key of an item and its value."""
    names: tuple[str, ...] = ()
    for part in path:
        if isinstance(part, str):
            names = (*names, part)
            yield "", part
        else:
            key = lists[names]
            yield key, status[part].get(key)
        status = status[part]


def _owns(fields: Mapping[str, Any], keys: tuple[str, ...]) -> bool:
    for key in keys:
        if key not in fields:
            return False
        fields = fields[key]
    return True
