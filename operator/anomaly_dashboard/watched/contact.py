"""Whether the store still hears from the API server, so that pages can say how old they are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from anomaly_operator.api.resources import Resource

Stream = tuple[Resource, str]
"""A kind and a namespace; an empty one means all of them."""


@dataclass(frozen=True, slots=True)
class Lost:
    """Since when in unix seconds, and what the first stream that broke off was told."""

    since: int
    why: str


class Contact:
    """Each stream is not yet heard, in touch, or lost."""

    def __init__(self) -> None:
        self._unheard: set[Stream] = set()
        self._lost: dict[Stream, Lost] = {}
        self.expected = False

    def expect(self, streams: Iterable[Stream]) -> None:
        """What is to be heard of."""
        self._unheard, self._lost, self.expected = set(streams), {}, True

    def heard(self, stream: Stream) -> None:
        self._unheard.discard(stream)
        self._lost.pop(stream, None)

    def broke(self, stream: Stream, lost: Lost) -> None:
        """The first time counts until the stream is heard again."""
        self._lost.setdefault(stream, lost)

    @property
    def all_heard(self) -> bool:
        """Whether every stream was heard once."""
        return self.expected and not self._unheard

    @property
    def lost(self) -> Lost | None:
        """The oldest break that lasts, None while every stream is in touch."""
        return min(self._lost.values(), key=lambda one: one.since, default=None)
