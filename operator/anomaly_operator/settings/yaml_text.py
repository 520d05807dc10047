"""Reads YAML as the API server does, because plain PyYAML reads YAML 1.1.

There `18:00` is 1080, `2026-11-20` a date object and `no` false; a schedule or a query would
change its meaning on the way. This loader knows only the core types of YAML 1.2: null, true,
false, integers, floats; all else stays the string that was written. It refuses duplicate keys,
which PyYAML lets the last one win, and tags, which could make objects.
"""

from __future__ import annotations

import re
from typing import Any

import yaml


class YAMLError(ValueError):
    """Text that is not YAML, or says one key twice. The message has line and column."""


class _CoreLoader(yaml.SafeLoader):
    """A SafeLoader with the YAML 1.2 core schema."""


class _QuickLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The same on libyaml, where PyYAML has it: many times as fast, with poorer messages."""


_RESOLVERS = (
    ("null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""]),
    ("bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")),
    ("int", re.compile(r"^[-+]?(?:0|[1-9][0-9]*)$"), list("-+0123456789")),
    (
        "float",
        re.compile(
            r"^[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?:\.[0-9]*)?[eE][-+]?[0-9]+)$"
            r"|^[-+]?\.(?:inf|Inf|INF)$|^\.(?:nan|NaN|NAN)$"
        ),
        list("-+.0123456789"),
    ),
)


def _mapping(loader: Any, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str):
            raise yaml.MarkedYAMLError(
                problem=f"key {key!r} is not a string; put it in quotes",
                problem_mark=key_node.start_mark,
            )
        if key in seen:
            raise yaml.MarkedYAMLError(
                problem=f"duplicate key {key!r}", problem_mark=key_node.start_mark
            )
        seen.add(key)
    found: dict[Any, Any] = loader.construct_mapping(node, deep=True)
    return found


for _loader in (_CoreLoader, _QuickLoader):
    # A table of its own, else the parent's YAML 1.1 resolvers would be copied into it.
    _loader.yaml_implicit_resolvers = {}
    for _tag, _pattern, _starts in _RESOLVERS:
        _loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", _pattern, _starts)
    _loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def load(text: str) -> Any:
    """The document in `text`. Raises YAMLError."""
    try:
        return yaml.load(text, Loader=_CoreLoader)  # noqa: S506 - a SafeLoader, see above
    except yaml.YAMLError as error:
        raise YAMLError(_where(error)) from error


def load_all(text: str) -> list[Any]:
    """All documents in `text`, empty ones left out. Raises YAMLError."""
    try:
        documents = list(yaml.load_all(text, Loader=_QuickLoader))
    except yaml.YAMLError:
        # Read again for what is wrong with it and where.
        try:
            documents = list(yaml.load_all(text, Loader=_CoreLoader))
        except yaml.YAMLError as error:
            raise YAMLError(_where(error)) from error
    return [document for document in documents if document is not None]


def _where(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"line {mark.line + 1}, column {mark.column + 1}: {error.problem}"
    return str(error)
