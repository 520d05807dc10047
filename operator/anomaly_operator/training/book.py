"""The record of a service's trainings, kept in `status.training`, so that a restart loses nothing.

Times are unix seconds, None where there is none. Nothing here decides anything; a record that
cannot be read counts as not written.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, ClassVar, TypeVar

from anomaly_operator.api.text import unix_seconds
from detector_runtime.contract.codec import Time, decode, encode
from detector_runtime.contract.run_config import ModelRef
from detector_runtime.contract.train_report import TrainReport
from detector_runtime.contract.vocabulary import (
    MAX_DETECTORS,
    MAX_LEVEL_SHIFT,
    ContractError,
    SpecWarning,
)

T = TypeVar("T")

MAX_WARNINGS = 8


class Trigger(StrEnum):
    """Why a training was started."""

    FIRST_MODEL = "FirstModel"
    SCHEDULE = "Schedule"
    SPEC_CHANGE = "SpecChange"
    REQUESTED = "Requested"
    RETRY = "Retry"
    MODEL_LOST = "ModelLost"
    FEEDBACK = "Feedback"


ASKED = frozenset({Trigger.REQUESTED, Trigger.SPEC_CHANGE, Trigger.FEEDBACK})
"""What people set off, as often as they like."""


@dataclass(frozen=True, slots=True)
class Model:
    """A revision on the volume. `inputs` is the hash of what it was trained for, `shape` that of
    its metrics and step alone, `judged_slo` that of the thresholds that `warnings` speak of; empty
    in statuses that are older than the field."""

    omit_empty: ClassVar[bool] = True

    revision: str
    digest: str
    trained_at: Time | None = None
    grade: str = ""
    samples: int = 0
    detectors: tuple[str, ...] = ()
    multivariate: bool = False
    provisional: bool = False
    validation: str = ""
    warnings: tuple[str, ...] = ()
    level_shift: str = ""
    shape: str = ""
    expected_per_week: str = ""
    inputs: str = ""
    judged_slo: str = ""

    @property
    def ref(self) -> ModelRef:
        return ModelRef(self.revision, self.digest)


@dataclass(frozen=True, slots=True)
class Failure:
    omit_empty: ClassVar[bool] = True

    time: Time
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Learning:
    """Too little history: `samples` of `needed`; a new try can succeed at `enough_at`. `warnings`
    are those about the spec, which need no model to be seen."""

    omit_empty: ClassVar[bool] = True

    samples: int
    needed: int
    enough_at: Time | None = None
    message: str = ""
    warnings: tuple[str, ...] = ()
    judged_slo: str = ""


@dataclass(frozen=True, slots=True)
class TrainingBook:
    """`running`: a Job was started and its result is not in this book yet; `job` to `inputs`
    say which. `asked_at`: start of the newest training that people asked for. `handled_through` is
    the creation time of the newest Job whose result is in it; `judged_through`: verdicts on
    incidents up to then are in a training. `revisions` are the newest first.
    """

    omit_empty: ClassVar[bool] = True

    attempts: int = 0
    next_attempt: Time | None = None
    last_failure: Failure | None = None
    learning: Learning | None = None
    running: bool = False
    job: str = ""
    trigger: Trigger | None = None
    request: str = ""
    started_at: Time | None = None
    asked_at: Time | None = None
    inputs: str = ""
    handled_through: Time | None = None
    judged_through: Time | None = None
    revisions: tuple[Model, ...] = ()

    @property
    def newest(self) -> Model | None:
        return self.revisions[0] if self.revisions else None

    def revision(self, name: str) -> Model | None:
        return next((model for model in self.revisions if model.revision == name), None)

    def with_model(self, model: Model, keep: int, serving: str) -> TrainingBook:
        """`model` as the newest; of the older ones `keep - 1` and the one that serves."""
        older = tuple(known for known in self.revisions if known.revision != model.revision)
        kept = older[: max(keep - 1, 0)]
        kept += tuple(known for known in older[len(kept) :] if known.revision == serving)
        return replace(self, revisions=(model, *kept))


def model_of(report: TrainReport, inputs: str) -> Model:
    return Model(
        revision=report.revision,
        digest=report.digest,
        trained_at=unix_seconds(report.trained_at) or None,
        grade=report.grade,
        samples=report.samples,
        detectors=tuple(text[:256] for text in report.detectors[:MAX_DETECTORS]),
        multivariate=report.multivariate,
        provisional=report.provisional,
        validation=report.validation[:512],
        warnings=tuple(text[:512] for text in report.warnings[:MAX_WARNINGS]),
        level_shift=report.level_shift[:MAX_LEVEL_SHIFT],
        shape=report.shape[:80],
        expected_per_week=report.expected_per_week[:16],
        inputs=inputs,
        judged_slo=report.judged_slo[:80],
    )


def spec_warnings(report: TrainReport) -> tuple[str, ...]:
    """The warnings of `report` that speak of the spec."""
    known = tuple(f"{kind.value}: " for kind in SpecWarning)
    found = (text[:512] for text in report.warnings if text.startswith(known))
    return tuple(found)[:MAX_WARNINGS]


def read(kind: type[T], document: Any) -> T | None:
    """The value of `kind` in a status, None when there is none that can be read."""
    if not document:
        return None
    try:
        return decode(kind, document)
    except ContractError:
        return None


def write(value: Any) -> dict[str, Any]:
    """As JSON, without what is empty."""
    document = encode(value)
    assert isinstance(document, dict)
    return document
