"""Rows from the metrics of one MLflow run, joined per step.

The histories of all metrics are merged by time, a page of each in memory. A row is a step with the
values that came for it within seconds, so that a run read in parts has the rows of one read whole.
A value that comes later, such as an evaluation that took minutes, goes to the step that was
reached by then: only the loss takes a run back to an earlier step, as a resume does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from detector_runtime.contract.run_config import MetricSpec
from detector_runtime.run_log.clocks import is_due, trusted
from detector_runtime.run_log.field_names import field_by_metric, fields_of
from detector_runtime.run_log.mlflow_api import MLflowAPI, PageRefusedError, Point, TrackedRun
from detector_runtime.run_log.source import BadLine, Position
from detector_runtime.run_log.trainer import UNKNOWN, TrainerReading, TrainerState
from detector_runtime.training_run.rows import LOSS, STEP, TIME, Row, RowError, row_of

MAX_METRICS = 32
FIRST_PAGE, NEXT_PAGE = 10_000, 1_000
"""Values that a page asks for: many while history is read, few where each run reads the last page
anew. MLflow gives at most 25,000."""
TOGETHER = 10_000
"""Milliseconds in which the values of one step come. Trainers log them one after the other."""
SYSTEM = "system/"
"""Prefix of MLflow's own metrics of the machine, which have steps of their own."""
_STATES = {
    "RUNNING": TrainerState.RUNNING,
    "SCHEDULED": TrainerState.RUNNING,
    "FINISHED": TrainerState.COMPLETED,
    "FAILED": TrainerState.FAILED,
    "KILLED": TrainerState.FAILED,
}


@dataclass(slots=True)
class _Read:
    """How far a metric is read: the last point, and the token of the page that it stands on."""

    milliseconds: int = -1
    step: int = -1
    token: str = ""


class MLflowRows:
    """A `RowSource` on one run. `metrics`: those that the service names, their `query` being the
    name in MLflow; empty for all, named as trackers usually do."""

    def __init__(self, api: MLflowAPI, run_id: str, metrics: tuple[MetricSpec, ...]) -> None:
        self._api, self._run_id, self._metrics = api, run_id, metrics
        self._read: dict[str, _Read] = {}
        self._step = -1
        self._notes: list[str] = []
        self.trainer = UNKNOWN
        """How the run stands by MLflow, after `read`."""

    def read(self, position: Position | None, until: float) -> Iterator[Row | BadLine]:
        """See `RowSource.read`. RunError as for scoring; what was yielded before it stays read."""
        # Before the first row is asked for: the position is right also when none ever is.
        self._go_to(position or {})
        return self._whole(until)

    def _whole(self, until: float) -> Iterator[Row | BadLine]:
        try:
            run = self._api.run(self._run_id)
            fields = self._chosen(run)
            self.trainer = _reading(run, self._run_id)
            yield from self._rows(fields, until)
        finally:
            self._api.close()

    def position(self) -> Position:
        """See `RowSource.position`."""
        metrics = {
            name: [one.milliseconds, one.step, one.token] for name, one in self._read.items()
        }
        return {"run": self._run_id, "step": self._step, "metrics": metrics}

    def notes(self) -> tuple[str, ...]:
        """See `RowSource.notes`."""
        return tuple(self._api.redact(text) for text in self._notes)

    def _go_to(self, position: Position) -> None:
        """To `position`, unless it is of another run."""
        self._notes, self._read, self._step = [], {}, -1
        listed = position.get("metrics")
        if position.get("run") != self._run_id or not isinstance(listed, Mapping):
            return
        step = position.get("step")
        self._step = step if isinstance(step, int) else -1
        for name, one in listed.items():
            if isinstance(one, list) and [type(part) for part in one] == [int, int, str]:
                self._read[str(name)] = _Read(*one)

    def _chosen(self, run: TrackedRun) -> dict[str, str]:
        """The field of a row by the name in MLflow."""
        if run.deleted:
            self._notes.append(f"run {self._run_id!r} is deleted in MLflow; restore it to keep it")
        if self._metrics:
            by_name = field_by_metric(self._metrics)
            wanted = {one.query: by_name[one.name] for one in self._metrics}
            missing = [name for name in wanted if name not in run.metrics]
            if missing:
                self._notes.append(f"the run has no metric {', '.join(missing[:5])} yet")
        else:
            wanted = fields_of(name for name in run.metrics if not name.startswith(SYSTEM))
        there = [name for name in wanted if name in run.metrics]
        if len(there) > MAX_METRICS:
            self._notes.append(
                f"the run has more than {MAX_METRICS} metrics; read are loss, learning rate and "
                "accuracy, then the others by name"
            )
        return {name: wanted[name] for name in there[:MAX_METRICS]}

    def _rows(self, fields: Mapping[str, str], until: float) -> Iterator[Row | BadLine]:
        lead = next((name for name, field in fields.items() if field == LOSS), None)
        ahead = {name: self._points(name) for name in fields}
        heads: dict[str, tuple[Point, str]] = {}
        for name, points in ahead.items():
            if (head := next(points, None)) is not None:
                heads[name] = head
        while heads:
            first = min(point for point, _ in heads.values())
            if not is_due(first.milliseconds / 1000, until):
                return
            values: dict[str, float] = {}
            for name in [name for name, (point, _) in heads.items() if _together(first, point)]:
                point, token = heads.pop(name)
                values[name] = point.value
                self._read[name] = _Read(point.milliseconds, point.step, token)
                if (head := next(ahead[name], None)) is not None:
                    heads[name] = head
            late = first.step < self._step and lead is not None and lead not in values
            step = self._step if late else first.step
            self._step = step
            stamp = trusted(first.milliseconds / 1000, until)
            yield _row({fields[name]: value for name, value in values.items()}, step, stamp)

    def _points(self, name: str) -> Iterator[tuple[Point, str]]:
        """What came after the position, oldest first, each with the token of its page."""
        known = self._read.get(name, _Read())
        after = (known.milliseconds, known.step)
        most = NEXT_PAGE if name in self._read else FIRST_PAGE
        token = known.token
        while True:
            try:
                points, following = self._api.history(self._run_id, name, token, most)
            except PageRefusedError:
                # The server has forgotten its token: from the beginning, as far as it is known.
                token = ""
                points, following = self._api.history(self._run_id, name, token, most)
            told = self._read.get(name)
            if told and points and points[0][:2] <= (told.milliseconds, told.step):
                # What was told reaches into this page: the next run begins with it.
                told.token = token
            for point in points:
                if (point.milliseconds, point.step) > after:
                    after = (point.milliseconds, point.step)
                    yield point, token
            if not following or following == token:
                return
            token = following


def _together(first: Point, other: Point) -> bool:
    return other.step == first.step and other.milliseconds - first.milliseconds <= TOGETHER


def _row(values: Mapping[str, Any], step: int, time: float | None) -> Row | BadLine:
    try:
        return row_of({**values, STEP: step, TIME: time})
    except RowError as error:
        return BadLine(f"step {step}", str(error))


def _reading(run: TrackedRun, run_id: str) -> TrainerReading:
    state = _STATES.get(run.status, TrainerState.UNKNOWN)
    note = f"MLflow says {run.status} of run {run_id!r}" if state is TrainerState.FAILED else ""
    return TrainerReading(state, note)
