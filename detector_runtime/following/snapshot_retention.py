"""Which snapshots stay: the newest, and the one of the worst trigger. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kept:
    """A snapshot that is there. `at`: unix seconds of its row; `rank`: of its worst tier; `model`
    names the checkpoint of which it holds a copy of `size` bytes, empty where it holds none.
    Snapshots of one checkpoint share their copy."""

    name: str
    at: float
    step: int
    trigger: str = ""
    rank: int = 0
    triggers: int = 1
    model: str = ""
    size: int = 0

    @property
    def order(self) -> tuple[float, int, str]:
        """From the oldest to the newest."""
        return self.at, self.step, self.name


def surplus(found: Sequence[Kept], keep: int, max_bytes: int) -> tuple[str, ...]:
    """The names to remove, oldest first: as few as leave `keep` snapshots and `max_bytes` of
    copies. The newest stays, and from two on the newest of the worst; copies of these two alone may
    exceed `max_bytes`."""
    ordered = sorted(found, key=lambda one: one.order)
    safe = spared(ordered, keep)
    gone: list[str] = []
    left = list(ordered)

    def drop(one: Kept) -> None:
        left.remove(one)
        gone.append(one.name)

    for one in [one for one in ordered if one.name not in safe]:
        if len(left) <= max(keep, 1):
            break
        drop(one)
    # A copy that a spared one shares is not freed by removing others.
    held = {one.model for one in left if one.name in safe}
    newest = {one.model: one.order for one in left if one.model and one.model not in held}
    for model in sorted(newest, key=newest.__getitem__):
        if copied_bytes(left) <= max_bytes:
            break
        for one in [one for one in left if one.model == model]:
            drop(one)
    return tuple(gone)


def spared(found: Sequence[Kept], keep: int) -> frozenset[str]:
    """The names that stay whatever comes."""
    if not found:
        return frozenset()
    newest = max(found, key=lambda one: one.order)
    worst = max(found, key=lambda one: (one.rank, one.triggers, one.order))
    return frozenset({newest.name, worst.name} if keep > 1 else {newest.name})


def copied_bytes(found: Sequence[Kept]) -> int:
    """Bytes of all copies."""
    return sum({one.model: one.size for one in found if one.model}.values())
