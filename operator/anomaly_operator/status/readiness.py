"""Ready, Reconciling and Stalled as kstatus reads them, and the service in one word.

Ready speaks of the detector, never of the watched service. It is True when all is in place and
doing what it can, also while it learns, because a GitOps tool must not wait for days of history;
Unknown while things are being set up; False when a person must act.
"""

from __future__ import annotations

from enum import StrEnum

from anomaly_operator.api.conditions import Condition, Truth
from anomaly_operator.api.names import ConditionType
from anomaly_operator.api.problem import Problem
from anomaly_operator.api.reasons import Reason
from anomaly_operator.api.text import to_text
from anomaly_operator.incidents.state import IncidentState
from anomaly_operator.status.conditions import detecting, model_ready, name_conflict, unknown_pin
from anomaly_operator.status.facts import FOR_A_PERSON, MODEL_GONE, Facts
from anomaly_operator.world.diagnosis import Diagnosis
from anomaly_operator.world.refusal import told


class State(StrEnum):
    """`status.state`. Degraded: detection itself does not work."""

    PENDING = "Pending"
    LEARNING = "Learning"
    HEALTHY = "Healthy"
    ANOMALOUS = "Anomalous"
    DEGRADED = "Degraded"
    SUSPENDED = "Suspended"


def readiness(facts: Facts) -> tuple[Condition, Condition, Condition]:
    """Ready, Reconciling, Stalled."""
    stalled = _stalled(facts)
    if stalled is not None:
        return _trio(Truth.FALSE, stalled, stalled=True)
    if facts.spec.suspend:
        text = "spec.suspend stops training and inference"
        return _trio(Truth.TRUE, Diagnosis(Reason.SUSPENDED, text))
    model = model_ready(facts)
    if facts.serving.model is None:
        found = Diagnosis(model.reason, model.message)
        settled = model.reason is Reason.LEARNING
        return _trio(Truth.TRUE if settled else Truth.UNKNOWN, found)
    running = detecting(facts)
    if running.status is Truth.FALSE:
        return _trio(Truth.TRUE, Diagnosis(running.reason, f"in place; {running.message}"))
    text = f"trained; {running.message}"
    return _trio(Truth.TRUE, Diagnosis(Reason.READY, text))


def unusable_trio(problems: tuple[Problem, ...]) -> tuple[Condition, Condition, Condition]:
    """The three for a spec that cannot be used; what was made for an earlier one goes on."""
    text = "; ".join(str(problem) for problem in problems)
    return _trio(Truth.FALSE, Diagnosis(problems[0].reason, text), stalled=True)


def _stalled(facts: Facts) -> Diagnosis | None:
    """What only a person can mend."""
    conflict = name_conflict(facts)
    if conflict is not None:
        return conflict
    refused = told(facts.refused)
    if refused is not None:
        return refused
    if facts.claim_lost:
        text = "the claim anomaly-models has lost its volume; delete it, and a new one is made"
        return Diagnosis(Reason.CLAIM_LOST, text)
    if facts.serving.unknown_pin:
        return Diagnosis(Reason.UNKNOWN_REVISION, unknown_pin(facts))
    if facts.incidents is None:
        text = "status.incidents cannot be read and is left as it is; delete it from the status"
        return Diagnosis(Reason.INTERNAL_ERROR, text)
    pinned_gone = facts.serving.pinned and facts.outcome in MODEL_GONE
    if (facts.outcome in FOR_A_PERSON or pinned_gone) and not facts.spec.suspend:
        return facts.failed_run
    no_model = facts.serving.model is None
    if no_model and (facts.training_failure or facts.training.stuck) and not facts.spec.suspend:
        model = model_ready(facts)
        return Diagnosis(model.reason, model.message)
    return None


def _trio(
    ready: Truth, found: Diagnosis, stalled: bool = False
) -> tuple[Condition, Condition, Condition]:
    setting_up = ready is Truth.UNKNOWN
    steady = Reason.STEADY
    return (
        Condition(ConditionType.READY, ready, found.reason, found.message),
        Condition(
            ConditionType.RECONCILING,
            Truth.of(setting_up),
            found.reason if setting_up else steady,
            found.message if setting_up else "nothing is under way",
        ),
        Condition(
            ConditionType.STALLED,
            Truth.of(stalled),
            found.reason if stalled else steady,
            found.message if stalled else "nothing waits for a person",
        ),
    )


def state_of(facts: Facts, ready: Condition) -> State:
    if facts.spec.suspend:
        return State.SUSPENDED
    if _has_incident(facts.incidents):
        return State.ANOMALOUS
    if facts.serving.model is None:
        if ready.status is Truth.FALSE:
            return State.DEGRADED
        return State.LEARNING if ready.reason is Reason.LEARNING else State.PENDING
    if ready.status is Truth.FALSE or detecting(facts).status is Truth.FALSE:
        return State.DEGRADED
    return State.HEALTHY if facts.scored else State.PENDING


def unusable_state(incidents: IncidentState | None) -> State:
    """Of a service whose spec cannot be used: what is wanted now is not done."""
    return State.ANOMALOUS if _has_incident(incidents) else State.DEGRADED


def _has_incident(incidents: IncidentState | None) -> bool:
    running = incidents.running if incidents else None
    return running is not None and running.confirmed


def summary_of(facts: Facts, state: State, ready: Condition) -> str:
    """The service in a sentence, without a figure that changes from window to window."""
    running = facts.incidents.running if facts.incidents else None
    if running is not None and running.confirmed:
        since = f"{running.pattern} since {to_text(running.first_seen)}"
        return (running.summary or since)[:1024]
    if state is State.HEALTHY:
        return "nothing unusual"
    return ready.message[:1024]
