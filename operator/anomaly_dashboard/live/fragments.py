"""Parts of pages that are the same for everybody who sees the same: rendered and packed once.

All browsers are told of a change together and ask together; without this, fifty would have the
same table rendered fifty times. Rendering does not wait for anything, so two never render the same.
"""

from __future__ import annotations

import gzip
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

_KEPT = 64
_LEVEL = 5


@dataclass(frozen=True, slots=True)
class Fragment:
    """`packed`: the same in gzip; `etag` of its content."""

    text: str
    plain: bytes
    packed: bytes
    etag: str


class Fragments:
    """At most 64, those used last."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, tuple[int, Fragment]] = OrderedDict()

    def get(self, key: Hashable, version: int, told: int, render: Callable[[], str]) -> Fragment:
        """The fragment of `key` at `version` of the store, or a version not older than `told`, of
        which browsers know; `told` 0: at that version only."""
        found = self._kept.get(key)
        if found and (found[0] == version or 0 < told <= found[0]):
            self._kept.move_to_end(key)
            return found[1]
        made = _fragment(render())
        self._kept[key] = version, made
        self._kept.move_to_end(key)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return made


def _fragment(text: str) -> Fragment:
    plain = text.encode()
    etag = f'"{hashlib.sha256(plain).hexdigest()[:24]}"'
    return Fragment(text, plain, gzip.compress(plain, _LEVEL, mtime=0), etag)
