"""A training run in the contract: `spec.trainingRun` as a pod gets it, `.status.trainingRun` as it
writes it, and what an anomalous window says of its triggers.

Standard library only. Numbers that are not counts are strings, lists are bounded by the constants
here; the oldest entries of the time line are folded into a count.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from detector_runtime.contract.codec import OMIT_DEFAULT

MAX_TIMELINE = 40
MAX_KINDS = 32
"""Kinds of trigger that are counted by name; further ones count as `other`."""
MAX_WINDOW_TRIGGERS = 6
"""Triggers that a line of `.status.detection.windows` names."""
MAX_EVIDENCE_TRIGGERS = 10
MAX_EXAMPLES = 10
MAX_EXAMPLE_TEXT = 200
"""Characters of a prompt or an answer."""
MAX_HISTORY = 20
MAX_NOTES = 5
RUN_STALLED = "run_stalled"
"""Pattern of the finding that no row came for far longer than usual."""


class LogFormat(StrEnum):
    """`Auto` goes by the name and the first bytes of the file."""

    AUTO = "Auto"
    JSONL = "JSONL"
    CSV = "CSV"
    TENSORBOARD = "TensorBoard"
    TRAINER_STATE = "TrainerState"


class RunMode(StrEnum):
    """How z-scores are computed: over 1,000 rows with quartiles, or over the last 10."""

    STANDARD = "Standard"
    SHORT_WINDOWS = "ShortWindows"


class ExamplePolicy(StrEnum):
    """What becomes of prompts and answers outside the log: kept, replaced by their length, or left
    out."""

    KEEP = "Keep"
    REDACT = "Redact"
    OMIT = "Omit"


class TrainerKind(StrEnum):
    JOB = "Job"
    TRAIN_JOB = "TrainJob"


class RateSchedule(StrEnum):
    """A declared course of the learning rate."""

    CONSTANT = "Constant"
    LINEAR = "Linear"
    COSINE = "Cosine"
    EXPONENTIAL = "Exponential"
    STEP = "Step"


class RunState(StrEnum):
    """`Waiting`: no row yet. `Stalled`: no new row for far longer than usual. `Completed`: the last
    step is reached or the trainer has ended well. `Failed`: the trainer has failed. `Ended`: the
    log is history, and nobody says how it ended."""

    WAITING = "Waiting"
    RUNNING = "Running"
    STALLED = "Stalled"
    COMPLETED = "Completed"
    FAILED = "Failed"
    ENDED = "Ended"


@dataclass(frozen=True, slots=True)
class LogFile:
    """A log on the mounted claim. `path` is relative to the root of the claim; `columns`: pairs of
    field and the name that this log has for it; `ignore`: metrics that are not judged."""

    path: str
    format: LogFormat = LogFormat.AUTO
    columns: tuple[tuple[str, str], ...] = ()
    ignore: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Trainer:
    """The workload that trains, in the service's own namespace."""

    kind: TrainerKind
    name: str


@dataclass(frozen=True, slots=True)
class DeclaredSchedule:
    """What the learning rate is going to do. `warmup_steps` of a linear rise to `peak`, then `kind`
    down to `final` at `total_steps`. `Step` and `Exponential` multiply by `factor` every
    `every_steps`. `restart_steps`: length of a cycle that starts again, 0 = none."""

    kind: RateSchedule
    peak: float
    warmup_steps: int = 0
    total_steps: int = 0
    final: float = 0.0
    every_steps: int = 0
    factor: float = 1.0
    restart_steps: int = 0


@dataclass(frozen=True, slots=True)
class SnapshotPlan:
    """`path` is relative to the root of the claim; `checkpoints`: where the trainer writes its
    checkpoints, relative too, with `{step}` in place of the step, empty = not known. `copy`:
    whether a checkpoint that cannot be linked is copied. `max_bytes` counts copies alone."""

    enabled: bool = True
    path: str = "snapshots"
    checkpoints: str = ""
    copy: bool = False
    keep: int = 20
    max_bytes: int = 2 * 1024**3


@dataclass(frozen=True, slots=True)
class TrainingRunSpec:
    """`log` None: rows come from the service's source (Prometheus or MLflow) or, without one, from
    the status of `trainer`. `thresholds`: pairs of a name of `THRESHOLDS` and a value.
    A run stalls when no row came for `stall_factor` times its usual pause, and at least
    `stall_seconds`. `total_steps` 0 = not known."""

    log: LogFile | None = None
    trainer: Trainer | None = None
    mlflow_run: str = ""
    mode: RunMode = RunMode.STANDARD
    total_steps: int = 0
    schedule: DeclaredSchedule | None = None
    thresholds: tuple[tuple[str, float], ...] = ()
    examples: ExamplePolicy = ExamplePolicy.KEEP
    snapshots: SnapshotPlan = SnapshotPlan()
    stall_factor: float = 10.0
    stall_seconds: int = 600


@dataclass(frozen=True, slots=True)
class Bounds:
    """Smallest and largest value that makes sense; `whole`: only whole numbers do."""

    least: float
    most: float
    whole: bool = False


