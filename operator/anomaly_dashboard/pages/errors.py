"""What a page answers instead of itself."""

from __future__ import annotations


class PageError(Exception):
    """`heading` and `message` are for the person; `status` is the HTTP status."""

    def __init__(self, status: int, heading: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.heading = heading
        self.message = message


def missing(kind: str, namespace: str, name: str) -> PageError:
    """There is no such object, or the caller may not see it: the two answers are the same."""
    return PageError(
        404,
        "Not found",
        f"There is no {kind} {name} in namespace {namespace}, or you may not read it.",
    )
