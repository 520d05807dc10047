"""The Events of a service: one for each transition between the old status and the new."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from anomaly_operator.api.names import API_VERSION, ConditionType
from anomaly_operator.api.problem import Problem, listed
from anomaly_operator.api.reasons import EventReason, Reason
from anomaly_operator.api.resources import ANOMALY
from anomaly_operator.api.text import sentence, to_text
from anomaly_operator.incidents.transitions import Transition
from anomaly_operator.status.facts import Facts
from anomaly_operator.status.model_condition import name_conflict
from anomaly_operator.status.readiness import State
from anomaly_operator.status.stored import Status
from anomaly_operator.training.step import Phase
from anomaly_operator.world.diagnosis import OPT_OUT, named
from anomaly_operator.world.objects import Meta
from anomaly_operator.world.plan import EventSpec, EventType, ObjectRef
from anomaly_operator.world.refusal import refusal_diagnosis


def invalid_events(
    service: Meta, before: Status, problems: tuple[Problem, ...]
) -> tuple[EventSpec, ...]:
    """Once for each set of problems."""
    text = listed(problems)
    if before.condition(ConditionType.STALLED).get("message") == text:
        return ()
    return (_event(service, EventType.WARNING, EventReason.INVALID_SPEC, text),)


def service_events(
    service: Meta,
    before: Status,
    facts: Facts,
    document: Mapping[str, Any],
    transitions: tuple[Transition, ...],
) -> tuple[EventSpec, ...]:
    """All Events of one reconcile, in the order in which things happened."""
    after = {entry["type"]: entry for entry in document["conditions"]}
    return (
        *_training(service, before, facts),
        *_promotion(service, before, facts),
        *_detection(service, before, after),
        *_state(service, before, facts),
        *incident_events(service, transitions),
    )


def _training(service: Meta, before: Status, facts: Facts) -> Iterator[EventSpec]:
    result, book = facts.training.result, facts.training.book
    if result and result.kept_running:
        text = (
            f"{named(result.kept_running)} the pod of Job {before.training.job} running after the "
            f"training has ended. Its result is taken and the Job is deleted; {OPT_OUT}."
        )
        yield _event(service, EventType.WARNING, EventReason.POD_KEPT_RUNNING, text)
    next_try = f" Next try at {to_text(book.next_attempt)}." if book.next_attempt else ""
    if result and result.trained:
        model = result.trained
        text = f"Revision {model.revision} was trained; data grade {model.grade or 'unknown'}."
        yield _event(service, EventType.NORMAL, EventReason.TRAINING_SUCCEEDED, text)
    if result and result.learnt and before.training.learning is None:
        learnt = result.learnt
        text = f"{learnt.samples} of {learnt.needed} samples collected.{next_try}"
        yield _event(service, EventType.NORMAL, EventReason.LEARNING, text)
    if result and result.failed:
        failed = result.failed
        text = f"Training failed ({failed.reason}): {sentence(failed.message)}{next_try}"
        yield _event(service, EventType.WARNING, EventReason.TRAINING_FAILED, text)
    if facts.training.phase is Phase.STARTING and book.trigger and not facts.obstacles.conflicts:
        text = f"Job {book.job} was created (trigger {book.trigger})."
        yield _event(service, EventType.NORMAL, EventReason.TRAINING_STARTED, text)


def _promotion(service: Meta, before: Status, facts: Facts) -> Iterator[EventSpec]:
    model = facts.serving.model
    old = before.model.revision if before.model else ""
    if model is not None and model.revision != old:
        text = f"Revision {model.revision} serves{f' instead of {old}' if old else ''}."
        yield _event(service, EventType.NORMAL, EventReason.MODEL_PROMOTED, text)


def _detection(
    service: Meta, before: Status, after: Mapping[str, Mapping[str, Any]]
) -> Iterator[EventSpec]:
    old = before.condition(ConditionType.DETECTING)
    new = after[ConditionType.DETECTING.value]
    if (old.get("status"), old.get("reason")) == (new["status"], new["reason"]):
        return
    if new["status"] == "True":
        again = old.get("status") == "False" and old.get("reason") != Reason.NO_MODEL.value
        reason = EventReason.DETECTION_RESUMED if again else EventReason.DETECTION_STARTED
        yield _event(service, EventType.NORMAL, reason, str(new["message"]))
    elif new["status"] == "False" and old.get("status") in ("True", "Unknown"):
        quiet = (Reason.SUSPENDED.value, Reason.NO_MODEL.value)
        if new["reason"] not in quiet:
            text = f"Windows are not scored ({new['reason']}): {new['message']}"
            yield _event(service, EventType.WARNING, EventReason.DETECTION_STALE, text)


def _state(service: Meta, before: Status, facts: Facts) -> Iterator[EventSpec]:
    suspended = facts.spec.suspend
    if before.state and (before.state == State.SUSPENDED) != suspended:
        reason = EventReason.SUSPENDED if suspended else EventReason.RESUMED
        was = (
            "are suspended: `spec.suspend` is true"
            if suspended
            else "resume: `spec.suspend` is false"
        )
        yield _event(service, EventType.NORMAL, reason, f"Training and scoring {was}.")
    stalled = before.condition(ConditionType.STALLED)
    conflict = name_conflict(facts)
    if conflict is not None and stalled.get("reason") != conflict.reason:
        yield _event(service, EventType.WARNING, EventReason.NAME_CONFLICT, conflict.message)
    refused = refusal_diagnosis(facts.obstacles.refused)
    if refused is not None and stalled.get("message") != refused.message:
        yield _event(service, EventType.WARNING, EventReason.RECONCILE_FAILED, refused.message)
    contested = facts.policy.reason is Reason.POLICY_CONFLICT
    known = before.condition(ConditionType.SLO_MET).get("reason")
    if contested and known != Reason.POLICY_CONFLICT:
        yield _event(service, EventType.WARNING, EventReason.POLICY_CONFLICT, facts.policy.message)


def incident_events(service: Meta, transitions: tuple[Transition, ...]) -> Iterator[EventSpec]:
    """One for each edge of an incident that people hear of, on the service and on the Anomaly."""
    for edge in transitions:
        if not edge.silent:
            kind = EventType.WARNING if edge.warning else EventType.NORMAL
            anomaly = ObjectRef(API_VERSION, ANOMALY.kind, service.namespace, edge.anomaly)
            yield EventSpec(service.ref, kind, edge.reason, edge.message, also=anomaly)


def _event(service: Meta, kind: EventType, reason: EventReason, message: str) -> EventSpec:
    return EventSpec(service.ref, kind, reason.value, message)
