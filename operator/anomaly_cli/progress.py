"""A progress bar on standard error, and none where nobody watches."""

from __future__ import annotations

import sys
from typing import TextIO

from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from anomaly_cli.console import on


class Progress:
    """`step(done, total)` draws over the line before; `close` leaves a clean one."""

    def __init__(self, label: str, stream: TextIO | None = None) -> None:
        console = on(sys.stderr if stream is None else stream)
        self._bar = Bar(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            auto_refresh=False,  # a thread that draws would compete with the training
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task(label, total=None)
        self._started = False

    def begin(self, label: str) -> None:
        """What is being worked on from now on."""
        self._bar.update(self._task, description=label, completed=0)

    def step(self, done: int, total: int) -> None:
        if not self._started:
            self._started = True
            self._bar.start()
        self._bar.update(self._task, completed=done, total=total, refresh=True)

    def close(self) -> None:
        if self._started:
            self._bar.stop()
