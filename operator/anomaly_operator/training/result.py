"""What became of a training Job that ended: a model, a wait for more history, or a failure.

The pod's own report says most; where there is none, the kubelet and the Job controller are heard.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from anomaly_operator.api.durations import format_seconds
from anomaly_operator.api.reasons import Reason
from anomaly_operator.api.text import unix_seconds
from anomaly_operator.spec.schedule import retry_delay
from anomaly_operator.training.book import (
    Failure,
    Learning,
    Model,
    TrainingBook,
    model_of,
    spec_warnings,
)
from anomaly_operator.world.diagnosis import Diagnosis, diagnose, model_report, training_report
from anomaly_operator.world.objects import JobState, PodState
from detector_runtime.contract.train_report import TrainReport
from detector_runtime.contract.vocabulary import RunOutcome

MIN_LEARNING_SECONDS = 60
MAX_LEARNING_SECONDS = 86_400
LEARNING_FALLBACK_SECONDS = 3_600


@dataclass(frozen=True, slots=True)
class Ended:
    """A Job whose training ended, and what its result is measured by. The Job itself may run on
    where another container keeps its pod running.
    """

    job: JobState
    pods: Sequence[PodState]
    uid: str
    deadline_seconds: int
    keep_revisions: int
    serving: str
    now: int

    @property
    def finished(self) -> int:
        return self.job.finished or self.now


@dataclass(frozen=True, slots=True)
class Result:
    """The book with the result in it; exactly one of the others is set."""

    book: TrainingBook
    trained: Model | None = None
    learnt: Learning | None = None
    failed: Diagnosis | None = None
    kept_running: tuple[str, ...] = ()
    """The containers that kept the pod running after the training had ended."""


def take(book: TrainingBook, ended: Ended) -> Result:
    """`book` after the result of `ended`."""
    report = training_report(ended.pods)
    outcome = report.outcome if report else None
    if report and outcome is RunOutcome.LEARNING:
        return _learnt(book, report, ended)
    made = model_report(ended.pods)
    if made:
        model = model_of(made, book.inputs)
        kept = book.with_model(model, ended.keep_revisions, ended.serving)
        book = replace(kept, attempts=0, next_attempt=None, last_failure=None, learning=None)
        return Result(book, trained=model)
    return _failed(book, _cause(ended, outcome), ended)


def _cause(ended: Ended, outcome: RunOutcome | None) -> Diagnosis:
    if ended.job.succeeded and outcome in (None, RunOutcome.SUCCEEDED):
        text = "The training Job succeeded but left no readable report; see the log of its pod."
        return Diagnosis(Reason.REPORT_MISSING, text)
    return diagnose(ended.job, ended.pods, format_seconds(ended.deadline_seconds))


def _learnt(book: TrainingBook, report: TrainReport, ended: Ended) -> Result:
    """One next try when the samples will be enough, never sooner than a minute or later than a
    day: the report's guess may be off, and a gap in the data may close by itself.
    """
    finished = ended.finished
    enough_at = unix_seconds(report.enough_at) or None
    enough = enough_at or finished + LEARNING_FALLBACK_SECONDS
    at = min(max(enough, finished + MIN_LEARNING_SECONDS), finished + MAX_LEARNING_SECONDS)
    learning = Learning(
        report.samples,
        report.needed,
        enough_at,
        report.message[:512],
        spec_warnings(report),
        report.judged_slo[:80],
    )
    book = replace(book, attempts=0, next_attempt=at, last_failure=None, learning=learning)
    return Result(book, learnt=learning)


def _failed(book: TrainingBook, diagnosis: Diagnosis, ended: Ended) -> Result:
    attempts = book.attempts + 1
    retry = ended.finished + retry_delay(attempts, ended.uid)
    failure = Failure(ended.finished, diagnosis.reason.value, diagnosis.message)
    book = replace(book, attempts=attempts, next_attempt=retry, last_failure=failure, learning=None)
    return Result(book, failed=diagnosis)
