"""Reading a custom resource's fields: typed, with the path and the value in every complaint.

The schema has checked shapes already, but objects may be older than the schema, so nothing here
trusts it: whatever does not fit becomes a `SpecError`, never another exception.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from anomaly_operator.api.durations import parse_seconds
from anomaly_operator.api.problem import Problem
from anomaly_operator.api.reasons import Reason

E = TypeVar("E", bound=StrEnum)

_CLOCK = re.compile(r"^([01]\d|2[0-3]):([0-5]\d)$")


class SpecError(ValueError):
    """A field that cannot be used; retrying is useless until the object is edited."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


class Fields:
    """A JSON object at `path`. Getters return the default for an absent or null field."""

    def __init__(self, document: Any, path: str) -> None:
        if not isinstance(document, Mapping):
            raise SpecError(Problem(Reason.INVALID_SPEC, path, "is not an object"))
        self._document = document
        self._path = path

    def at(self, key: str) -> str:
        return f"{self._path}.{key}"

    def refuse(self, key: str, message: str, reason: Reason = Reason.INVALID_SPEC) -> SpecError:
        return SpecError(Problem(reason, self.at(key), message))

    def has(self, key: str) -> bool:
        return self._document.get(key) is not None

    def text(self, key: str, default: str = "") -> str:
        value = self._document.get(key)
        if value is None:
            return default
        if not isinstance(value, str):
            raise self.refuse(key, f"{value!r} is not a string; quote it")
        return value

    def flag(self, key: str, default: bool) -> bool:
        value = self._document.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.refuse(key, f"{value!r} is neither true nor false")
        return value

    def integer(self, key: str, default: int, minimum: int = 0) -> int:
        value = self._document.get(key)
        if value is None:
            return default
        if not isinstance(value, int) or isinstance(value, bool) or value < minimum:
            raise self.refuse(key, f"{value!r} is not a whole number of at least {minimum}")
        return value

    def choice(self, key: str, kind: type[E], default: E) -> E:
        value = self.text(key, default.value)
        try:
            return kind(value)
        except ValueError as error:
            allowed = ", ".join(member.value for member in kind)
            raise self.refuse(key, f"{value!r} is none of {allowed}") from error

    def optional_choice(self, key: str, kind: type[E]) -> E | None:
        return self.choice(key, kind, next(iter(kind))) if self.has(key) else None

    def seconds(self, key: str, default: float) -> float:
        text = self.text(key)
        if not text:
            return default
        try:
            return parse_seconds(text)
        except ValueError as error:
            raise self.refuse(key, str(error)) from error

    def whole_seconds(self, key: str, default: int, minimum: int = 0) -> int:
        value = self.seconds(key, default)
        if value != int(value) or value < minimum:
            raise self.refuse(key, f"{self.text(key)!r} is not whole seconds from {minimum}s up")
        return int(value)

    def decimal(self, key: str) -> float | None:
        """A quoted decimal: `"0.5"`."""
        text = self.text(key)
        if not text:
            return None
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise self.refuse(key, f'{text!r} is not a decimal; write it as "0.5"')
        return value

    def share(self, key: str) -> float | None:
        """A percentage as a fraction: `0.5%` is 0.005."""
        text = self.text(key)
        if not text:
            return None
        try:
            value = float(text.removesuffix("%")) / 100 if text.endswith("%") else math.nan
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise self.refuse(key, f"{text!r} is not a percentage; write it as 0.5%")
        return value

    def clock(self, key: str) -> int:
        """Minutes from midnight of `18:00`."""
        text = self.text(key)
        match = _CLOCK.match(text)
        if match is None:
            raise self.refuse(key, f"{text!r} is not a time of day; write it as 08:00")
        return int(match[1]) * 60 + int(match[2])

    def moment(self, key: str) -> int:
        """Unix seconds of an ISO 8601 time with a zone."""
        text = self.text(key)
        try:
            when = datetime.fromisoformat(text)
        except ValueError:
            when = None
        if when is None or when.tzinfo is None:
            raise self.refuse(key, f"{text!r} is not a time; write it as 2026-11-20T00:00:00Z")
        return int(when.timestamp())

    def child(self, key: str) -> Fields:
        """The object at `key`; an empty one when it is absent."""
        value = self._document.get(key)
        return Fields({} if value is None else value, self.at(key))

    def items(self, key: str) -> Iterator[Fields]:
        """The objects of the list at `key`, with paths such as spec.metrics[0]."""
        for index, item in enumerate(self._list(key)):
            yield Fields(item, f"{self.at(key)}[{index}]")

    def texts(self, key: str) -> tuple[str, ...]:
        values = self._list(key)
        if not all(isinstance(value, str) for value in values):
            raise self.refuse(key, "is not a list of strings")
        return tuple(values)

    def mapping(self, key: str) -> dict[str, str]:
        value = self._document.get(key)
        if value is None:
            return {}
        if not isinstance(value, Mapping) or not all(isinstance(v, str) for v in value.values()):
            raise self.refuse(key, "is not a map of strings; quote its values")
        return dict(value)

    def quantities(self, key: str) -> dict[str, str]:
        """A map of quantities as text; an integer is one, as everywhere in Kubernetes."""
        value = self._document.get(key)
        if value is None:
            return {}
        if not isinstance(value, Mapping) or not all(map(_is_quantity, value.values())):
            raise self.refuse(key, "is not a map of quantities; write them as 500m, 1Gi or 2")
        return {name: str(amount) for name, amount in value.items()}

    def _list(self, key: str) -> list[Any]:
        value = self._document.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.refuse(key, "is not a list")
        return value


def _is_quantity(value: object) -> bool:
    return isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool))
