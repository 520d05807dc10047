"""Since when each namespace has been without services, as far as this process knows.

In memory alone: after a restart the time begins anew, which only keeps things longer.
"""

from __future__ import annotations


class Emptied:
    """Times in unix seconds."""

    def __init__(self) -> None:
        self._since: dict[str, float | None] = {}

    def since(self, namespace: str, now: float) -> float | None:
        """`now` when asked for the first time; None while nobody can tell."""
        return self._since.setdefault(namespace, now)

    def answered(self, namespace: str, now: float, *, known: bool) -> None:
        """The API server was asked for services. When it can tell for the first time after it could
        not, the time begins anew: they may follow their kind any moment.
        """
        if not known:
            self._since[namespace] = None
        elif self._since.get(namespace) is None:
            self._since[namespace] = now

    def forget(self, namespace: str) -> None:
        self._since.pop(namespace, None)
