"""A training run that is followed, without a process and a server: its log is a list, its clock a
number, and it can be killed at every step that matters."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from detector_runtime.commands.follow import Mounts, follow
from detector_runtime.commands.follow_rows import Sources
from detector_runtime.commands.kubernetes_api import ChangedMeanwhileError, LiveService
from detector_runtime.contract.codec import decode
from detector_runtime.contract.detection import Detection
from detector_runtime.contract.run_config import RunConfig, SourceSpec
from detector_runtime.contract.training_run import LogFile, TrainingRunReport, TrainingRunSpec
from detector_runtime.contract.vocabulary import RunKind, SourceType
from detector_runtime.run_log.source import BadLine, Position, RowSource
from detector_runtime.run_log.trainer import TrainerReading, TrainerState
from detector_runtime.training_run.rows import Row, RowError, row_of
from loopback.settings import run_config

STEP = 60
START = 1_780_000_020 // STEP * STEP
Raw = Mapping[str, object]


class KilledError(BaseException):
    """The process is gone: nothing after it happens."""


@dataclass
class ListLog:
    """Lines and when each was written (unix seconds); a line without a step is bad."""

    lines: list[tuple[float, Raw]] = field(default_factory=list)
    now: float = 0.0
    said: tuple[str, ...] = ()
    die_after: int | None = None

    def write(self, at: float, **raw: object) -> None:
        self.lines.append((at, raw))


class ListRows(RowSource):
    """One reading of a ListLog: of what has been written by now."""

    def __init__(self, log: ListLog) -> None:
        self._log, self._at = log, 0

    def read(self, position: Position | None, until: float) -> Iterator[Row | BadLine]:
        self._at = 0 if position is None else int(position["line"])
        while self._at < len(self._log.lines):
            at, raw = self._log.lines[self._at]
            if at > self._log.now:
                return
            try:
                one: Row | BadLine = row_of(raw)
            except RowError as error:
                one = BadLine(f"line {self._at + 1}", str(error))
            if isinstance(one, Row) and one.time is not None and one.time >= until:
                return
            self._at += 1
            if self._log.die_after is not None and self._at >= self._log.die_after:
                raise KilledError
            yield one

    def position(self) -> Position:
        return {"line": self._at}

    def notes(self) -> tuple[str, ...]:
        return self._log.said


@dataclass
class PretendAPI:
    """The two calls of a pod. `kill`: at which moment the process dies, `before` or `after` the
    status is written."""

    detection: dict[str, Any] | None = None
    training_run: dict[str, Any] | None = None
    version: int = 1
    writes: int = 0
    kill: str = ""
    meanwhile: list[Any] = field(default_factory=list)

    def read(self) -> LiveService:
        return LiveService(
            str(self.version),
            copy.deepcopy(self.detection),
            training_run=copy.deepcopy(self.training_run),
        )

    def apply(
        self,
        detection: dict[str, Any],
        resource_version: str,
        training_run: dict[str, Any] | None = None,
    ) -> None:
        if self.kill == "before":
            raise KilledError
        if self.meanwhile:
            self.meanwhile.pop(0)()
        if resource_version != str(self.version):
            raise ChangedMeanwhileError
        self.detection, self.training_run = detection, training_run
        self.version += 1
        self.writes += 1
        if self.kill == "after":
            raise KilledError


class FollowedRun:
    """A service, its log and its volumes."""

    def __init__(self, folder: Path, **spec: Any) -> None:
        self.folder, self.log, self.api = folder, ListLog(), PretendAPI()
        self.trainer = TrainerReading(TrainerState.UNKNOWN)
        given = {"log": LogFile("train.jsonl"), **spec}
        self.config = follow_config(TrainingRunSpec(**given))
        self.budget: int | None = None
        for mount in ("run", "models"):
            (folder / mount).mkdir(parents=True)

    def run(self, now: float) -> None:
        """One run of the pod at `now`, with what was written by then."""
        self.log.now = now
        looks = iter(range(self.budget)) if self.budget is not None else None
        follow(
            self.config,
            self.api,  # type: ignore[arg-type]
            Sources(lambda: ListRows(self.log), lambda _: self.trainer),
            Mounts(self.folder / "run", self.folder / "models"),
            now,
            more=lambda: looks is None or next(looks, None) is not None,
        )

    def killed(self, now: float, moment: str, after: int | None = None) -> None:
        """A run that dies: while it reads its line `after`, `before` or `after` it wrote the
        status."""
        self.api.kill, self.log.die_after = moment, after
        try:
            self.run(now)
        except KilledError:
            pass
        finally:
            self.api.kill, self.log.die_after = "", None

    @property
    def state_file(self) -> Path:
        return self.folder / "run" / ".anomaly-operator" / self.config.service.uid / "follow.json"

    @property
    def detection(self) -> Detection:
        assert self.api.detection is not None
        return decode(Detection, self.api.detection)

    @property
    def report(self) -> TrainingRunReport:
        assert self.api.training_run is not None
        return decode(TrainingRunReport, self.api.training_run)

    def found(self) -> dict[str, tuple[str, ...]]:
        """Patterns of the Anomalous windows, by their end."""
        return {one.end: one.patterns for one in self.detection.windows if one.patterns}


def follow_config(spec: TrainingRunSpec) -> RunConfig:
    """A RunConfig of kind Follow without metrics."""
    source = SourceSpec("run-log", SourceType.RUN_LOG, delay_seconds=0)
    return replace(
        run_config(RunKind.FOLLOW, source),
        metrics=(),
        step_seconds=STEP,
        interval_seconds=STEP,
        training_run=spec,
    )
