"""ModelReady: which model serves, or why none does; and what is in the way of the next one."""

from __future__ import annotations

from anomaly_operator.api.conditions import Condition, Truth
from anomaly_operator.api.names import ConditionType
from anomaly_operator.api.reasons import Reason
from anomaly_operator.api.resources import ANOMALY, JOB
from anomaly_operator.api.text import sentence, to_text
from anomaly_operator.status.facts import Facts
from anomaly_operator.status.spec_faults import DATA_FAULTS, spec_faults
from anomaly_operator.training.book import Model
from anomaly_operator.training.step import Phase
from anomaly_operator.world.diagnosis import Diagnosis
from anomaly_operator.world.refusal import refusal_diagnosis
from detector_runtime.contract.train_report import NEAR_LIMIT

_WAITING_PHASES = (Phase.STARTING, Phase.RUNNING)


def model_ready(facts: Facts) -> Condition:
    kind, model = ConditionType.MODEL_READY, facts.serving.model
    if model is None:
        missing = no_model(facts)
        return Condition(kind, Truth.FALSE, missing.reason, missing.message)
    failed = facts.scoring_failure
    if failed is not None and facts.scoring.misses(model.revision):
        return Condition(kind, Truth.FALSE, failed.reason, sentence(failed.message))
    serving = _serving(facts, model)
    return Condition(kind, Truth.TRUE, serving.reason, serving.message)


def _serving(facts: Facts, model: Model) -> Diagnosis:
    """What to say of the model that serves; what is in the way of the next one goes first."""
    revision = model.revision
    serving, serves = facts.serving, f"Revision {revision} serves."
    if serving.unknown_pin:
        text = f"Revision {revision} serves instead. {unknown_pin(facts)}"
        return Diagnosis(Reason.UNKNOWN_REVISION, text)
    if serving.unfit_pin:
        instead = "with the spec that it was trained for"
        if revision != facts.spec.model_revision:
            instead = "instead"
        text = f"Revision {revision} serves {instead}. {unfit_pin(facts)}"
        return Diagnosis(Reason.REVISION_MISMATCH, text)
    refused_jobs = tuple(one for one in facts.obstacles.refused if one.kind == JOB.kind)
    barred = _start_barred(facts) or refusal_diagnosis(refused_jobs)
    if barred is not None:
        return Diagnosis(
            barred.reason, f"{serves} The next training cannot start: {barred.message}"
        )
    failure = facts.training_failure
    if failure is not None:
        text = f"{serves} The newest training failed: {sentence(failure.message)}{_retry(facts)}"
        return Diagnosis(failure.reason, text)
    stuck = facts.training.stuck
    if stuck is not None:
        text = f"{serves} The next training does not start: {sentence(stuck.message)}"
        return Diagnosis(stuck.reason, text)
    if facts.training.deferred:
        return Diagnosis(Reason.TRAINING_DEFERRED, f"{serves}{_deferred(facts)}")
    if serving.pinned:
        text = f"Revision {revision} serves, pinned by `spec.modelRevision`."
        return Diagnosis(Reason.PINNED, text)
    if serving.held_until:
        text = (
            f"{serves} A newer one, trained during the open incident, serves when the incident "
            f"closes, at {to_text(serving.held_until)} at the latest."
        )
        return Diagnosis(Reason.AWAITING_PROMOTION, text)
    if model.validation.startswith(NEAR_LIMIT):
        return Diagnosis(Reason.NEAR_LIMIT, f"{serves} {sentence(model.validation)}")
    if model.provisional:
        text = (
            f"{serves} It was trained on a short history: usual ranges are wider, and severity is "
            "at most Medium unless the SLO is breached."
        )
        return Diagnosis(Reason.PROVISIONAL, text)
    return Diagnosis(Reason.SERVING, serves)


def unknown_pin(facts: Facts) -> str:
    pin = f"`spec.modelRevision` names {facts.spec.model_revision}, which is not on the volume"
    known = ", ".join(entry.revision for entry in facts.training.book.revisions)
    step = f"pin one of {known}, or remove the pin" if known else "remove the pin"
    return f"{pin}; {step}."


def unfit_pin(facts: Facts) -> str:
    pin = f"`spec.modelRevision` names {facts.spec.model_revision}, which was trained for other"
    fitting = ", ".join(facts.serving.fitting)
    step = f"pin one of {fitting}, or remove the pin" if fitting else "remove the pin"
    return f"{pin} metrics or another step than the spec has; {step}, or restore the old spec."


def name_conflict(facts: Facts) -> Diagnosis | None:
    conflicts = facts.obstacles.conflicts
    if not conflicts:
        return None
    words = (
        "exists and does not belong to the operator; rename or delete it."
        if len(conflicts) == 1
        else "exist and do not belong to the operator; rename or delete them."
    )
    return Diagnosis(Reason.NAME_CONFLICT, f"{', '.join(conflicts)} {words}")


def _start_barred(facts: Facts) -> Diagnosis | None:
    """The conflict that keeps trainings from starting; a refusal may only follow from it. The
    object of an incident keeps nothing from starting."""
    children = any(not one.startswith(ANOMALY.kind) for one in facts.obstacles.conflicts)
    return name_conflict(facts) if children else None


def no_model(facts: Facts) -> Diagnosis:
    """Why nothing serves yet. A new try does not hide why the last one failed."""
    training = facts.training
    barred = _start_barred(facts) or refusal_diagnosis(facts.obstacles.refused) or training.stuck
    if barred is not None:
        return barred
    failure = facts.training_failure
    if failure is not None:
        return Diagnosis(failure.reason, sentence(failure.message) + _retry(facts))
    if facts.spec.suspend:
        return Diagnosis(Reason.SUSPENDED, "Training is suspended: `spec.suspend` is true.")
    learning = training.book.learning
    if learning is not None:
        enough = f"; enough at about {to_text(learning.enough_at)}" if learning.enough_at else ""
        faults = "".join(f" {fault.message}" for fault in spec_faults(facts, DATA_FAULTS)[:1])
        text = f"{learning.samples} of {learning.needed} samples collected{enough}.{faults}"
        return Diagnosis(Reason.LEARNING, text)
    if training.phase is Phase.QUEUED:
        text = (
            "Waiting for a training slot; `training.maxConcurrent` in the operator's settings "
            "says how many there are. Namespaces take turns, and the last fifth of the slots is "
            "kept for namespaces without a training."
        )
        return Diagnosis(Reason.TRAINING_QUEUED, text)
    return Diagnosis(Reason.TRAINING, "The first model is being trained.")


def _retry(facts: Facts) -> str:
    book = facts.training.book
    if facts.training.phase in _WAITING_PHASES:
        return " The operator is trying again now."
    if facts.training.deferred:
        return _deferred(facts)
    return f" Next try at {to_text(book.next_attempt)}." if book.next_attempt else ""


def _deferred(facts: Facts) -> str:
    return (
        f" The training that was asked for last starts at {to_text(facts.training.deferred)}; "
        "`training.minPause` in the operator's settings is the least time between two of them."
    )
