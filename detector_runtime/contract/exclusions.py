"""The cap on what training may leave out: one rule for the spec, the operator and the pod.

What is left out may cover at most a fifth of the look-back; with less, too little would be left to
learn from. Time that two spans share counts once. Declared exclusions come before incidents, and of
each the newest first, so that one long incident cannot starve a model of recent data.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from detector_runtime.contract.run_config import Interval

MAX_EXCLUDED_SHARE = 0.2
"""Share of the look-back that exclusions may cover together."""


@dataclass(frozen=True, slots=True)
class Exclusions:
    """`declared` and `incidents` are left out, both newest first and as they were given.
    `left_in`: how many spans the cap keeps in training.
    """

    declared: tuple[Interval, ...] = ()
    incidents: tuple[Interval, ...] = ()
    left_in: int = 0

    @property
    def all(self) -> tuple[Interval, ...]:
        return (*self.declared, *self.incidents)


def within_cap(
    declared: Iterable[Interval], incidents: Iterable[Interval], start: int, end: int
) -> Exclusions:
    """What training on the look-back from `start` to `end` (unix seconds) leaves out."""
    measured: list[Interval] = []
    kept: tuple[list[Interval], list[Interval]] = ([], [])
    left_in = 0
    for spans, chosen in zip((declared, incidents), kept, strict=True):
        for span in sorted(spans, key=lambda one: (one.end, one.start), reverse=True):
            inside = Interval(max(span.start, start), min(span.end, end))
            if inside.end <= inside.start:
                continue
            if exceeds_cap([*measured, inside], end - start):
                left_in += 1
                continue
            measured.append(inside)
            chosen.append(span)
    return Exclusions(tuple(kept[0]), tuple(kept[1]), left_in)


def exceeds_cap(spans: Sequence[Interval], lookback_seconds: int) -> bool:
    return covered(spans) > MAX_EXCLUDED_SHARE * lookback_seconds


def covered(spans: Iterable[Interval]) -> int:
    """Seconds in the union of `spans`."""
    total, reached = 0, -(2**62)
    for one in sorted(spans, key=lambda span: span.start):
        total += max(0, one.end - max(one.start, reached))
        reached = max(reached, one.end)
    return total
