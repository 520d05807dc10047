"""A request that is refused before any page has seen it."""

from __future__ import annotations


class RefusedError(Exception):
    """`heading` and `message` are for the person, `status` is the HTTP status. `wait`: seconds
    after which another try may pass, 0 where none will."""

    def __init__(self, status: int, heading: str, message: str, wait: int = 0) -> None:
        super().__init__(message)
        self.status = status
        self.heading = heading
        self.message = message
        self.wait = wait


def too_many(wait: int) -> RefusedError:
    """More requests than a person makes."""
    unit = "second" if wait == 1 else "seconds"
    return RefusedError(429, "Too many requests", f"Try again in {wait} {unit}.", wait)
