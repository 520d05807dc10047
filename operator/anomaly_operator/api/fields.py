"""Reads the fields of a document, typed, with the path and the value in every complaint.

Two documents are read so. A custom resource may be older than its schema, so the schema is not
trusted: whatever does not fit becomes a `SpecError`, never another exception. The settings file
has no schema at all: it raises `SettingsError`, and `done` refuses the keys that nobody read.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from anomaly_operator.api.durations import parse_seconds
from anomaly_operator.api.problem import Problem
from anomaly_operator.api.reasons import Reason
from anomaly_operator.api.text import cut

E = TypeVar("E", bound=StrEnum)

_CLOCK = re.compile(r"^([01]\d|2[0-3]):([0-5]\d)$")
_SHOWN_BYTES = 120


class SpecError(ValueError):
    """A field that cannot be used; retrying is useless until the object is edited."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


class SettingsError(ValueError):
    """A settings file that cannot be used. The message has the path, the value, what to write."""


class Fields:
    """A mapping at `path`. Getters return the default for an absent or null field.

    `error` makes the exception of a complaint. Limits of numbers and durations are inclusive.
    """

    def __init__(
        self, document: Any, path: str, error: Callable[[Problem], ValueError] = SpecError
    ) -> None:
        self.path = path
        self._error = error
        self._read: set[str] = set()
        self._document: Mapping[str, Any] = {}
        if not isinstance(document, Mapping):
            raise self.refuse("", f"expected a mapping, found {_shown(document)}")
        self._document = document

    def at(self, key: str) -> str:
        return ".".join(part for part in (self.path, key) if part)

    def refuse(self, key: str, message: str, reason: Reason = Reason.INVALID_SPEC) -> ValueError:
        """The error to raise about the field `key`, or about the whole mapping for an empty key."""
        return self._error(Problem(reason, self.at(key), message))

    def has(self, key: str) -> bool:
        return self._document.get(key) is not None

    def done(self) -> None:
        """Refuse keys that nobody read, so that a misspelt one is not ignored."""
        unknown = ", ".join(self.at(key) for key in sorted(self._document.keys() - self._read))
        if unknown:
            text = f"unknown setting {unknown}; see the settings reference"
            raise self._error(Problem(Reason.INVALID_SPEC, "", text))

    def text(self, key: str, default: str = "") -> str:
        value = self._value(key)
        if value is None:
            return default
        if not isinstance(value, str):
            raise self.refuse(key, f"{_shown(value)} is not a string; put it in quotes")
        return value

    def required_text(self, key: str, example: str) -> str:
        value = self.text(key)
        if not value:
            raise self.refuse(key, f"required; write for example {key}: {example}")
        return value

    def flag(self, key: str, default: bool) -> bool:
        value = self._value(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.refuse(key, f"{_shown(value)} is neither true nor false")
        return value

    def integer(self, key: str, default: int, minimum: int = 0, maximum: int | None = None) -> int:
        value = self._value(key)
        if value is None:
            return default
        # A chart renders large integers as 6.7108864e+07.
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.refuse(key, f"{_shown(value)} is not a whole number")
        if value < minimum or (maximum is not None and value > maximum):
            raise self.refuse(key, f"{value} is {_outside(minimum, maximum)}")
        return value

    def number(self, key: str, default: float, minimum: float, maximum: float) -> float:
        value = self._value(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.refuse(key, f"{_shown(value)} is not a number")
        if not minimum <= value <= maximum:
            raise self.refuse(key, f"{value} is {_outside(minimum, maximum)}")
        return float(value)

    def choice(self, key: str, default: E) -> E:
        """A member of the enum of `default`."""
        value = self._value(key)
        return default if value is None else self._member(key, value, type(default))

    def optional_choice(self, key: str, kind: type[E]) -> E | None:
        value = self._value(key)
        return None if value is None else self._member(key, value, kind)

    def seconds(
        self, key: str, default: float, minimum: float = 0, maximum: float | None = None
    ) -> float:
        """Seconds of a duration such as `5m`."""
        text = self.text(key)
        if not self.has(key):
            return default
        try:
            value = parse_seconds(text)
        except ValueError as error:
            raise self.refuse(key, str(error)) from error
        if value < minimum or (maximum is not None and value > maximum):
            raise self.refuse(key, f"{text} is {_outside(minimum, maximum, 's')}")
        return value

    def whole_seconds(self, key: str, default: int, minimum: int = 0) -> int:
        value = self.seconds(key, default, minimum)
        if value != int(value):
            raise self.refuse(key, f"{self.text(key)} is not a whole number of seconds")
        return int(value)

    def decimal(self, key: str) -> float | None:
        """A quoted decimal: `"0.5"`."""
        text = self.text(key)
        if not text:
            return None
        value = _finite(text)
        if value is None:
            raise self.refuse(key, f'{_shown(text)} is not a decimal; write it as "0.5"')
        return value

    def share(self, key: str) -> float | None:
        """A percentage as a fraction: `0.5%` is 0.005."""
        text = self.text(key)
        if not text:
            return None
        value = _finite(text.removesuffix("%")) if text.endswith("%") else None
        if value is None:
            raise self.refuse(key, f"{_shown(text)} is not a percentage; write it as 0.5%")
        return value / 100

    def clock(self, key: str) -> int:
        """Minutes from midnight of `18:00`."""
        text = self.text(key)
        match = _CLOCK.match(text)
        if match is None:
            raise self.refuse(key, f"{_shown(text)} is not a time of day; write it as 08:00")
        return int(match[1]) * 60 + int(match[2])

    def moment(self, key: str) -> int:
        """Unix seconds of an ISO 8601 time with a zone."""
        text = self.text(key)
        try:
            when = datetime.fromisoformat(text)
        except ValueError:
            when = None
        if when is None or when.tzinfo is None:
            example = "2026-11-20T00:00:00Z"
            raise self.refuse(key, f"{_shown(text)} is not a time; write it as {example}")
        return int(when.timestamp())

    def child(self, key: str) -> Fields:
        """The mapping at `key`; an empty one when it is absent."""
        value = self._value(key)
        return Fields({} if value is None else value, self.at(key), self._error)

    def children(self) -> dict[str, Fields]:
        """Every value as a mapping, by key: for mappings whose keys are names."""
        return {key: self.child(key) for key in self._document}

    def keys(self) -> frozenset[str]:
        """The keys that are there, whatever they hold."""
        return frozenset(self._document)

    def items(self, key: str) -> Iterator[Fields]:
        """The mappings of the list at `key`, with paths such as spec.metrics[0]."""
        for index, item in enumerate(self._list(key, "mappings")):
            yield Fields(item, f"{self.at(key)}[{index}]", self._error)

    def texts(self, key: str) -> tuple[str, ...]:
        values = self._list(key, "strings")
        for value in values:
            if not isinstance(value, str):
                raise self.refuse(key, f"{_shown(value)} is not a string; put it in quotes")
        return tuple(values)

    def text_map(self, key: str) -> dict[str, str]:
        value = self.mapping(key)
        if not all(isinstance(item, str) for item in value.values()):
            raise self.refuse(key, "expected a mapping of strings; put its values in quotes")
        return dict(value)

    def quantities(self, key: str) -> dict[str, str]:
        """A mapping of quantities as text; an integer is one, as everywhere in Kubernetes."""
        value = self.mapping(key)
        if not all(map(_may_be_quantity, value.values())):
            raise self.refuse(key, "expected a mapping of quantities, written as 500m, 1Gi or 2")
        return {name: str(amount) for name, amount in value.items()}

    def mapping(self, key: str, default: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """A mapping that is handed on as it is (resources, node selectors)."""
        value = self._value(key)
        if value is None:
            return default or {}
        if not isinstance(value, Mapping):
            raise self.refuse(key, f"expected a mapping, found {_shown(value)}")
        return dict(value)

    def mappings(self, key: str) -> tuple[Mapping[str, Any], ...]:
        """A list of mappings that are handed on as they are."""
        values = self._list(key, "mappings")
        for value in values:
            if not isinstance(value, Mapping):
                raise self.refuse(key, f"expected a list of mappings, found {_shown(value)} in it")
        return tuple(dict(value) for value in values)

    def _value(self, key: str) -> Any:
        self._read.add(key)
        return self._document.get(key)

    def _list(self, key: str, of: str) -> list[Any]:
        value = self._value(key)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.refuse(key, f"expected a list of {of}, found {_shown(value)}")
        return value

    def _member(self, key: str, value: Any, kind: type[E]) -> E:
        try:
            return kind(value)
        except ValueError as error:
            raise self.refuse(key, f"{_shown(value)} is none of {', '.join(kind)}") from error


def _shown(value: Any) -> str:
    return cut(repr(value), _SHOWN_BYTES)


def _outside(minimum: float, maximum: float | None, unit: str = "") -> str:
    if maximum is None:
        return f"less than {minimum:g}{unit}"
    return f"not between {minimum:g}{unit} and {maximum:g}{unit}"


def _finite(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _may_be_quantity(value: object) -> bool:
    return isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool))
