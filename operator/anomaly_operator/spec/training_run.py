"""`spec.trainingRun`: a model that is being trained, watched by its log.

Rows come from exactly one place: a log on a claim of the namespace, a source that the administrator
named (Prometheus by `spec.metrics`, MLflow by `mlflow`), or the status of a TrainJob. A path never
leaves its claim, and no field takes an address.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from anomaly_operator.api.fields import Fields
from anomaly_operator.api.quantities import quantity
from detector_runtime.contract.training_run import (
    THRESHOLDS,
    DeclaredSchedule,
    ExamplePolicy,
    LogFile,
    LogFormat,
    RateSchedule,
    RunMode,
    SnapshotPlan,
    Trainer,
    TrainerKind,
    TrainingRunSpec,
)
from detector_runtime.contract.vocabulary import SourceType

MAX_PATH = 512
MAX_COLUMNS = 16
MAX_IGNORED = 32
MAX_STEPS = 10**12
STEP_PLACE = "{step}"
LOG_FIELDS = (
    "step", "time", "loss", "learning_rate", "accuracy", "accuracy_percent",
    "prompt", "golden_answer", "model_answer", "matches", "resume",
)  # fmt: skip
"""What a log may call otherwise: the fields of a row (docs/training-runs.md)."""
_RUN_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class SuspendOn(StrEnum):
    """Which triggers suspend the trainer, where administrator and workload allow it."""

    NEVER = "Never"
    CRITICAL = "Critical"


@dataclass(frozen=True, slots=True)
class TrainingRunPlan:
    """`run`: what the pod is told. `rows`: where they come from; Prometheus and MLflow are sources
    of the settings. `claim`: of the log, empty without one. `suspend_on`: the reaction."""

    run: TrainingRunSpec
    rows: SourceType
    claim: str = ""
    suspend_on: SuspendOn = SuspendOn.NEVER

    @property
    def writes_to_claim(self) -> bool:
        """Whether snapshots and the state lie beside the log; else the log is only read."""
        return bool(self.claim) and self.run.snapshots.enabled


def parse_training_run(spec: Fields) -> TrainingRunPlan:
    """`spec.trainingRun` of a service of that profile. Raises SpecError."""
    fields, base = spec.child("trainingRun"), TrainingRunSpec()
    trainer = _trainer(fields.child("trainer")) if fields.has("trainer") else None
    rows = _rows(spec, fields, trainer)
    log = fields.child("log")
    stall = fields.child("stall")
    schedule = fields.child("schedule") if fields.has("schedule") else None
    run = TrainingRunSpec(
        log=_log(log) if rows is SourceType.RUN_LOG else None,
        trainer=trainer,
        mlflow_run=_run_id(fields.child("mlflow")) if rows is SourceType.MLFLOW else "",
        mode=fields.choice("mode", RunMode.STANDARD),
        total_steps=fields.integer("totalSteps", 0, maximum=MAX_STEPS),
        schedule=None if schedule is None else _schedule(schedule),
        thresholds=_thresholds(fields.child("thresholds")),
        examples=fields.choice("examples", ExamplePolicy.KEEP),
        snapshots=_snapshots(fields, rows),
        stall_factor=_between(stall, "factor", base.stall_factor, 2, 1000),
        stall_seconds=stall.whole_seconds("after", base.stall_seconds, minimum=60),
    )
    suspend_on = fields.choice("suspendOn", SuspendOn.NEVER)
    if suspend_on is not SuspendOn.NEVER and trainer is None:
        raise fields.refuse("suspendOn", f"is {suspend_on}, but trainer names no workload")
    return TrainingRunPlan(run, rows, _claim(log) if run.log else "", suspend_on)


def _rows(spec: Fields, fields: Fields, trainer: Trainer | None) -> SourceType:
    kinds = {
        "spec.metrics": (spec.has("metrics"), SourceType.PROMETHEUS),
        "log": (fields.has("log"), SourceType.RUN_LOG),
        "mlflow": (fields.has("mlflow"), SourceType.MLFLOW),
    }
    given = {name: kind for name, (there, kind) in kinds.items() if there}
    if len(given) > 1:
        raise fields.refuse("", f"has {' and '.join(given)}; keep one source of rows")
    if given:
        return next(iter(given.values()))
    if trainer is not None and trainer.kind is TrainerKind.TRAIN_JOB:
        return SourceType.TRAIN_JOB
    raise fields.refuse(
        "", "has no source of rows; set log, mlflow, spec.metrics, or a trainer of kind TrainJob"
    )


def _trainer(fields: Fields) -> Trainer:
    kind, name = fields.optional_choice("kind", TrainerKind), fields.text("name")
    if kind is None:
        raise fields.refuse("kind", f"is missing; write one of {', '.join(TrainerKind)}")
    if not name:
        raise fields.refuse("name", f"is empty; write the name of a {kind}")
    return Trainer(kind, name)


def _run_id(fields: Fields) -> str:
    found = fields.text("runId")
    if not _RUN_ID.fullmatch(found):
        raise fields.refuse("runId", f"{found!r} is no id of an MLflow run; copy it from the run")
    return found


def _claim(fields: Fields) -> str:
    return fields.required_text("claim", "llama-run")


def _log(fields: Fields) -> LogFile:
    columns = fields.text_map("columns")
    unknown = sorted(columns.keys() - set(LOG_FIELDS))
    if unknown:
        text = f"{unknown[0]!r} is none of {', '.join(LOG_FIELDS)}"
        raise fields.refuse("columns", text)
    if len(columns) > MAX_COLUMNS or not all(columns.values()):
        raise fields.refuse("columns", f"needs 1 to {MAX_COLUMNS} names, none of them empty")
    ignored = fields.texts("ignore")
    if len(ignored) > MAX_IGNORED:
        text = f"has {len(ignored)} entries, at most {MAX_IGNORED} are allowed"
        raise fields.refuse("ignore", text)
    return LogFile(
        path=_path(fields, "path", fields.required_text("path", "logs/train.jsonl")),
        format=fields.choice("format", LogFormat.AUTO),
        columns=tuple(sorted(columns.items())),
        ignore=tuple(sorted(ignored)),
    )


def _path(fields: Fields, key: str, text: str) -> str:
    """A path below the root of the claim. Where links lead is for the pod to see."""
    if text.startswith("/") or ".." in text.split("/") or "\0" in text or len(text) > MAX_PATH:
        shown = "a relative path without .., such as logs/train.jsonl"
        raise fields.refuse(key, f"{text[:120]!r} leaves the claim; write {shown}")
    return text


def _snapshots(fields: Fields, rows: SourceType) -> SnapshotPlan:
    """Without a log on a claim there is nowhere to put one."""
    part, base = fields.child("snapshots"), SnapshotPlan()
    enabled = part.flag("enabled", default=rows is SourceType.RUN_LOG)
    checkpoints = fields.text("checkpoints")
    if rows is not SourceType.RUN_LOG and (enabled or checkpoints):
        key = "snapshots.enabled" if enabled else "checkpoints"
        raise fields.refuse(key, "needs a log on a claim; set log, or remove it")
    if checkpoints and checkpoints.count(STEP_PLACE) != 1:
        text = f"{checkpoints!r} does not hold {STEP_PLACE} once; write checkpoint-{STEP_PLACE}"
        raise fields.refuse("checkpoints", text)
    return SnapshotPlan(
        enabled=enabled,
        path=_path(part, "path", part.text("path", base.path)),
        checkpoints=_path(fields, "checkpoints", checkpoints),
        copy=part.flag("copy", default=base.copy),
        keep=part.integer("keep", base.keep, 1, 1000),
        max_bytes=_bytes(part, base.max_bytes),
    )


def _bytes(fields: Fields, default: int) -> int:
    text = fields.text("maxSize")
    if not text:
        return default
    try:
        found = int(quantity(text))
    except ValueError as error:
        raise fields.refuse("maxSize", str(error)) from error
    if found < 1:
        raise fields.refuse("maxSize", f"{text} is not above 0; write it as 2Gi")
    return found


def _schedule(fields: Fields) -> DeclaredSchedule:
    kind = fields.optional_choice("kind", RateSchedule)
    if kind is None:
        raise fields.refuse("kind", f"is missing; write one of {', '.join(RateSchedule)}")
    peak = fields.decimal("peak")
    if peak is None or not 0 < peak <= 1e6:
        raise fields.refuse("peak", f'is {fields.text("peak")!r}; write the rate, as "0.0003"')
    found = DeclaredSchedule(
        kind=kind,
        peak=peak,
        warmup_steps=fields.integer("warmupSteps", 0, maximum=MAX_STEPS),
        total_steps=fields.integer("totalSteps", 0, maximum=MAX_STEPS),
        final=_between(fields, "final", 0.0, 0, peak),
        every_steps=fields.integer("everySteps", 0, maximum=MAX_STEPS),
        factor=_between(fields, "factor", 1.0, 0, 1),
        restart_steps=fields.integer("restartSteps", 0, maximum=MAX_STEPS),
    )
    ends = kind in (RateSchedule.LINEAR, RateSchedule.COSINE)
    if ends and not (found.total_steps or found.restart_steps):
        raise fields.refuse("totalSteps", f"is missing; a schedule of kind {kind} ends there")
    if kind in (RateSchedule.STEP, RateSchedule.EXPONENTIAL) and not found.every_steps:
        raise fields.refuse("everySteps", f"is missing; kind {kind} multiplies by factor each time")
    return found


def _thresholds(fields: Fields) -> tuple[tuple[str, float], ...]:
    """Those that are given, by name; the runtime knows the defaults."""
    unknown = sorted(fields.keys() - THRESHOLDS.keys())
    if unknown:
        raise fields.refuse(unknown[0], f"is no threshold; known are {', '.join(THRESHOLDS)}")
    found = []
    for name, (_, bounds) in sorted(THRESHOLDS.items()):
        if not fields.has(name):
            continue
        if bounds.whole:
            value = float(fields.integer(name, 0, int(bounds.least), int(bounds.most)))
        else:
            value = _between(fields, name, 0.0, bounds.least, bounds.most)
        found.append((name, value))
    return tuple(found)


def _between(fields: Fields, key: str, default: float, least: float, most: float) -> float:
    value = fields.decimal(key)
    if value is None:
        return default
    if not least <= value <= most:
        raise fields.refuse(key, f"{fields.text(key)} is not between {least:g} and {most:g}")
    return value
