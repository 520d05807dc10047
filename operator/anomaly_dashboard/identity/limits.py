"""How often one session or address may ask: token buckets, of which a bounded number is kept."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from anomaly_dashboard.identity.refused import too_many
from anomaly_operator.client.throttle import TokenBucket

_KEPT = 20_000
"""Buckets. The one that was not used for the longest time is forgotten first; by then it is full
again unless more addresses than that ask at once."""


class Limit:
    """`rate` requests a second for each key, `burst` at once."""

    def __init__(
        self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    @property
    def wait(self) -> int:
        """Seconds until an empty bucket has a token again."""
        return max(1, math.ceil(1 / self._rate))

    def spend(self, key: str) -> None:
        """Count one request. Raises RefusedError (429) for one too many."""
        if not self.take(key):
            raise too_many(self.wait)

    def take(self, key: str) -> bool:
        """Count one request; whether it was one of those that are allowed."""
        return self._bucket(key).take(self._clock())

    def left(self, key: str) -> bool:
        """Whether one more would be allowed; nothing is counted."""
        return self._bucket(key).left(self._clock())

    def _bucket(self, key: str) -> TokenBucket:
        bucket = self._buckets.pop(key, None) or TokenBucket(self._rate, self._burst)
        self._buckets[key] = bucket
        if len(self._buckets) > _KEPT:
            self._buckets.popitem(last=False)
        return bucket
