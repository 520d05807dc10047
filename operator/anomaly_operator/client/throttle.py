"""A token bucket for requests, so that the operator cannot overload the API server.

The arithmetic takes the time as an argument; waiting is a thin shell over it.
"""

from __future__ import annotations

import asyncio
import time


class TokenBucket:
    """`qps` tokens a second, at most `burst` saved. Tokens are handed out in order of asking."""

    def __init__(self, qps: float, burst: int) -> None:
        self._qps = qps
        self._burst = float(burst)
        self._tokens = float(burst)
        self._stamp = 0.0
        self._closed_until = 0.0

    def reserve(self, now: float) -> float:
        """Take one token; the seconds to wait before using it (0 = now)."""
        self._refill(now)
        self._tokens -= 1.0
        wait = 0.0 if self._tokens >= 0 else -self._tokens / self._qps
        return max(wait, self._closed_until - now)

    def take(self, now: float) -> bool:
        """Take one token if there is one; False, and nothing taken, if not."""
        self._refill(now)
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    def left(self, now: float) -> bool:
        """Whether there is a token; none is taken."""
        self._refill(now)
        return self._tokens >= 1.0

    def pause(self, now: float, seconds: float) -> None:
        """Hand out nothing for `seconds`: the server asked for it (429 with Retry-After)."""
        self._closed_until = max(self._closed_until, now + seconds)

    def _refill(self, now: float) -> None:
        self._tokens = min(self._burst, self._tokens + max(0.0, now - self._stamp) * self._qps)
        self._stamp = max(self._stamp, now)

    async def wait(self) -> float:
        """Wait for a token; the seconds that it took."""
        delay = self.reserve(time.monotonic())
        if delay > 0:
            await asyncio.sleep(delay)
        return delay
