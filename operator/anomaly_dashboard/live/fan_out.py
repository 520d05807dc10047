"""One task tells every open browser what changed, at most once a second; what each window changes
at most once in ten, as thousands of services have a window each minute and nobody reads so fast.

What a browser has not taken yet is one bounded set and no queue, so that a slow one costs nothing
and holds up nobody. State, not a log: a browser that was away is told that something changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

from anomaly_dashboard.watched.rows import Place
from anomaly_dashboard.watched.sight import Sight
from anomaly_dashboard.watched.store import Changed, Store
from anomaly_operator.api.resources import Resource

TICK_SECONDS = 1.0
MINOR_SECONDS = 10.0
MOST_STREAMS = 2_000
MOST_OF_A_CALLER = 8
MOST_NAMED = 50
EVERYTHING = "*"


class TooManyStreamsError(Exception):
    """`whole`: the dashboard has no place for one more, else this caller has too many."""

    def __init__(self, *, whole: bool) -> None:
        super().__init__("too many event streams")
        self.whole = whole


@dataclass(eq=False, slots=True)
class Stream:
    """One open browser. `caller`: the key of who looks."""

    caller: str
    sight: Sight
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    closed: bool = False
    _names: dict[str, None] = field(default_factory=dict)

    def tell(self, names: Iterable[str]) -> None:
        """Add to what it is told next."""
        self._names.update(dict.fromkeys(names))
        if EVERYTHING in self._names or len(self._names) > MOST_NAMED:
            self._names = {EVERYTHING: None}
        if self._names:
            self.wake.set()

    def take(self) -> list[str]:
        """What changed since it was last asked, as `kind/namespace/name`."""
        self.wake.clear()
        names = list(self._names)
        self._names.clear()
        return names

    def close(self) -> None:
        self.closed = True
        self.wake.set()


class FanOut:
    """`told`: the version of the store up to which browsers were told, 0 while it does not run."""

    def __init__(self) -> None:
        self.told = 0
        self._streams: set[Stream] = set()
        self._ending = False

    async def run(self, store: Store) -> None:
        """Tell the streams of each change of `store`, until cancelled."""
        news: dict[tuple[Resource, Place], Changed] = {}
        due, loop = asyncio.Event(), asyncio.get_running_loop()
        later: asyncio.TimerHandle | None = None

        def heard(change: Changed) -> None:
            nonlocal later
            # By object: one that changes many times between two ticks is told once.
            news[change.resource, change.place] = change
            if not change.minor:
                due.set()
            elif later is None:
                later = loop.call_later(MINOR_SECONDS, due.set)

        self.told = store.version
        end = store.listen(heard)
        try:
            while True:
                await due.wait()
                due.clear()
                if later is not None:
                    later.cancel()
                    later = None
                self.told = store.version
                self._tell(list(news.values()))
                news.clear()
                await asyncio.sleep(TICK_SECONDS)
        finally:
            end()
            if later is not None:
                later.cancel()
            self.told = 0

    def open(self, caller: str, sight: Sight) -> Stream:
        """A stream of what `sight` sees. Raises TooManyStreamsError."""
        if self._ending or len(self._streams) >= MOST_STREAMS:
            raise TooManyStreamsError(whole=True)
        if sum(one.caller == caller for one in self._streams) >= MOST_OF_A_CALLER:
            raise TooManyStreamsError(whole=False)
        stream = Stream(caller, sight)
        self._streams.add(stream)
        return stream

    def close(self, stream: Stream) -> None:
        """It is told nothing more."""
        self._streams.discard(stream)
        stream.close()

    def end(self) -> None:
        """Close every stream, and open none: the process ends."""
        self._ending = True
        for stream in tuple(self._streams):
            self.close(stream)

    def __len__(self) -> int:
        return len(self._streams)

    def _tell(self, news: list[Changed]) -> None:
        """Each set of scopes is gone through once, however many browsers share it."""
        names: dict[object, list[str]] = {}
        for stream in self._streams:
            scopes = stream.sight.scopes
            if scopes not in names:
                names[scopes] = _names(stream.sight, news)
            stream.tell(names[scopes])


def _names(sight: Sight, news: list[Changed]) -> list[str]:
    found: dict[str, None] = {}
    for change in news:
        if sight.sees(change):
            found["/".join((change.resource.kind, *change.place))] = None
            if len(found) > MOST_NAMED:
                return [EVERYTHING]
    return list(found)
