"""Ready, Reconciling and Stalled as kstatus reads them, and the service in one word.

Ready speaks of the detector, never of the watched service. It is True when all is in place and
doing what it can, also while it learns, because a GitOps tool must not wait for days of history;
Unknown while things are being set up; False when a person must act.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from anomaly_operator.api.conditions import MAX_MESSAGE, Condition, Truth
from anomaly_operator.api.names import MODELS_CLAIM, ConditionType
from anomaly_operator.api.problem import Problem, listed
from anomaly_operator.api.reasons import Reason
from anomaly_operator.api.resources import CLAIM
from anomaly_operator.api.text import sentence, to_text
from anomaly_operator.incidents.state import ExpectedRule, Incident, IncidentState
from anomaly_operator.spec.expected import Expectation
from anomaly_operator.status.conditions import detecting
from anomaly_operator.status.facts import Facts
from anomaly_operator.status.model_condition import (
    name_conflict,
    no_model,
    unfit_pin,
    unknown_pin,
)
from anomaly_operator.status.run_report import SAID
from anomaly_operator.status.scoring import MODEL_GONE
from anomaly_operator.status.spec_faults import spec_faults, told
from anomaly_operator.training.step import Phase
from anomaly_operator.world.diagnosis import Diagnosis
from anomaly_operator.world.refusal import refusal_diagnosis
from detector_runtime.contract.training_run import RunState
from detector_runtime.contract.vocabulary import RunOutcome

FOR_A_PERSON = frozenset(
    {
        RunOutcome.INVALID_CONFIG,
        RunOutcome.INVALID_QUERY,
        RunOutcome.SOURCE_UNAUTHORIZED,
        RunOutcome.SECRET_MISSING,
        RunOutcome.ADDRESS_REFUSED,
        RunOutcome.RESPONSE_TOO_LARGE,
    }
)
"""Run outcomes that no waiting mends."""
_UNMENDED = frozenset(
    {
        RunOutcome.MODEL_MISSING,
        RunOutcome.MODEL_REFUSED,
        RunOutcome.INTERNAL_ERROR,
        RunOutcome.STORAGE_FULL,
    }
)
"""Run outcomes that mend themselves, or with a new model; but not after several runs in a row."""


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
        text = "Training and scoring are suspended: `spec.suspend` is true."
        return _trio(Truth.TRUE, Diagnosis(Reason.SUSPENDED, text))
    if not facts.serving.judges:
        found = no_model(facts)
        return _trio(Truth.TRUE if found.reason is Reason.LEARNING else Truth.UNKNOWN, found)
    running = detecting(facts)
    if running.status is Truth.FALSE:
        text = f"Everything is in place, but windows are not scored. {running.message}"
        return _trio(Truth.TRUE, Diagnosis(Reason(running.reason), text))
    faults = spec_faults(facts)
    in_place = "A model serves" if facts.serving.needed else "The run is followed"
    if faults:
        text = f"{in_place}, but the spec or its data need a correction. {told(faults)}"
        return _trio(Truth.TRUE, Diagnosis(faults[0].reason, text))
    return _trio(Truth.TRUE, Diagnosis(Reason.READY, f"{in_place}. {running.message}"))


def unusable_trio(problems: tuple[Problem, ...]) -> tuple[Condition, Condition, Condition]:
    """The three for a spec that cannot be used; what was made for an earlier one goes on."""
    found = Diagnosis(problems[0].reason, listed(problems))
    return _trio(Truth.FALSE, found, stalled=True)


def _stalled(facts: Facts) -> Diagnosis | None:
    """What only a person can mend."""
    barred = name_conflict(facts) or refusal_diagnosis(facts.obstacles.refused)
    if barred is not None:
        return barred
    if facts.obstacles.claim_lost:
        text = (
            f"{CLAIM.kind} {MODELS_CLAIM} has lost its volume; delete it, and the operator "
            "creates a new one."
        )
        return Diagnosis(Reason.CLAIM_LOST, text)
    if facts.serving.unknown_pin:
        return Diagnosis(Reason.UNKNOWN_REVISION, unknown_pin(facts))
    if facts.serving.unfit_pin:
        return Diagnosis(Reason.REVISION_MISMATCH, unfit_pin(facts))
    if facts.incidents is None:
        where = f"`status.{facts.unreadable}`"
        text = f"{where} cannot be read and stays as it is; remove it from the status."
        return Diagnosis(Reason.INTERNAL_ERROR, text)
    if facts.spec.suspend:
        return None
    failed, outcome = facts.scoring_failure, facts.scoring.outcome
    pinned_gone = facts.serving.pinned and outcome in MODEL_GONE
    if failed is not None and (outcome in FOR_A_PERSON or pinned_gone or _unmended(facts)):
        return Diagnosis(failed.reason, sentence(failed.message))
    lasting = [fault for fault in spec_faults(facts) if fault.lasting]
    if lasting:
        return Diagnosis(lasting[0].reason, told(lasting))
    if not facts.serving.judges and (facts.training_failure or facts.training.stuck):
        return no_model(facts)
    return None


def _unmended(facts: Facts) -> bool:
    """Whether runs go on failing after what the operator can do about it: a training that replaces
    a lost model, or another try."""
    trying = facts.training.phase in (Phase.QUEUED, Phase.STARTING, Phase.RUNNING)
    return facts.failing_long and facts.scoring.outcome in _UNMENDED and not trying


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
            found.message if setting_up else "No change is in progress.",
        ),
        Condition(
            ConditionType.STALLED,
            Truth.of(stalled),
            found.reason if stalled else steady,
            found.message if stalled else "No action required.",
        ),
    )


def state_of(facts: Facts, ready: Condition) -> State:
    if facts.spec.suspend:
        return State.SUSPENDED
    if _has_incident(facts.incidents):
        return State.ANOMALOUS
    if not facts.serving.judges:
        if ready.status is Truth.FALSE:
            return State.DEGRADED
        return State.LEARNING if ready.reason is Reason.LEARNING else State.PENDING
    if ready.status is Truth.FALSE or detecting(facts).status is Truth.FALSE:
        return State.DEGRADED
    if spec_faults(facts):
        return State.DEGRADED
    waits = facts.run is not None and facts.run.state is RunState.WAITING
    return State.HEALTHY if facts.scoring.scored and not waits else State.PENDING


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
        return _incident_summary(running)[:MAX_MESSAGE]
    if state is State.HEALTHY:
        expected = expected_text(facts)
        fine = "No anomaly detected." if facts.run is None else SAID[facts.run.state]
        return f"No incident. {expected}"[:MAX_MESSAGE] if expected else fine
    if state is State.PENDING and facts.run is not None:
        return SAID[facts.run.state]
    return ready.message[:MAX_MESSAGE]


def _incident_summary(running: Incident) -> str:
    """What is wrong now; what was worst only where nothing is known of now."""
    if running.normal_since is not None:
        return f"{running.pattern} is recovering: normal since {to_text(running.normal_since)}."
    since = f"{running.pattern} has been anomalous since {to_text(running.opened)}."
    return running.current_summary or running.summary or since


def expected_text(facts: Facts) -> str:
    """What opens no incident now because people called it normal; empty when nothing does."""
    said = _listed(facts.incidents.expected if facts.incidents else (), facts.now)
    declared = _listed(facts.spec.incidents.expected, facts.now)
    texts = [f"Expected by feedback: {said}; see `status.expected`."] if said else []
    texts += [f"Expected by `spec.expected`: {declared}."] if declared else []
    return " ".join(texts)


def _listed(rules: Sequence[ExpectedRule | Expectation], now: int) -> str:
    """Three of the rules that hold at `now`, and how many more there are."""
    parts = sorted(
        f"{one.pattern} up to {one.severity} until {to_text(one.until)}"
        for one in rules
        if one.until >= now
    )
    more = f" and {len(parts) - 3} more" if len(parts) > 3 else ""
    return f"{', '.join(parts[:3])}{more}"
