"""Who is let in: so many requests a second, so many at once.

The bounds protect the process, not one client from another; fairness between clients is for what
stands before the server. A refusal says after how many seconds to come again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refused:
    """`status`: 429 for the rate, 503 for the concurrency."""

    status: int
    retry_after: int
    reason: str


class Admission:
    """A token bucket of `rate` a second that holds as many, and a count of at most
    `concurrency`. `now` is any clock in seconds that never goes back."""

    def __init__(self, rate: int, concurrency: int, now: float) -> None:
        self._rate = rate
        self._concurrency = concurrency
        self._tokens = float(rate)
        self._filled = now
        self.inside = 0

    def enter(self, now: float) -> Refused | None:
        """None: let in, `leave` follows."""
        self._tokens = min(self._tokens + (now - self._filled) * self._rate, float(self._rate))
        self._filled = now
        if self._tokens < 1:
            wait = math.ceil((1 - self._tokens) / self._rate)
            return Refused(429, wait, f"more than {self._rate} requests a second")
        if self.inside >= self._concurrency:
            return Refused(503, 1, f"{self._concurrency} requests are in progress")
        self._tokens -= 1
        self.inside += 1
        return None

    def leave(self) -> None:
        self.inside -= 1
