"""A spec without what is said by default: the API server fills defaults in, a file leaves them out,
and the two must not look different. What a default is, only the operator's own reading knows. Pure.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from anomaly_operator.spec.service_parse import parse_service

Path = tuple[str | int, ...]


def essentials(spec: Mapping[str, Any]) -> dict[str, Any]:
    """`spec` without each field whose absence is read alike; one that cannot be read stays."""
    found: dict[str, Any] = copy.deepcopy(dict(spec))
    wanted, _ = parse_service(found)
    if wanted is None:
        return found
    for path in list(_leaves(found, ())):
        trial = copy.deepcopy(found)
        _remove(trial, path)
        if parse_service(trial)[0] == wanted:
            found = trial
    return found


def _leaves(value: Any, path: Path) -> Iterator[Path]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves(item, (*path, key))
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for number, item in enumerate(value):
            yield from _leaves(item, (*path, number))
    else:
        yield path


def _remove(document: Any, path: Path) -> None:
    """The field, and every object that is empty without it."""
    *way, last = path
    parents = [document]
    for step in way:
        parents.append(parents[-1][step])
    if not isinstance(parents[-1], dict):
        return
    del parents[-1][last]
    for parent, child, step in zip(parents[-2::-1], parents[:0:-1], way[::-1], strict=False):
        if child == {} and isinstance(parent, dict):
            del parent[step]