THRESHOLDS: dict[str, tuple[str, Bounds]] = {
    "zScore": ("z", Bounds(1, 100)),
    "zScoreWarning": ("z_warning", Bounds(1, 1000)),
    "zScoreCritical": ("z_critical", Bounds(1, 1000)),
    "lossSpikePercent": ("spike_percent", Bounds(1, 10_000)),
    "divergencePercent": ("rising_percent", Bounds(0, 10_000)),
    "regressionPercent": ("regression_percent", Bounds(0.1, 1000)),
    "plateauSteps": ("plateau_steps", Bounds(100, 10**9, whole=True)),
    "plateauPercent": ("plateau_percent", Bounds(0, 100)),
    "accuracyDropPoints": ("accuracy_drop_points", Bounds(0.1, 100)),
    "accuracyWatchPoints": ("accuracy_watch_points", Bounds(0.1, 100)),
    "highLoss": ("high_loss", Bounds(0, 1e6)),
    "lowLoss": ("low_loss", Bounds(0, 1e6)),
    "invertedHighFactor": ("correct_high", Bounds(1, 100)),
    "invertedLowFactor": ("incorrect_low", Bounds(0, 1)),
    "bestPercent": ("best_percent", Bounds(0, 100)),
    "multiple": ("multiple", Bounds(2, 20, whole=True)),
    "cooldownSteps": ("cooldown_steps", Bounds(0, 10**9, whole=True)),
    "graceRows": ("grace_rows", Bounds(0, 10_000, whole=True)),
}
"""By the name in `spec.trainingRun.thresholds`: the field of the runtime's thresholds, and bounds.
"""


@dataclass(frozen=True, slots=True)
class RunTrigger:
    """One trigger. `tier` is Critical, Warning, Normal or Informational; `action` Stop, RollBack,
    Investigate, Monitor or None; `at`: the time of its row."""

    step: int
    name: str
    tier: str
    action: str
    at: str = ""
    message: Annotated[str, OMIT_DEFAULT] = ""


@dataclass(frozen=True, slots=True)
class KindCount:
    """How often triggers of one kind were told: `loss_spike`, `best_model_loss`."""

    kind: str
    count: int


@dataclass(frozen=True, slots=True)
class RunExample:
    """One example of the log, its texts cut, or as the policy wants them."""

    prompt: str
    golden_answer: str
    model_answer: str
    matches: bool | None
    loss: str


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """`path` is relative to the root of the claim."""

    step: int
    path: str


@dataclass(frozen=True, slots=True)
class ZScore:
    metric: str
    z: str


@dataclass(frozen=True, slots=True)
class RunEvidence:
    """What an anomalous window knows of its rows: their steps, the worst triggers, the largest
    z-score of each metric, and what led up to them (oldest first)."""

    first_step: int
    last_step: int
    triggers: tuple[RunTrigger, ...] = ()
    z_scores: tuple[ZScore, ...] = ()
    examples: tuple[RunExample, ...] = ()
    loss_history: tuple[str, ...] = ()
    accuracy_history: tuple[str, ...] = ()
    learning_rate_history: tuple[str, ...] = ()
    best_step: int = 0
    best_loss: str = ""
    checkpoint: Annotated[Checkpoint | None, OMIT_DEFAULT] = None
    snapshot: Annotated[str, OMIT_DEFAULT] = ""
    conclusion: str = ""
    advice: str = ""


@dataclass(frozen=True, slots=True)
class TrainingRunReport:
    """The whole of `.status.trainingRun`. `rate`: steps an hour; `estimated_end` empty where no
    number of steps is known; `earlier`: triggers of the time line that were folded; `rows` read so
    far and `bad_lines` among them; `notes`: what is odd about the log, such as two writers.
    `conclusion`: one sentence, whether to stop, go back, or go on."""

    state: RunState
    since: str = ""
    step: int = 0
    total_steps: Annotated[int, OMIT_DEFAULT] = 0
    rate: str = ""
    estimated_end: Annotated[str, OMIT_DEFAULT] = ""
    loss: str = ""
    learning_rate: str = ""
    accuracy: str = ""
    best_step: int = 0
    best_loss: str = ""
    checkpoint: Annotated[Checkpoint | None, OMIT_DEFAULT] = None
    last_row_at: str = ""
    rows: int = 0
    bad_lines: Annotated[int, OMIT_DEFAULT] = 0
    bad_line: Annotated[str, OMIT_DEFAULT] = ""
    resumes: Annotated[int, OMIT_DEFAULT] = 0
    triggers: int = 0
    counts: tuple[KindCount, ...] = ()
    timeline: tuple[RunTrigger, ...] = ()
    earlier: Annotated[int, OMIT_DEFAULT] = 0
    snapshots: Annotated[int, OMIT_DEFAULT] = 0
    snapshot: Annotated[str, OMIT_DEFAULT] = ""
    notes: Annotated[tuple[str, ...], OMIT_DEFAULT] = ()
    conclusion: str = ""
    advice: str = ""
    format_version: int = 1
