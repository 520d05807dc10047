"""What the conditions say of a training run, where a microservice's speak of its model.

A pause between two rows is no lack of data: trainers log when they have something to log, and only
a pause far beyond the usual is one.
"""

from __future__ import annotations

from collections.abc import Iterator

from anomaly_operator.api.conditions import Condition, Truth
from anomaly_operator.api.names import ANNOTATION_TRAIN_REQUESTED, ConditionType
from anomaly_operator.api.reasons import Reason
from anomaly_operator.api.text import sentence
from anomaly_operator.spec.profile import Profile
from anomaly_operator.status.facts import DATA_REASONS, Facts
from anomaly_operator.status.run_report import OVER, SAID
from anomaly_operator.status.slo_condition import SUSPENDED
from detector_runtime.contract.training_run import RunState

FIRST_RUN = "No run has read the log yet; the first is due within one interval."
_NO_MODEL = f"Profile {Profile.TRAINING_RUN} trains no model."


def rows_available(facts: Facts) -> Condition:
    """DataAvailable."""
    kind, run = ConditionType.DATA_AVAILABLE, facts.run
    if facts.spec.suspend:
        return Condition(kind, Truth.UNKNOWN, Reason.SUSPENDED, SUSPENDED)
    failed = facts.scoring_failure
    if failed is not None and failed.reason in DATA_REASONS:
        return Condition(kind, Truth.FALSE, failed.reason, sentence(failed.message))
    if run is None:
        return Condition(kind, Truth.UNKNOWN, Reason.WAITING_FOR_FIRST_RUN, FIRST_RUN)
    said = SAID[run.state]
    if run.state is RunState.WAITING:
        text = f"{said} Rows are read from {_place(facts)}; see whether the trainer has started."
        return Condition(kind, Truth.UNKNOWN, Reason.NO_ROWS, text)
    if run.state is RunState.STALLED:
        text = f"{said} The last came at {run.last_row_at}; look at the trainer."
        return Condition(kind, Truth.FALSE, Reason.RUN_STALLED, text)
    if run.state in OVER:
        text = f"{said} The log is still read; set `spec.suspend` to true to end that."
        return Condition(kind, Truth.TRUE, Reason.RUN_OVER, text)
    bad = " Some lines cannot be used; see `status.trainingRun.badLine`." if run.bad_lines else ""
    return Condition(kind, Truth.TRUE, Reason.DATA_COMPLETE, f"Rows arrive.{bad}")


def model_not_needed(facts: Facts) -> Condition:
    """ModelReady: True, so that whoever waits for it does not wait for ever."""
    asked = (
        f" The annotation {ANNOTATION_TRAIN_REQUESTED} has no effect; remove it."
        if facts.train_requested
        else ""
    )
    return Condition(
        ConditionType.MODEL_READY, Truth.TRUE, Reason.NOT_NEEDED, f"{_NO_MODEL}{asked}"
    )


def not_compared() -> Iterator[Condition]:
    """What is held against a model or an SLO elsewhere. The first two are not listed, then."""
    text = f"{_NO_MODEL} There is nothing to compare with."
    for kind in (ConditionType.DRIFTED, ConditionType.BASELINE_SHIFTED):
        yield Condition(kind, Truth.FALSE, Reason.NOT_NEEDED, text)
    text = f"No SLOPolicy applies to profile {Profile.TRAINING_RUN}."
    yield Condition(ConditionType.SLO_MET, Truth.UNKNOWN, Reason.NOT_NEEDED, text)


def _place(facts: Facts) -> str:
    run = facts.spec.training_run
    if run is None or run.run.log is None:
        return "the source of `spec.trainingRun`"
    return f"{run.run.log.path} on PersistentVolumeClaim {run.claim}"
