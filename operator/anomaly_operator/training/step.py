"""What a decision on training depends on, and what it says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from anomaly_operator.spec.service import TrainingPlan
from anomaly_operator.training.book import TrainingBook
from anomaly_operator.training.result import Result
from anomaly_operator.world.diagnosis import Diagnosis
from anomaly_operator.world.objects import Meta
from anomaly_operator.world.plan import Lookup
from anomaly_operator.world.view import QueuePlace


class Phase(StrEnum):
    """What the training is doing now."""

    IDLE = "Idle"
    WAITING = "Waiting"
    QUEUED = "Queued"
    STARTING = "Starting"
    RUNNING = "Running"


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a decision depends on besides book and Jobs. `inputs` is the hash of what a model
    would be trained for now; `model_lost`: the pods do not find the model that serves; `serving`
    is its revision, empty when there is none. `paused`: nothing is started. `judged_at`: when a
    verdict on an incident last changed what may be learned, 0 = never; it is in the status already.
    """

    service: Meta
    plan: TrainingPlan
    time_zone: str
    inputs: str
    paused: bool
    serving: str
    model_lost: bool
    requested: str
    last_request: str
    queue: QueuePlace
    max_concurrent: int
    deadline_seconds: int
    keep_revisions: int
    min_pause_seconds: int = 0
    placement_seconds: int = 120
    judged_at: int = 0


@dataclass(frozen=True, slots=True)
class TrainingStep:
    """The book after this reconcile. STARTING: the Job named in it is to be created.
    `stuck`: why the running Job does not get going; `unplaced`: it holds no place, for
    that or because it is past its deadline.
    `deferred`: unix seconds at which a training that people asked for starts, 0 = none waits for
    the least pause. `due`: unix seconds of the next decision, 0 = only an event brings one.
    """

    book: TrainingBook
    phase: Phase
    lookups: tuple[Lookup, ...] = ()
    result: Result | None = None
    stuck: Diagnosis | None = None
    unplaced: bool = False
    deferred: int = 0
    due: int = 0
