"""JSON in and out for the dataclasses of `contract`: camelCase keys, enums by value.

One generic walk over the dataclass fields instead of a hand-written pair per type, so that a
field added to the contract cannot be forgotten on one side. Standard library only: the operator
imports it beside `contract`. Unknown keys are left aside: during a rollout, and after a rollback,
the older release reads what the newer one wrote. What must not be ignored raises the format version
or is read with `strict`.
"""

from __future__ import annotations

import dataclasses
import json
import types
from collections.abc import Hashable
from enum import Enum
from functools import lru_cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from detector_runtime.contract.vocabulary import ContractError

T = TypeVar("T")


def camel(name: str) -> str:
    """`scored_through` -> `scoredThrough`."""
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def encode(value: Any) -> Any:
    """A dataclass as JSON-ready values; fields that are None are left out."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        pairs = ((field.name, getattr(value, field.name)) for field in dataclasses.fields(value))
        return {camel(name): encode(item) for name, item in pairs if item is not None}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple | list):
        return [encode(item) for item in value]
    return value


def dumps(value: Any) -> str:
    """Canonical JSON text: sorted keys, no blanks; equal values give equal bytes."""
    return json.dumps(encode(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


def loads(kind: type[T], text: str | bytes) -> T:
    """Parse `text` as `kind`; ContractError names the path and the value that does not fit."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise ContractError(f"{kind.__name__}: not JSON ({error})") from error
    return decode(kind, document)


def decode(kind: type[T], document: Any, path: str = "", *, strict: bool = False) -> T:
    """Turn JSON values into the dataclass `kind`; missing keys raise ContractError, and unknown
    ones too where `strict`.
    """
    where = path or kind.__name__
    if not isinstance(document, dict):
        raise ContractError(f"{where}: expected an object, got {_shown(document)}")
    fields = _fields(cast("Hashable", kind))
    unknown = sorted(set(document) - set(fields))
    if strict and unknown:
        raise ContractError(f"{where}: unknown field {unknown[0]!r}")
    values: dict[str, Any] = {}
    for key, (name, hint, required) in fields.items():
        if key in document:
            values[name] = _value(hint, document[key], f"{where}.{key}", strict)
        elif required:
            raise ContractError(f"{where}.{key}: missing")
    return kind(**values)


@lru_cache(maxsize=128)
def _fields(kind: Any) -> dict[str, tuple[str, Any, bool]]:
    hints = get_type_hints(kind)
    none = dataclasses.MISSING
    return {
        camel(field.name): (
            field.name,
            hints[field.name],
            field.default is none and field.default_factory is none,
        )
        for field in dataclasses.fields(kind)
    }


def _value(hint: Any, item: Any, path: str, strict: bool) -> Any:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        if item is None:
            return None
        inner = next(part for part in get_args(hint) if part is not type(None))
        return _value(inner, item, path, strict)
    if origin is tuple:
        return _sequence(get_args(hint), item, path, strict)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return decode(hint, item, path, strict=strict)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _member(hint, item, path)
    return _scalar(hint, item, path)


def _sequence(parts: tuple[Any, ...], item: Any, path: str, strict: bool) -> tuple[Any, ...]:
    if not isinstance(item, list):
        raise ContractError(f"{path}: expected a list, got {_shown(item)}")
    if len(parts) == 2 and parts[1] is Ellipsis:
        return tuple(_value(parts[0], one, f"{path}[{i}]", strict) for i, one in enumerate(item))
    if len(item) != len(parts):
        raise ContractError(f"{path}: expected {len(parts)} items, got {len(item)}")
    pairs = zip(parts, item, strict=True)
    return tuple(_value(part, one, f"{path}[{i}]", strict) for i, (part, one) in enumerate(pairs))


def _member(kind: type[Enum], item: Any, path: str) -> Enum:
    try:
        return kind(item)
    except ValueError as error:
        allowed = ", ".join(str(member.value) for member in kind)
        raise ContractError(f"{path}: {_shown(item)} is none of {allowed}") from error


def _scalar(hint: Any, item: Any, path: str) -> Any:
    if hint is float and isinstance(item, int) and not isinstance(item, bool):
        return float(item)
    if isinstance(item, hint) and not (hint is int and isinstance(item, bool)):
        return item
    raise ContractError(f"{path}: expected {hint.__name__}, got {_shown(item)}")


def _shown(item: Any) -> str:
    text = repr(item)
    return text if len(text) <= 60 else text[:57] + "..."
