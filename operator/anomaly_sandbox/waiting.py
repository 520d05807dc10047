"""Waiting for a state with a deadline, never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from anomaly_sandbox.rest import ApiError

T = TypeVar("T")


class SandboxError(RuntimeError):
    """The sandbox could not do what was asked; the message says what to look at."""


def wait_for(
    ready: Callable[[], T | None], deadline: float = 30.0, what: str = "", pause: float = 0.1
) -> T:
    """Calls `ready` until it returns something true and returns that.

    While the API server is away `ready` counts as not yet. SandboxError after `deadline`
    seconds, with `what` and the last answer in the message. `pause` is in seconds.
    """
    end = time.monotonic() + deadline
    while True:
        last: object
        try:
            answer = ready()
        except (OSError, ApiError) as error:
            last = error
        else:
            if answer:
                return answer
            last = answer
        if time.monotonic() > end:
            name = what or getattr(ready, "__qualname__", "condition")
            raise SandboxError(f"timed out after {deadline:.0f} s: {name}; last answer: {last!r}")
        time.sleep(pause)
