"""The Events of a service: one for each transition between the old status and the new."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from anomaly_operator.api.names import ConditionType
from anomaly_operator.api.problem import Problem
from anomaly_operator.api.reasons import EventReason, Reason
from anomaly_operator.api.text import to_text
from anomaly_operator.incidents.transitions import Transition
from anomaly_operator.status.facts import Facts
from anomaly_operator.status.stored import Status
from anomaly_operator.training.book import TrainingBook
from anomaly_operator.training.decide import Phase
from anomaly_operator.world import refusal
from anomaly_operator.world.objects import Meta
from anomaly_operator.world.plan import EventSpec, EventType, ObjectRef


def reference(service: Meta) -> ObjectRef:
    return ObjectRef(
        service.api_version, service.kind, service.namespace, service.name, service.uid
    )


def invalid(service: Meta, before: Status, problems: tuple[Problem, ...]) -> tuple[EventSpec, ...]:
    """Told once for each set of problems."""
    text = "; ".join(str(problem) for problem in problems)
    if before.condition(ConditionType.STALLED).get("message") == text:
        return ()
    return (_event(service, EventType.WARNING, EventReason.INVALID_SPEC, text),)


def events(
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
        *incidents(service, transitions),
    )


def _training(service: Meta, before: Status, facts: Facts) -> Iterator[EventSpec]:
    result, book = facts.training.result, facts.training.book
    if result and result.trained:
        model = result.trained
        text = f"revision {model.revision}, grade {model.grade or 'unknown'}"
        yield _event(service, EventType.NORMAL, EventReason.TRAINING_SUCCEEDED, text)
    if result and result.learnt and before.training.learning is None:
        learnt = result.learnt
        text = f"{learnt.samples} of {learnt.needed} samples{_next_try(book)}"
        yield _event(service, EventType.NORMAL, EventReason.LEARNING, text)
    if result and result.failed:
        text = f"{result.failed.reason}: {result.failed.message}{_next_try(book)}"
        yield _event(service, EventType.WARNING, EventReason.TRAINING_FAILED, text)
    if facts.training.phase is Phase.STARTING and book.trigger and not facts.conflicts:
        text = f"{book.job} ({book.trigger.value})"
        yield _event(service, EventType.NORMAL, EventReason.TRAINING_STARTED, text)


def _next_try(book: TrainingBook) -> str:
    return f"; next try at {to_text(book.next_attempt)}" if book.next_attempt else ""


def _promotion(service: Meta, before: Status, facts: Facts) -> Iterator[EventSpec]:
    model = facts.serving.model
    old = before.model.revision if before.model else ""
    if model is not None and model.revision != old:
        text = f"revision {model.revision} serves" + (f", before it {old}" if old else "")
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
            text = f"{new['reason']}: {new['message']}"
            yield _event(service, EventType.WARNING, EventReason.DETECTION_STALE, text)


def _state(service: Meta, before: Status, facts: Facts) -> Iterator[EventSpec]:
    if before.state and (before.state == "Suspended") != facts.spec.suspend:
        reason = EventReason.SUSPENDED if facts.spec.suspend else EventReason.RESUMED
        text = f"spec.suspend is {str(facts.spec.suspend).lower()}"
        yield _event(service, EventType.NORMAL, reason, text)
    told = before.condition(ConditionType.STALLED).get("reason")
    if facts.conflicts and told != Reason.NAME_CONFLICT.value:
        words = "exists and is" if len(facts.conflicts) == 1 else "exist and are"
        text = f"{', '.join(facts.conflicts)} {words} not ours"
        yield _event(service, EventType.WARNING, EventReason.NAME_CONFLICT, text)
    refused = refusal.told(facts.refused)
    if refused and before.condition(ConditionType.STALLED).get("message") != refused.message:
        yield _event(service, EventType.WARNING, EventReason.RECONCILE_FAILED, refused.message)
    conflict = facts.policy.reason is Reason.POLICY_CONFLICT
    told = before.condition(ConditionType.SLO_MET).get("reason")
    if conflict and told != Reason.POLICY_CONFLICT.value:
        yield _event(service, EventType.WARNING, EventReason.POLICY_CONFLICT, facts.policy.message)


def incidents(service: Meta, transitions: tuple[Transition, ...]) -> Iterator[EventSpec]:
    """One for each edge of an incident that people are told of."""
    for edge in transitions:
        if not edge.silent:
            kind = EventType.WARNING if edge.warning else EventType.NORMAL
            yield EventSpec(
                reference(service), kind, edge.reason, f"{edge.anomaly}: {edge.message}"
            )


def _event(service: Meta, kind: EventType, reason: EventReason, message: str) -> EventSpec:
    return EventSpec(reference(service), kind, reason.value, message)
