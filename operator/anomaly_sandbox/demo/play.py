"""What the feed can play, and the player of the simulated shop.

A player says which samples belong to a span of time; it neither waits nor sends.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np

from anomaly_sandbox.demo.faults import Fault
from anomaly_sandbox.demo.noise import Floats, Ints
from anomaly_sandbox.demo.shop import Shop
from anomaly_sandbox.demo.spans import TICK_SECONDS, increments

Series = tuple[Mapping[str, str], Sequence[int], Sequence[float]]
"""Labels with `__name__`, times in unix milliseconds, values."""

_CHUNK_SECONDS = 6 * 3600
"""History is made in pieces of this length: 3 MB of counters each."""


class Player(Protocol):
    """Samples by time. Spans are half-open (after, until], unix seconds, each asked for once
    and in order."""

    def history(self) -> Iterator[list[Series]]:
        """Everything before the live part, in batches that go forward in time."""

    def live(self, until: int, faults: tuple[Fault, ...]) -> list[Series]:
        """What has come about since the last call, up to `until`."""

    def forget(self) -> None:
        """The samples of the last `live` call were not delivered: it will be made again."""

    def finished(self) -> bool:
        """Whether `live` will never again return anything."""


class ShopPlayer:
    """The shop's counters, one sample a tick."""

    def __init__(self, shop: Shop, seed: int, start: int, end: int) -> None:
        """History is (start, end], unix seconds; both are rounded down to whole ticks."""
        self._shop = shop
        self._seed = seed
        self._after = start - start % TICK_SECONDS
        self._history_end = end - end % TICK_SECONDS
        self._totals = np.zeros(0)
        self._before = (self._after, self._totals)

    def history(self) -> Iterator[list[Series]]:
        while self._after < self._history_end:
            until = min(self._after + _CHUNK_SECONDS, self._history_end)
            yield self._advance(until, ())

    def live(self, until: int, faults: tuple[Fault, ...]) -> list[Series]:
        return self._advance(until - until % TICK_SECONDS, faults)

    def forget(self) -> None:
        self._after, self._totals = self._before

    def finished(self) -> bool:
        return False

    def _advance(self, until: int, faults: tuple[Fault, ...]) -> list[Series]:
        self._before = (self._after, self._totals)
        ticks = np.arange(self._after + TICK_SECONDS, until + 1, TICK_SECONDS, dtype=np.int64)
        if not len(ticks):
            return []
        labels, growth = increments(self._shop, self._seed, ticks, faults)
        if not len(self._totals):
            self._totals = np.zeros(len(labels))
        counters = self._totals + np.cumsum(growth, axis=0)
        self._after, self._totals = int(ticks[-1]), counters[-1]
        return _as_series(labels, ticks, counters)


def _as_series(
    labels: tuple[Mapping[str, str], ...], ticks: Ints, counters: Floats
) -> list[Series]:
    times = [int(tick) * 1000 for tick in ticks]
    values = counters.T.tolist()
    return [(series, times, column) for series, column in zip(labels, values, strict=True)]
