"""What traffic says: who calls whom, and how often.

Pure values. A peer has the name that the source gives it; `names` makes an object's name of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from anomaly_cli.refusal import InputError


class DiscoveryError(InputError):
    """A source, a file or an argument that gives no graph. The message names the next step."""


class Peer(NamedTuple):
    """`namespace` is empty where the source names none."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


class Call(NamedTuple):
    """`rate`: calls a second, None where the source does not say."""

    caller: Peer
    callee: Peer
    rate: float | None


@dataclass(frozen=True, slots=True)
class Traffic:
    """`calls`: each pair once, sorted; `notes`: what was left out and why, and what the source
    said beside its data."""

    calls: tuple[Call, ...] = ()
    notes: tuple[str, ...] = ()


def added_up(calls: Iterable[Call]) -> tuple[Call, ...]:
    """One call for each pair; of several rates the sum, None where none is known."""
    rates: dict[tuple[Peer, Peer], float | None] = {}
    for caller, callee, rate in calls:
        before = rates.get((caller, callee))
        known = [one for one in (before, rate) if one is not None]
        rates[caller, callee] = sum(known) if known else None
    return tuple(Call(*pair, rates[pair]) for pair in sorted(rates))


def shown(items: Iterable[object], limit: int = 5) -> str:
    """The first of some names, and how many more there are."""
    texts = list(dict.fromkeys(str(item) for item in items))
    more = len(texts) - limit
    return ", ".join(texts[:limit]) + (f" and {more} more" if more > 0 else "")
