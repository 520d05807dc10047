"""How the workload that trains stands, from its conditions: a Job or a Kubeflow TrainJob.

Names of conditions are those of `batch/v1` Job and `trainer.kubeflow.org/v1alpha1` TrainJob, which
are the same. A workload that is gone or cannot be read says nothing: Unknown, with a note.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from detector_runtime.contract.training_run import Trainer, TrainerKind
from detector_runtime.errors import one_line
from detector_runtime.run_log.objects import Absent, ObjectReader

JOBS = ("batch/v1", "jobs")
TRAIN_JOBS = ("trainer.kubeflow.org/v1alpha1", "trainjobs")
MAX_NOTE = 240


class TrainerState(StrEnum):
    """`Suspended`: it waits, and no row is missing. `Unknown`: nobody says."""

    RUNNING = "Running"
    SUSPENDED = "Suspended"
    COMPLETED = "Completed"
    FAILED = "Failed"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class TrainerReading:
    """`note`: one sentence for people, empty where the state says it all."""

    state: TrainerState
    note: str = ""


UNKNOWN = TrainerReading(TrainerState.UNKNOWN)


@runtime_checkable
class KnowsTrainer(Protocol):
    """A source of rows that also knows how the run stands, once it was read."""

    trainer: TrainerReading


def trainer_state(read: ObjectReader, trainer: Trainer) -> TrainerReading:
    """How `trainer` stands. ApiUnavailableError when the API server does not answer."""
    group_version, resource = TRAIN_JOBS if trainer.kind is TrainerKind.TRAIN_JOB else JOBS
    found = read.get(group_version, resource, trainer.name)
    what = f"{trainer.kind.value} {trainer.name!r}"
    if found.absent is not None:
        kind = f"{resource}.{group_version.partition('/')[0]}"
        return TrainerReading(TrainerState.UNKNOWN, absence(found.absent, what, kind))
    return state_of(found.status, what)


def absence(absent: Absent, what: str, kind: str) -> str:
    """The note on a workload without a document; `kind`: `jobs.batch`."""
    if absent is Absent.RIGHT:
        return f"{what} cannot be read; grant this pod's service account `get` on {kind}"
    if absent is Absent.KIND:
        return f"{what} cannot be read: this cluster does not serve {kind}"
    return f"{what} does not exist; it was deleted, or spec.trainingRun.trainer.name is wrong"


def state_of(status: Mapping[str, Any], what: str) -> TrainerReading:
    """From the `.status` of a Job or TrainJob; `what` names it in the note."""
    held = {str(one.get("type")): one for one in _conditions(status) if one.get("status") == "True"}
    if "Failed" in held:
        return TrainerReading(TrainerState.FAILED, _failure(held["Failed"], what))
    if "Complete" in held:
        return TrainerReading(TrainerState.COMPLETED)
    if "Suspended" in held:
        return TrainerReading(TrainerState.SUSPENDED, f"{what} is suspended")
    return TrainerReading(TrainerState.RUNNING)


def _conditions(status: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    conditions = status.get("conditions")
    for one in conditions if isinstance(conditions, list) else ():
        if isinstance(one, Mapping):
            yield one


def _failure(condition: Mapping[str, Any], what: str) -> str:
    said = [str(condition[key]) for key in ("reason", "message") if condition.get(key)]
    return one_line(": ".join([f"{what} failed", *said]), MAX_NOTE)
