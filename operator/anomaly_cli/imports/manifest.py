"""A foreign manifest as a mapping that knows which of its fields were read.

What nobody read is what the import could not carry over, so a field of a newer version of the tool
is named to the user as well, never dropped in silence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

SERVER_FIELDS = ("creationTimestamp", "generation", "managedFields", "resourceVersion", "uid")
"""Of the metadata that `kubectl get -o yaml` prints: written by the API server."""


class ManifestError(ValueError):
    """A manifest, or an objective of one, that gives no objective. The message names the field."""


class Manifest:
    """The mapping at `path` (empty for the whole document)."""

    def __init__(self, document: Any, path: str = "") -> None:
        self.path = path
        self._document: Mapping[str, Any] = {}
        self._read: set[str] = set()
        self._parts: dict[str, Manifest] = {}
        if not isinstance(document, Mapping):
            raise ManifestError(f"{path or 'the document'} is not a mapping")
        self._document = document

    def at(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key

    def has(self, key: str) -> bool:
        return self._document.get(key) is not None

    def skip(self, *keys: str) -> None:
        """Count as read what says nothing that a policy could hold."""
        self._read.update(keys)

    def text(self, *keys: str) -> str:
        """The first of `keys` that is there, a number as it is written; empty without any."""
        for key in keys:
            if self.has(key):
                value = self._value(key)
                if isinstance(value, Mapping | list):
                    raise ManifestError(f"{self.at(key)} is not a string")
                return str(value).strip()
        return ""

    def is_text(self, key: str) -> bool:
        return isinstance(self._document.get(key), str)

    def required(self, *keys: str) -> str:
        found = self.text(*keys)
        if not found:
            raise ManifestError(f"{self.at(keys[0])} is missing")
        return found

    def number(self, *keys: str) -> Decimal | None:
        """The first of `keys`, exactly as it is written."""
        found = self.text(*keys)
        if not found:
            return None
        try:
            value = Decimal(found)
        except ArithmeticError:
            value = Decimal("NaN")
        if not value.is_finite():
            raise ManifestError(f"{self.at(keys[0])} {found!r} is not a number")
        return value

    def flag(self, key: str, default: bool) -> bool:
        value = self._value(key)
        return value if isinstance(value, bool) else default

    def child(self, *keys: str) -> Manifest:
        """The mapping at the first of `keys` that is there; an empty one without any."""
        for key in keys:
            if self.has(key):
                return self._part(self._value(key), key)
        return Manifest({}, self.at(keys[0]))

    def metadata(self) -> Manifest:
        """Of a Kubernetes object, or of one that is written alike."""
        found = self.child("metadata")
        found.skip("displayName", *SERVER_FIELDS)
        return found

    def items(self, key: str) -> list[Manifest]:
        """The mappings of the list at `key`."""
        value = self._value(key)
        if value is None:
            return []
        if not isinstance(value, list):
            raise ManifestError(f"{self.at(key)} is not a list")
        return [self._part(one, f"{key}[{index}]") for index, one in enumerate(value)]

    def discard(self) -> None:
        """Nothing of it is imported, which is said as a whole; so no field of it is unread."""
        self.skip(*self._document)
        self._parts.clear()

    def unread(self) -> Iterator[str]:
        """Paths of the fields that nobody read, the outermost only."""
        for key, value in self._document.items():
            if key not in self._read and value not in (None, "", [], {}):
                yield self.at(key)
        for part in self._parts.values():
            yield from part.unread()

    def _value(self, key: str) -> Any:
        self._read.add(key)
        return self._document.get(key)

    def _part(self, value: Any, key: str) -> Manifest:
        if key not in self._parts:
            self._parts[key] = Manifest(value, self.at(key))
        return self._parts[key]
