"""Rows from `.status.trainerStatus` of a Kubeflow TrainJob: `{lastUpdatedTime, metrics[{name,
value}]}` as `trainer.kubeflow.org/v1alpha1` publishes it (alpha, feature gate TrainJobStatus).

The status holds the latest values alone: what the trainer reports between two looks is never seen.
A report that is not due yet would be overwritten before the next look, so it waits in the position.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any

from detector_runtime.contract.text import unix
from detector_runtime.errors import (
    ApiRefusedError,
    ConfigInvalidError,
    SourceUnavailableError,
)
from detector_runtime.run_log.clocks import is_due, trusted
from detector_runtime.run_log.field_names import STEP_NAMES, fields_of
from detector_runtime.run_log.objects import Absent, Found, ObjectReader
from detector_runtime.run_log.source import BadLine, Position
from detector_runtime.run_log.trainer import TRAIN_JOBS, absence
from detector_runtime.training_run.rows import STEP, TIME, Row, RowError, row_of

MAX_METRICS = 64
MAX_HELD = 16
MAX_NUMBER = 64
"""Characters of a value, as the published schema has it."""


class TrainJobRows:
    """A `RowSource` on one TrainJob of the pod's own namespace."""

    def __init__(self, api: ObjectReader, name: str) -> None:
        self._api = api
        self._name = name
        self._held: list[dict[str, Any]] = []
        self._seen = ""
        self._last = 0.0
        self._notes: list[str] = []

    def read(self, position: Position | None, until: float) -> Iterator[Row | BadLine]:
        """See `RowSource.read`. ConfigInvalidError where the cluster serves no TrainJobs,
        ApiRefusedError without the right to read them."""
        # Before the first row is asked for: the position is right also when none ever is.
        self._go_to(position or {})
        return self._due(until)

    def _due(self, until: float) -> Iterator[Row | BadLine]:
        self._look()
        while self._held and is_due(self._held[0][TIME], until):
            fields = self._held.pop(0)
            yield _row({**fields, TIME: trusted(fields[TIME], until)})

    def position(self) -> Position:
        """See `RowSource.position`."""
        return {"seen": self._seen, "last": self._last, "held": list(self._held)}

    def notes(self) -> tuple[str, ...]:
        """See `RowSource.notes`."""
        return tuple(self._notes)

    def _go_to(self, position: Position) -> None:
        self._seen = str(position.get("seen", ""))
        last = position.get("last")
        self._last = float(last) if isinstance(last, int | float) else 0.0
        held = position.get("held")
        self._held = [
            dict(one)
            for one in (held if isinstance(held, list) else [])
            if isinstance(one, Mapping) and isinstance(one.get(TIME), int | float)
        ]

    def _look(self) -> None:
        """Add the latest report to those that wait, unless it is known."""
        self._notes = []
        found = self._api.get(*TRAIN_JOBS, self._name)
        if found.absent is not None:
            self._missing(found.absent)
            return
        report = _report(found)
        if report is None:
            self._notes.append(
                f"TrainJob {self._name!r} has no status.trainerStatus yet; its trainer must report "
                "to Kubeflow Trainer, and the feature gate TrainJobStatus must be on"
            )
            return
        said = json.dumps(report, sort_keys=True, separators=(",", ":"))
        seen = blake2b(said.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
        time = _time(found)
        # An update that repeats the values, and one that is older than the last, say nothing new.
        if seen == self._seen or time is None or time <= self._last:
            return
        self._seen, self._last = seen, time
        self._held = [*self._held, {**report, TIME: time}][-MAX_HELD:]

    def _missing(self, absent: Absent) -> None:
        kind = f"{TRAIN_JOBS[1]}.{TRAIN_JOBS[0].partition('/')[0]}"
        said = absence(absent, f"TrainJob {self._name!r}", kind)
        if absent is Absent.KIND:
            raise ConfigInvalidError(
                f"{said}; install Kubeflow Trainer 2.2 or later, or give spec.trainingRun.log"
            )
        if absent is Absent.RIGHT:
            raise ApiRefusedError(said)
        if not self._seen:
            raise SourceUnavailableError(said)
        self._notes.append(said)


def _report(found: Found) -> dict[str, str] | None:
    """The metrics by name, as text; None without a report."""
    status = found.status.get("trainerStatus")
    if not isinstance(status, Mapping):
        return None
    listed = status.get("metrics")
    metrics = {
        str(one.get("name")): str(one.get("value"))[:MAX_NUMBER]
        for one in (listed if isinstance(listed, list) else [])
        if isinstance(one, Mapping) and one.get("name") and one.get("value") is not None
    }
    step = next((metrics[name] for name in STEP_NAMES if name in metrics), None)
    named = {field: metrics[name] for name, field in fields_of(metrics).items()}
    kept = dict(list(named.items())[:MAX_METRICS])
    return kept if step is None else {**kept, STEP: step}


def _time(found: Found) -> float | None:
    stamp = found.status["trainerStatus"].get("lastUpdatedTime")
    try:
        return float(unix(str(stamp)))
    except ValueError:
        return None


def _row(fields: Mapping[str, Any]) -> Row | BadLine:
    try:
        return row_of(fields)
    except RowError as error:
        missing = ""
        if STEP not in fields:
            missing = f"; the trainer must report one as {', '.join(STEP_NAMES[:3])}"
        return BadLine("status.trainerStatus", f"{error}{missing}")
