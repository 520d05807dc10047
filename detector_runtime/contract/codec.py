"""JSON in and out for dataclasses: camelCase keys, enums by value, times as ISO 8601 texts.

One generic walk over the dataclass fields instead of a hand-written pair per type, so that a
field added to a document cannot be forgotten on one side. Where the JSON differs from the field,
the field's type says how: `Time`, `Key`, `OMIT_DEFAULT`; a class with `omit_empty = True` is
written without its empty fields. Unknown keys are ignored: during a rollout, and after a rollback,
the older release reads what the newer one wrote. What must not be ignored raises the format version
or is read with `strict`. Standard library only, as the scoring pod imports it once a minute.
"""

from __future__ import annotations

import dataclasses
import json
import types
from collections.abc import Callable, Hashable
from enum import Enum
from functools import lru_cache
from typing import Annotated, Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from detector_runtime.contract.text import iso, unix
from detector_runtime.contract.vocabulary import ContractError

T = TypeVar("T")


# Plain classes: each dataclass costs the scoring pod's start a millisecond.
class Key:
    """The field's JSON key where it is not the field's name in camelCase."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


class Converter:
    """How a value is written as text; `read` raises ValueError with the text in its message."""

    __slots__ = ("read", "write")

    def __init__(self, write: Callable[[Any], str], read: Callable[[str], Any]) -> None:
        self.write = write
        self.read = read


OMIT_DEFAULT = object()
"""Marks a field that is not written while it has its default value."""

PLAIN = frozenset({str, int, float, bool, type(None)})
"""Types whose values are JSON as they are: most of any document, so they are asked for first."""

Time = Annotated[int, Converter(iso, unix)]
"""Unix seconds, written as ISO 8601 in UTC with `Z`. A `Time | None` reads "" as None."""


class _Field:
    """One field as the walk needs it; `hint` without its annotations."""

    __slots__ = ("converter", "default", "hint", "key", "name", "omit_default", "required")

    def __init__(self, field: dataclasses.Field[Any], annotated: Any) -> None:
        none = dataclasses.MISSING
        hint, notes = _unwrapped(annotated)
        keys = (one.name for one in notes if isinstance(one, Key))
        self.name = field.name
        self.key = next(keys, camel(field.name))
        self.hint = hint
        self.required = field.default is none and field.default_factory is none
        self.default = field.default
        self.converter = next((one for one in notes if isinstance(one, Converter)), None)
        self.omit_default = any(one is OMIT_DEFAULT for one in notes)


@lru_cache(maxsize=1024)
def camel(name: str) -> str:
    """`scored_through` -> `scoredThrough`."""
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def encode(value: Any) -> Any:
    """A dataclass as JSON-ready values; fields that are None are left out."""
    if type(value) in PLAIN:
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _encode_fields(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple | list):
        return [encode(item) for item in value]
    return value


def _encode_fields(value: Any) -> dict[str, Any]:
    omit_empty = getattr(type(value), "omit_empty", False)
    document: dict[str, Any] = {}
    for key, field in _fields(cast("Hashable", type(value))).items():
        item = getattr(value, field.name)
        if item is None or (field.omit_default and item == field.default):
            continue
        encoded = field.converter.write(item) if field.converter else encode(item)
        if not (omit_empty and encoded in ("", [], {})):
            document[key] = encoded
    return document


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
    for key, field in fields.items():
        if key in document:
            values[field.name] = _field_value(field, document[key], f"{where}.{key}", strict)
        elif field.required:
            raise ContractError(f"{where}.{key}: missing")
    return kind(**values)


@lru_cache(maxsize=128)
def _fields(kind: Any) -> dict[str, _Field]:
    hints = get_type_hints(kind, include_extras=True)
    found = (_Field(field, hints[field.name]) for field in dataclasses.fields(kind))
    return {field.key: field for field in found}


def _unwrapped(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """`hint` without its annotations, and these; those of the `X` in `X | None` count, too."""
    if get_origin(hint) is Annotated:
        bare, *notes = get_args(hint)
        inner, more = _unwrapped(bare)
        return inner, (*notes, *more)
    if get_origin(hint) in (Union, types.UnionType):
        parts = [_unwrapped(part) for part in get_args(hint)]
        return Union[tuple(bare for bare, _ in parts)], tuple(  # noqa: UP007 - built at run time
            note for _, notes in parts for note in notes
        )
    return hint, ()


def _field_value(field: _Field, item: Any, path: str, strict: bool) -> Any:
    if field.converter is None:
        return _value(field.hint, item, path, strict)
    optional = type(None) in get_args(field.hint)
    if optional and item in (None, ""):
        return None
    if not isinstance(item, str):
        raise ContractError(f"{path}: expected a text, got {_shown(item)}")
    try:
        return field.converter.read(item)
    except ValueError as error:
        raise ContractError(f"{path}: {error}") from error


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
