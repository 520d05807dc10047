"""The process that keeps Prometheus supplied: first the history, then what is happening now.

It runs beside the sandbox's own processes and ends with them. It knows Prometheus and the faults
file; it never speaks to the API server, so that the product can learn of a fault from metrics only.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from anomaly_sandbox.demo.faults import read_faults
from anomaly_sandbox.demo.play import Player, ShopPlayer
from anomaly_sandbox.demo.recording import read_recording
from anomaly_sandbox.demo.replay import RecordingPlayer
from anomaly_sandbox.demo.shop import SHOP
from anomaly_sandbox.demo.spans import TICK_SECONDS
from anomaly_sandbox.remote_write import RemoteWriteError, write

FAULTS_FILE = "faults.json"
PROGRESS_FILE = "feed.json"
_PATIENCE_SECONDS = 60.0
"""How long Prometheus may be away before the feed ends; the sandbox is gone then."""


class Phase(StrEnum):
    HISTORY = "History"
    LIVE = "Live"
    FINISHED = "Finished"


@dataclass(frozen=True, slots=True)
class Progress:
    """`samples` sent so far; `live_from`: unix seconds at which the live part began, else 0."""

    phase: Phase
    samples: int
    live_from: int


def read_progress(folder: Path) -> Progress | None:
    """None while the feed has not begun."""
    try:
        content = json.loads((folder / PROGRESS_FILE).read_text())
    except FileNotFoundError:
        return None
    return Progress(Phase(content["phase"]), int(content["samples"]), int(content["liveFrom"]))


@dataclass(slots=True)
class Feed:
    """Plays `player` into the Prometheus at `url`; `folder` holds faults and progress."""

    player: Player
    url: str
    folder: Path
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    _samples: int = 0
    _live_from: int = 0

    def run(self) -> None:
        """Returns when the player has finished. Raises OSError when Prometheus stays away."""
        self._report(Phase.HISTORY)
        for batch in self.player.history():
            self._samples += write(self.url, batch)
        self._live_from = int(self.clock())
        self._report(Phase.LIVE)
        reached = self.clock()
        while not self.player.finished():
            self.sleep(TICK_SECONDS - self.clock() % TICK_SECONDS)
            now = self.clock()
            try:
                self._tick(int(now))
                reached = now
            except (OSError, RemoteWriteError):
                if now - reached > _PATIENCE_SECONDS:
                    raise
                self.player.forget()
        self._report(Phase.FINISHED)

    def _tick(self, now: int) -> None:
        faults = read_faults(self.folder / FAULTS_FILE)
        self._samples += write(self.url, self.player.live(now, faults))

    def _report(self, phase: Phase) -> None:
        content = {"phase": phase, "samples": self._samples, "liveFrom": self._live_from}
        aside = self.folder / f"{PROGRESS_FILE}.new"
        aside.write_text(json.dumps(content))
        aside.replace(self.folder / PROGRESS_FILE)


def main(argv: list[str] | None = None) -> int:
    """Plays the shop, or the recording named by --replay, until its Prometheus is gone."""
    parser = argparse.ArgumentParser(prog="anomaly_sandbox.demo.feed", description=__doc__)
    parser.add_argument("--prometheus", required=True, metavar="URL")
    parser.add_argument("--folder", required=True, type=Path)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--history-seconds", type=int, default=2 * 86_400)
    parser.add_argument("--replay", type=Path, metavar="FILE.csv")
    parser.add_argument("--step", type=int, default=15, help="seconds a row of a recording takes")
    parser.add_argument("--live-rows", type=int, default=0)
    options = parser.parse_args(argv)
    try:
        Feed(_player(options, int(time.time())), options.prometheus, options.folder).run()
    except (OSError, RemoteWriteError, ValueError) as error:
        print(f"feed: {error}", file=sys.stderr)
        return 1
    return 0


def _player(options: argparse.Namespace, now: int) -> Player:
    if options.replay is None:
        return ShopPlayer(SHOP, options.seed, now - options.history_seconds, now)
    recording = read_recording(options.replay)
    return RecordingPlayer(recording, options.step, options.live_rows, now)


if __name__ == "__main__":
    sys.exit(main())
