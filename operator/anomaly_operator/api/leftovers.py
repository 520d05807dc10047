"""Fields of a live status that its owner does not write: what another manager left there.

Server-side apply drops a field only where nobody else owns it. After a restore by a backup tool, or
an edit of managedFields, the tool owns what the operator owned, and what the operator drops later
would stay for ever. Nothing is decided here on when to remove it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from anomaly_operator.api.conditions import MAP_LISTS

Path = tuple[str | int, ...]


def leftovers(live: Mapping[str, Any], wanted: Mapping[str, Any]) -> tuple[Path, ...]:
    """Paths in `live` that `wanted` has not; an item of a list by its index. Lists that are no map
    lists have one owner, who writes them whole."""
    return tuple(_extra(live, wanted, (), ()))


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


def _extra(live: Any, wanted: Any, path: Path, names: tuple[str, ...]) -> Iterator[Path]:
    if isinstance(live, Mapping) and isinstance(wanted, Mapping):
        for key, value in live.items():
            if key not in wanted:
                yield (*path, key)
            else:
                yield from _extra(value, wanted[key], (*path, key), (*names, key))
    key = MAP_LISTS.get(names)
    if key is None or not (isinstance(live, list) and isinstance(wanted, list)):
        return
    known = {one.get(key): one for one in wanted}
    for index, item in enumerate(live):
        if item.get(key) not in known:
            yield (*path, index)
        else:
            yield from _extra(item, known[item.get(key)], (*path, index), names)
