"""`kubectl anomaly watch`: the open incidents, live, until Ctrl-C.

On a terminal the list is drawn anew in its place; elsewhere a line is written for each incident
that is new or has changed, so that the output can be piped. The list is asked for every few
seconds: what is missed between two is no more than a state that did not last.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field

from rich.live import Live
from rich.text import Text

from anomaly_cli import console
from anomaly_cli.cluster_objects import Incident
from anomaly_cli.connection import ALL_NAMESPACES, Cluster, ClusterError
from anomaly_cli.refusal import ArgumentError
from anomaly_cli.verbs.incidents import cells, heads, incidents
from anomaly_cli.verbs.target import cluster_of, scope
from anomaly_cli.verbs.wording import clock
from anomaly_operator.api.durations import parse_seconds

MIN_INTERVAL = 1.0
Sleep = Callable[[float], None]


@dataclass(slots=True)
class Changes:
    """What has been written of each incident, without the columns that move with the clock."""

    known: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)

    def of(self, found: Sequence[Incident]) -> Iterator[Incident]:
        """Those that are new or have changed; a closed one that was not known is passed over."""
        for one in found:
            key, state = (one.namespace, one.name), _state(one)
            before = self.known.get(key)
            if state == before or (before is None and not one.running):
                continue
            self.known[key] = state
            yield one


def run(given: argparse.Namespace) -> int:
    """The exit code: 0 also after Ctrl-C. Raises ArgumentError, and ClusterError where not even the
    first list can be had."""
    interval = max(_seconds("--interval", given.interval), MIN_INTERVAL)
    end = time.monotonic() + _seconds("--timeout", given.timeout) if given.timeout else None
    with cluster_of(given) as cluster:
        where = scope(given, cluster)
        screen = _Screen(spread=where == ALL_NAMESPACES)
        with screen.live:
            try:
                follow(cluster, where, screen.show, interval=interval, end=end)
            except KeyboardInterrupt:
                return 0
    return 0


def follow(
    cluster: Cluster,
    namespace: str,
    show: Callable[[list[Incident]], None],
    *,
    interval: float,
    end: float | None,
    sleep: Sleep = time.sleep,
) -> None:
    """Shows the list every `interval` seconds until `end` (time.monotonic; None: for good). What
    fails after the first list is said once and tried again. Raises ClusterError for that one."""
    reached = failing = False
    while True:
        try:
            show(incidents(cluster, namespace, closed=True))
            reached, failing = True, False
        except ClusterError as error:
            if not reached:
                raise
            if not failing:
                console.warn(f"{error}; trying again every {interval:g} s")
            failing = True
        left = interval if end is None else end - time.monotonic()
        if left <= 0:
            return
        sleep(min(interval, left))


class _Screen:
    """Draws on a terminal, writes lines elsewhere."""

    def __init__(self, *, spread: bool) -> None:
        self._spread = spread
        self._changes = Changes()
        self._begun = False
        out = console.on(sys.stdout)
        self._live = Live(console=out, auto_refresh=False) if out.is_terminal else None
        self.live: Live | nullcontext[None] = self._live or nullcontext()

    def show(self, found: list[Incident]) -> None:
        now = int(time.time())
        if self._live is None:
            self._write(found, now)
            return
        rows = [cells(one, now, spread=self._spread) for one in found if one.running]
        lines = list(console.columns(heads(spread=self._spread), rows)) if rows else []
        head = Text(f"{clock(now, now)}  {len(rows)} open incidents; Ctrl-C ends")
        self._live.update(Text("\n").join([head, *lines]), refresh=True)

    def _write(self, found: list[Incident], now: int) -> None:
        rows = [cells(one, now, spread=self._spread) for one in self._changes.of(found)]
        if not self._begun:
            console.listing(heads(spread=self._spread), rows)
        elif rows:
            console.listing(rows[0], rows[1:])
        self._begun = True


def _state(one: Incident) -> tuple[str, ...]:
    by = tuple(said.by if said else "" for said in (one.acknowledgement, one.feedback))
    root = one.root.service if one.root else ""
    return (one.state, one.severity.value, one.slo.value, root, str(one.symptom_count), *by)


def _seconds(flag: str, text: str) -> float:
    try:
        return parse_seconds(text)
    except ValueError as error:
        raise ArgumentError(f"{flag} {error}") from error
