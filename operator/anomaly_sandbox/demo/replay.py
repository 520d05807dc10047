"""Plays a recording as if it happened now: most rows as history, the last ones live.

Only the clock is changed, one row for each `step` seconds. Nothing is smoothed, filled or repeated:
a hole in the recording is a hole in Prometheus.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from anomaly_sandbox.demo.faults import Fault
from anomaly_sandbox.demo.noise import Floats
from anomaly_sandbox.demo.play import Series
from anomaly_sandbox.demo.recording import Recording, RecordingError

NAMESPACE = "replay"
SERVICE = "replay"
"""Value of the label `service` of every replayed series."""
METRIC_PREFIX = "replay_"
MIN_STEP_SECONDS = 15
_STEPS = (15, 20, 30, 60, 120, 180, 300, 600, 900, 1200, 1800, 3600)
"""Divisors of an hour that an AnomalyService takes as a step."""
LIVE_ROWS = 28
"""Seven minutes at the shortest step."""
_ROWS_PER_BATCH = 2_000

_ROLES = (
    (r"database|db_|sql", "DatabaseLatency", "Up"),
    (r"dependency|upstream|downstream|client", "DependencyLatency", "Up"),
    (r"latency|duration|response_time", "Latency", "Up"),
    (r"error|fail|fault", "Errors", "Up"),
    (r"request|traffic|throughput|calls|rps", "Traffic", "Both"),
    (r"availability|success", "Custom", "Down"),
)


def live_step(recorded_step: int, speed: float | None) -> int:
    """Seconds one recorded row takes live: the recorded step divided by `speed`.

    The nearest step that an AnomalyService can have; without a speed the shortest one. Raises
    RecordingError when no such step is near.
    """
    if speed is None:
        return MIN_STEP_SECONDS
    wanted = recorded_step / speed
    nearest = min(_STEPS, key=lambda step: abs(math.log(step / wanted)))
    if wanted < MIN_STEP_SECONDS / 1.25 or wanted > _STEPS[-1] * 1.25:
        raise RecordingError(
            f"speed {speed:g} makes windows of {wanted:.3g} s out of {recorded_step} s; "
            f"with this recording it can be {recorded_step / _STEPS[-1]:.3g} "
            f"to {recorded_step / MIN_STEP_SECONDS:.3g}"
        )
    return nearest


class RecordingPlayer:
    """The last `live_rows` rows come one by one after `now`, those before them at once."""

    def __init__(self, recording: Recording, step: int, live_rows: int, now: int) -> None:
        if not 0 <= live_rows < len(recording):
            raise RecordingError(
                f"{live_rows} of {len(recording)} rows are live; leave rows for the history"
            )
        self._recording = recording
        self._labels = [
            {"__name__": METRIC_PREFIX + name, "service": SERVICE} for name in recording.names
        ]
        rows = np.arange(len(recording), dtype=np.int64)
        self._first_live = len(recording) - live_rows
        self._times = now - now % step + (rows - self._first_live + 1) * step
        self._next = self._first_live
        self._before = self._next

    def history(self) -> Iterator[list[Series]]:
        for start in range(0, self._first_live, _ROWS_PER_BATCH):
            yield self._series(start, min(start + _ROWS_PER_BATCH, self._first_live))

    def live(self, until: int, faults: tuple[Fault, ...]) -> list[Series]:
        if faults:
            raise RecordingError("faults cannot be added to a recording")
        self._before = self._next
        self._next = int(np.searchsorted(self._times, until, side="right"))
        return self._series(self._before, self._next)

    def forget(self) -> None:
        self._next = self._before

    def finished(self) -> bool:
        return self._next == len(self._recording)

    def _series(self, start: int, end: int) -> list[Series]:
        times = [int(time) * 1000 for time in self._times[start:end]]
        columns = self._recording.values[start:end].T.tolist()
        return [
            (labels, times, column) for labels, column in zip(self._labels, columns, strict=True)
        ]


def manifest(recording: Recording, file: Path, *, step: int, history: int) -> dict[str, Any]:
    """The AnomalyService that watches a recording with `history` rows before the live part.

    Roles follow from the columns' names, each at most once; the rest is Custom.
    """
    samples = max(50, min(500, int(history * 0.6)))
    return {
        "apiVersion": "anomaly-operator.dev/v1alpha1",
        "kind": "AnomalyService",
        "metadata": {"name": service_name(file), "namespace": NAMESPACE},
        "spec": {
            "step": _duration(step),
            "rateInterval": _duration(max(step, 60)),
            "metrics": _metrics(recording),
            "training": {
                "lookback": f"{math.ceil(history * step / 3600)}h",
                "minSamples": {"univariate": samples, "multivariate": samples},
            },
            "inference": {"interval": _duration(max(step, 60))},
            "incidents": {
                "confirmationCycles": 2,
                "resolutionGraceCycles": 3,
                "separation": _duration(max(30 * 60, 5 * step)),
            },
        },
    }


def _metrics(recording: Recording) -> list[dict[str, str]]:
    metrics: list[dict[str, str]] = []
    taken: set[str] = set()
    for name, values in zip(recording.names, recording.values.T, strict=True):
        role, direction = _role(name)
        unit = _unit(name, role, values)
        if unit is None or role in taken:
            role, unit = "Custom", "None"
        taken |= {role} - {"Custom"}
        # A hole must stay one: without a range Prometheus repeats a value for five minutes.
        query = f'last_over_time({METRIC_PREFIX}{name}{{service="{SERVICE}"}}[$(step)])'
        metrics.append(
            {"name": name, "role": role, "unit": unit, "direction": direction, "query": query}
        )
    return metrics


def _unit(name: str, role: str, values: Floats) -> str | None:
    """None: the role asks for a unit that these values cannot have."""
    if role.endswith("Latency"):
        return "Milliseconds" if re.search(r"(^|_)(ms|millis\w*)($|_)", name) else "Seconds"
    if role == "Errors":
        most = float(np.nanmax(values, initial=0.0))
        return "Ratio" if most <= 1 else "Percent" if most <= 100 else None
    return "None"


def service_name(file: Path) -> str:
    """A Kubernetes name made of the file's."""
    return re.sub(r"[^a-z0-9]+", "-", file.stem.lower()).strip("-")[:40].strip("-") or "replay"


def _role(name: str) -> tuple[str, str]:
    for pattern, role, direction in _ROLES:
        if re.search(pattern, name):
            return role, direction
    return "Custom", "Both"


def _duration(seconds: int) -> str:
    return f"{seconds // 60}m" if seconds % 60 == 0 else f"{seconds}s"
