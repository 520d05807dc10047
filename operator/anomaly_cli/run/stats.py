"""`kubectl-anomaly run stats`: how often each kind of trigger came. That an important kind never
came is told too."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from anomaly_cli import console
from anomaly_cli.run.course import Course, course
from anomaly_cli.run.kinds import IMPORTANT, kind_of, worst_of
from anomaly_cli.verbs.output import write_document

HEADS = ("COUNT", "KIND", "WORST TIER", "LAST STEP")
GOOD = "(good)"


def run(given: argparse.Namespace) -> int:
    """The exit code. Raises InputError, ClusterError, OSError."""
    found = course(given)
    if given.output:
        write_document(given.output, {"counts": dict(_ordered(found)), "total": _total(found)})
        return 0
    console.say([found.title, ""])
    console.listing(HEADS, list(_rows(found)))
    console.say(["", f"{_total(found)} triggers in all"])
    return 0


def _total(found: Course) -> int:
    return sum(found.counts.values())


def _ordered(found: Course) -> Iterator[tuple[str, int]]:
    """The most frequent first, then the important ones that never came."""
    yield from sorted(found.counts.items(), key=lambda one: (-one[1], one[0]))
    yield from ((kind, 0) for kind in IMPORTANT if not found.counts.get(kind))


def _rows(found: Course) -> Iterator[tuple[str, ...]]:
    for kind, count in _ordered(found):
        of_kind = [one for one in found.triggers if kind_of(one.name) == kind]
        last = str(of_kind[-1].step) if of_kind else "-"
        yield str(count), kind, worst_of(of_kind) or (GOOD if not count else "-"), last
