"""Counts the watches of one run of kopf: are all there, is one lost, when is a full list due?

A watch tells what happens after the list that it began with, and that list brings no objects (see
`client.watch_session`). What happened before it, and while a watch was down, only a full list of
ours tells, and only one that begins after the watch's own.
"""

from __future__ import annotations

LISTING_SECONDS = 30.0
"""Within which all watches should have begun; after that, a full list no longer waits for them."""


class WatchCount:
    """`wanted` watches, `begun` at a time of the monotonic clock. `complete`: all of them have had
    their list and are there. `broken`: fewer are there than should be.
    """

    def __init__(self, wanted: int, begun: float) -> None:
        self.wanted = wanted
        self.complete = self.broken = False
        self._begun = begun
        self._listed: set[str] = set()
        self._due = False

    def listed(self, path: str) -> bool:
        """A watch begins, at first or anew. Is a full list due? At first they share one."""
        self._listed.add(path)
        return self._due

    def count(self, watched: int, now: float) -> bool:
        """So many watches are there. Is the full list due that all of them share?"""
        late = now - self._begun > LISTING_SECONDS
        self.broken = watched < self.wanted and (watched > 0 or self.complete or late)
        self.complete = min(watched, len(self._listed)) >= self.wanted
        due = not self._due and (self.complete or late)
        self._due = self._due or due
        return due
