"""Runs what blocks on threads beside the protocol's loop, and says refusals in plain words.

A question that is cancelled is abandoned; a write never is. One backtest runs at a time: it takes a
core and hundreds of megabytes. A cancelled one ends at its next step.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from typing import Any

from anyio import CapacityLimiter, from_thread, to_thread
from mcp.server.mcpserver import Context
from mcp.types import CallToolResult

from anomaly_cli.connection import ClusterError
from anomaly_cli.mcp.answers import Told, refusal, result
from anomaly_cli.refusal import ArgumentError, InputError
from anomaly_operator.api.fields import SettingsError

MAX_READERS = 4
"""Questions to the cluster at once."""
BACKTEST_SECONDS = 600.0
WAIT_SECONDS = 30.0
"""How long a backtest waits for the one before it."""
ARGUMENTS = frozenset(
    {"comment", "csv", "days", "decimal", "file", "gate", "labels", "refit", "service", "step"}
    | {"time_column", "time_zone", "until", "warmup"}
)
"""Arguments of tools that are options of the command line."""
_OPTION = re.compile(r"--([a-z]+(?:-[a-z]+)*)")
Step = Callable[[int, int], None]


class AbandonedError(Exception):
    """Nobody waits for the backtest any more."""


class Calls:
    """`hidden`: an address that no refusal repeats, as it may hold a password."""

    def __init__(self, hidden: str = "") -> None:
        self._hidden = hidden
        self._readers = CapacityLimiter(MAX_READERS)
        self._writers = CapacityLimiter(1)
        self._trials = CapacityLimiter(MAX_READERS)
        self._turn = threading.Lock()

    async def ask(self, question: Callable[[], Told]) -> CallToolResult:
        """The answer to what changes nothing."""
        return await self._answered(question, self._readers, abandon=True)

    async def write(self, question: Callable[[], Told]) -> CallToolResult:
        """The answer to what writes; it is carried out to its end."""
        return await self._answered(question, self._writers, abandon=False)

    async def trial(
        self, work: Callable[[Step], Told], context: Context[Any, Any]
    ) -> CallToolResult:
        """The answer to a backtest, which calls its argument with the steps that are done and how
        many there are."""
        stop = threading.Event()

        def step(done: int, total: int) -> None:
            if stop.is_set():
                raise AbandonedError
            if time.monotonic() > deadline:
                raise ArgumentError(
                    f"the backtest took more than {BACKTEST_SECONDS / 60:.0f} minutes and was "
                    "stopped; give fewer rows, a longer --step or a longer --refit"
                )
            from_thread.run(context.report_progress, done, total)

        def question() -> Told:
            if not self._turn.acquire(timeout=WAIT_SECONDS):
                raise ArgumentError(
                    "another backtest is running, and one runs at a time; ask again when it has "
                    "ended, or cancel it"
                )
            try:
                return work(step)
            finally:
                self._turn.release()

        deadline = time.monotonic() + WAIT_SECONDS + BACKTEST_SECONDS
        try:
            return await self._answered(question, self._trials, abandon=True)
        finally:
            stop.set()

    async def _answered(
        self, question: Callable[[], Told], limiter: CapacityLimiter, *, abandon: bool
    ) -> CallToolResult:
        try:
            told = await to_thread.run_sync(question, abandon_on_cancel=abandon, limiter=limiter)
        except (ClusterError, InputError, SettingsError) as error:
            return refusal(self._plain(str(error)))
        except OSError as error:
            file = f"{error.filename}: " if error.filename else ""
            return refusal(f"{file}{(error.strerror or str(error)).lower()}")
        return result(told)

    def _plain(self, text: str) -> str:
        if self._hidden:
            text = text.replace(self._hidden, "(its address)")
        return in_arguments(text)


def in_arguments(text: str) -> str:
    """What the command line says, with the arguments of tools for its options.

    >>> in_arguments("increase --warmup, or see --help")
    'increase warmup, or see --help'
    """
    return _OPTION.sub(lambda found: _argument(found[1]) or found[0], text)


def _argument(option: str) -> str:
    name = option.replace("-", "_")
    return name if name in ARGUMENTS else ""
