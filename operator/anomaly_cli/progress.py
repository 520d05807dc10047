"""A progress bar on standard error, and none where nobody watches."""

from __future__ import annotations

import sys
from typing import TextIO

WIDTH = 30


class Progress:
    """`step(done, total)` draws over the line before; `close` leaves a clean one."""

    def __init__(self, label: str, stream: TextIO = sys.stderr) -> None:
        self._label = label
        self._stream = stream
        self._shown = stream.isatty()
        self._last = ""

    def step(self, done: int, total: int) -> None:
        if not self._shown:
            return
        filled = WIDTH * done // max(total, 1)
        bar = "#" * filled + "." * (WIDTH - filled)
        text = f"\r{self._label} [{bar}] {100 * done // max(total, 1):3d} %"
        if text != self._last:
            self._stream.write(text)
            self._stream.flush()
            self._last = text

    def close(self) -> None:
        if self._last:
            self._stream.write("\r" + " " * len(self._last) + "\r")
            self._stream.flush()
