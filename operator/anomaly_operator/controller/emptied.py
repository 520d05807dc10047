"""Since when each namespace has been without services, as far as this process knows.

In memory alone: after a restart the time begins anew, which only keeps things longer.
"""

from __future__ import annotations


class Emptied:
    """Times in unix seconds."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def since(self, namespace: str, now: float) -> float:
        """`now` when asked for the first time."""
        return self._since.setdefault(namespace, now)

    def restart(self, namespace: str, now: float) -> None:
        """It could not be told whether there are services: they may come back any moment."""
        self._since[namespace] = now

    def forget(self, namespace: str) -> None:
        self._since.pop(namespace, None)
