"""Reads one mapping of the settings file strictly, so that no setting is silently ignored.

Each key is taken once with its type; what is left over at the end is refused with its path.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, TypeVar

from anomaly_operator.api.durations import parse_seconds

E = TypeVar("E", bound=StrEnum)
T = TypeVar("T")


class SettingsError(ValueError):
    """A settings file that cannot be used. The message has the path, the value, what to write."""


class Section:
    """One mapping being read; `path` is where it stands, as in `storage.size`."""

    def __init__(self, value: Any, path: str) -> None:
        if value is None:
            value = {}
        if not isinstance(value, Mapping):
            raise SettingsError(f"{path or 'the file'}: expected a mapping, found {value!r}")
        self.path = path
        self._left = dict(value)

    def __contains__(self, key: str) -> bool:
        return self._left.get(key) is not None

    def at(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key

    def _take(self, key: str, default: T, convert: Callable[[Any], T]) -> T:
        value = self._left.pop(key, None)
        if value is None:
            return default
        try:
            return convert(value)
        except ValueError as error:
            raise SettingsError(f"{self.at(key)}: {error}") from error

    def text(self, key: str, default: str = "") -> str:
        return self._take(key, default, _text)

    def required_text(self, key: str, example: str) -> str:
        value = self.text(key)
        if not value:
            raise SettingsError(f"{self.at(key)} is missing; write for example {key}: {example}")
        return value

    def flag(self, key: str, default: bool) -> bool:
        return self._take(key, default, _flag)

    def integer(self, key: str, default: int, least: int, most: int) -> int:
        def convert(value: Any) -> int:
            # A chart renders large integers as 6.7108864e+07.
            if isinstance(value, float) and value.is_integer():
                value = int(value)
            if isinstance(value, bool) or not isinstance(value, int):
                raise ValueError(f"{value!r} is not a whole number")
            if not least <= value <= most:
                raise ValueError(f"{value} is not between {least} and {most}")
            return value

        return self._take(key, default, convert)

    def number(self, key: str, default: float, least: float, most: float) -> float:
        def convert(value: Any) -> float:
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ValueError(f"{value!r} is not a number")
            if not least <= value <= most:
                raise ValueError(f"{value} is not between {least:g} and {most:g}")
            return float(value)

        return self._take(key, default, convert)

    def seconds(self, key: str, default: float, least: float, most: float) -> float:
        def convert(value: Any) -> float:
            seconds = parse_seconds(_text(value))
            if not least <= seconds <= most:
                raise ValueError(f"{value} is not between {least:g}s and {most:g}s")
            return seconds

        return self._take(key, default, convert)

    def choice(self, key: str, default: E) -> E:
        kind = type(default)

        def convert(value: Any) -> E:
            try:
                return kind(value)
            except ValueError:
                raise ValueError(f"{value!r} is none of {', '.join(kind)}") from None

        return self._take(key, default, convert)

    def texts(self, key: str) -> tuple[str, ...]:
        def convert(value: Any) -> tuple[str, ...]:
            if not isinstance(value, list):
                raise ValueError(f"expected a list of strings, found {value!r}")
            return tuple(_text(item) for item in value)

        return self._take(key, (), convert)

    def mapping(self, key: str, default: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """A mapping that is handed on as it is (resources, node selectors)."""
        return self._take(key, default or {}, _mapping)

    def mappings(self, key: str) -> tuple[Mapping[str, Any], ...]:
        def convert(value: Any) -> tuple[Mapping[str, Any], ...]:
            if not isinstance(value, list):
                raise ValueError(f"expected a list of mappings, found {value!r}")
            return tuple(_mapping(item) for item in value)

        return self._take(key, (), convert)

    def section(self, key: str) -> Section:
        return Section(self._left.pop(key, None), self.at(key))

    def sections(self) -> dict[str, Section]:
        """Every key left, each a section: for maps whose keys are names."""
        names, self._left = self._left, {}
        return {name: Section(value, self.at(name)) for name, value in names.items()}

    def done(self) -> None:
        """Refuse what nobody took."""
        if self._left:
            unknown = ", ".join(self.at(key) for key in sorted(self._left))
            raise SettingsError(f"unknown setting {unknown}; see the settings reference")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a string; put it in quotes")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is neither true nor false")
    return value


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"expected a mapping, found {value!r}")
    return dict(value)
