"""The course of a replay: learn from the recording's first part, watch its last part, report.

A recording promises nothing, so nothing is demanded of it: what was found is what is shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from anomaly_sandbox.demo.feed import Phase, read_progress
from anomaly_sandbox.demo.recording import RecordingError, read_recording
from anomaly_sandbox.demo.replay import LIVE_ROWS, NAMESPACE, live_step, manifest
from anomaly_sandbox.demo.sight import IncidentSight
from anomaly_sandbox.demo.stage import DemoError, Stage
from anomaly_sandbox.demo.story import learn, tell_changes

_SLACK_SECONDS = 240.0
"""After the last row: rate of runs, delay of the source, confirmation."""


@dataclass(frozen=True, slots=True)
class Reel:
    """A recording ready to be played: `step` seconds a row, the last `live_rows` of them live."""

    file: Path
    step: int
    live_rows: int
    history_rows: int


def load(file: Path, speed: float | None, live_rows: int | None) -> Reel:
    """Raises RecordingError when the file cannot be played so, OSError when it cannot be read."""
    recording = read_recording(file)
    live = min(LIVE_ROWS, len(recording) // 4) if live_rows is None else live_rows
    history = len(recording) - live
    if not 1 <= live < len(recording) or history < 100:
        raise RecordingError(
            f"{file} has {len(recording)} rows, {live} of them live; "
            "training needs at least 100 rows before the live ones"
        )
    return Reel(file.resolve(), live_step(recording.step, speed), live, history)


def play(stage: Stage, reel: Reel) -> Sequence[IncidentSight]:
    """Plays the reel to its end; returns the incidents as they then stand."""
    stage.say(
        f"{reel.file.name}: {reel.history_rows} rows as history, {reel.live_rows} live, "
        f"one every {reel.step} s"
    )
    stage.start_feed(
        *("--replay", str(reel.file), "--step", str(reel.step)),
        *("--live-rows", str(reel.live_rows)),
    )
    stage.wait_for_history()
    service = manifest(
        read_recording(reel.file), reel.file, step=reel.step, history=reel.history_rows
    )
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    stage.sandbox.apply([namespace, service])
    learn(stage, NAMESPACE, 1)
    return _watch(stage, reel)


def _watch(stage: Stage, reel: Reel) -> Sequence[IncidentSight]:
    """Until the last row has been scored and what is open has closed, or time is up."""
    last_row = _last_row(stage, reel)
    seen: dict[str, str] = {}

    def over() -> bool:
        tell_changes(stage, stage.incidents(NAMESPACE), seen)
        scored = stage.services(NAMESPACE)[0].scored_through
        return scored >= last_row

    deadline = reel.live_rows * reel.step + _SLACK_SECONDS
    stage.until_served(NAMESPACE, over, deadline, "the last row was not scored")
    return stage.incidents(NAMESPACE)


def _last_row(stage: Stage, reel: Reel) -> int:
    """When the last row's window ends, unix seconds."""
    progress = read_progress(stage.sandbox.state)
    if progress is None or progress.phase is Phase.HISTORY:
        raise DemoError("the feed has not started the live part")
    begin = progress.live_from - progress.live_from % reel.step
    return begin + reel.live_rows * reel.step
