"""`status.reaction` of an incident: its training workload is suspended, once, or why it is not.

Four must agree: the service (`spec.trainingRun.suspendOn`), the administrator, the owner of the
workload by an annotation on it, and the run itself, which needs a checkpoint to come back to. What
is missing stands in the message, and may still be added while the incident is fresh. The decision
stands on the object before the patch, and the patch marks the workload with the incident: neither a
crash nor a person who resumes the workload makes us suspend it twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from anomaly_operator.anomalies.story import Told
from anomaly_operator.anomalies.training_run import of_run, worst_trigger
from anomaly_operator.api.names import ANNOTATION_SUSPEND_ON, SUSPEND_ON_CRITICAL
from anomaly_operator.api.text import cut, span_text, to_text, unix_seconds
from anomaly_operator.incidents.state import Incident, IncidentPhase
from anomaly_operator.settings.suspend import SuspendSettings
from anomaly_operator.world.plan import Lookup, ReadTrainer
from anomaly_operator.world.trainer import TrainerObject, UnknownTrainer
from anomaly_operator.world.view import Answer

REACTION = "reaction"
CRITICAL = "Critical"
MAX_WAIT_SECONDS = 600
"""A later suspension would act on a situation that has changed."""
RETRY_SECONDS = 30
MAX_MESSAGE = 512

Fields = Mapping[str, Any]


class Outcome(StrEnum):
    REQUESTED = "Requested"
    SUSPENDED = "Suspended"
    FAILED = "Failed"
    REFUSED = "Refused"


@dataclass(frozen=True, slots=True)
class ReactionTerms:
    """`trainer`: what to ask for the workload; None where the service wants no reaction.
    `fresh_seconds`: how old the newest anomalous window may be. `answers`: to lookups. `refused`:
    what the API server said of the workload's last patch. `answered`: incidents on which a person
    has said something.
    """

    settings: SuspendSettings
    trainer: ReadTrainer | None
    now: int
    fresh_seconds: int
    answers: Mapping[Lookup, Answer] = field(default_factory=dict)
    refused: str = ""
    answered: Set[str] = field(default_factory=frozenset)


def reaction_part(terms: ReactionTerms, incident: Incident, before: Fields, found: Fields) -> Told:
    """To be told after the training run."""
    known = before.get(REACTION)
    known = known if isinstance(known, Mapping) else {}
    outcome = next((one for one in Outcome if one == known.get("outcome")), None)
    kept = Told({REACTION: known} if known else {})
    if outcome in (Outcome.SUSPENDED, Outcome.FAILED):
        return kept
    if outcome is Outcome.REQUESTED:
        return _followed(terms, incident, known, found)
    if terms.trainer is None or not _wanted(terms, incident, found):
        return kept
    missing = _missing(terms.settings, terms.trainer, found)
    if missing:
        return Told({REACTION: _said(terms, known, Outcome.REFUSED, missing)})
    if terms.trainer not in terms.answers:
        return Told(kept.fields, (terms.trainer,))
    trainer = terms.answers[terms.trainer]
    if isinstance(trainer, UnknownTrainer) and trainer.passing:
        return Told(kept.fields, due=terms.now + RETRY_SECONDS)
    if isinstance(trainer, TrainerObject) and trainer.suspended_for == incident.anomaly:
        return Told({REACTION: _said(terms, known, Outcome.SUSPENDED)})
    refusal = _unfit(terms.trainer, trainer)
    if refusal:
        return Told({REACTION: _said(terms, known, Outcome.REFUSED, refusal)})
    decided = _said(terms, {}, Outcome.REQUESTED)
    return Told({REACTION: decided}, due=terms.now + MAX_WAIT_SECONDS + 1)


def _wanted(terms: ReactionTerms, incident: Incident, found: Fields) -> bool:
    """For an incident that goes on, with a Critical trigger, that nobody has taken up."""
    return (
        incident.phase is IncidentPhase.OPEN
        and worst_trigger(found).get("tier") == CRITICAL
        and incident.anomaly not in terms.answered
        and terms.now - incident.last_seen <= terms.fresh_seconds
    )


def _missing(settings: SuspendSettings, trainer: ReadTrainer, found: Fields) -> str:
    """What is missing before the workload is looked at; empty where nothing is."""
    if not settings.enabled:
        return "The administrator has not enabled trainingRuns.suspend in the operator's settings."
    if trainer.namespace not in settings.namespaces:
        return (
            f"Namespace {trainer.namespace} is not listed in trainingRuns.suspend.namespaces of "
            "the operator's settings."
        )
    if not isinstance(of_run(found).get("checkpoint"), Mapping):
        return (
            "No checkpoint is known from which the run could go on. Set "
            "spec.trainingRun.checkpoints of the service."
        )
    return ""


def _unfit(asked: ReadTrainer, trainer: Answer) -> str:
    """What is missing on the workload itself; empty where nothing is."""
    what = f"{asked.kind} {asked.name}"
    if isinstance(trainer, UnknownTrainer):
        return f"{what} cannot be read: {trainer.said}"
    if not isinstance(trainer, TrainerObject):
        return f"{what} does not exist in namespace {asked.namespace}."
    if not trainer.allowed:
        return (
            f"{what} has no annotation {ANNOTATION_SUSPEND_ON}: {SUSPEND_ON_CRITICAL}. Add it to "
            "let it be suspended."
        )
    if trainer.ended:
        return f"{what} has ended."
    if trainer.suspended:
        return f"{what} is suspended already."
    return ""


def _followed(terms: ReactionTerms, incident: Incident, known: Fields, found: Fields) -> Told:
    """From the decision to its outcome."""
    give_up = unix_seconds(known.get("at")) + MAX_WAIT_SECONDS
    late = terms.now > give_up
    asked = terms.trainer
    missing = _missing(terms.settings, asked, found) if asked else "spec.trainingRun has changed."
    if asked is None or missing:
        return Told({REACTION: _said(terms, known, Outcome.FAILED, missing)})
    if asked not in terms.answers:
        return Told({REACTION: known}, (asked,))
    trainer = terms.answers[asked]
    if isinstance(trainer, TrainerObject) and trainer.suspended_for == incident.anomaly:
        return Told({REACTION: _said(terms, known, Outcome.SUSPENDED)})
    if isinstance(trainer, UnknownTrainer) and trainer.passing and not late:
        return Told({REACTION: known}, due=min(terms.now + RETRY_SECONDS, give_up + 1))
    unfit = _unfit(asked, trainer)
    if late or unfit:
        waited = f"It was not suspended within {span_text(MAX_WAIT_SECONDS)}."
        text = unfit or " ".join(one for one in (waited, terms.refused) if one)
        return Told({REACTION: _said(terms, known, Outcome.FAILED, text)})
    return Told({REACTION: known}, due=give_up + 1)


def _said(terms: ReactionTerms, known: Fields, outcome: Outcome, message: str = "") -> Fields:
    """`at` stays that of `known`, the decision that this is the outcome of."""
    asked = terms.trainer
    workload = f"{asked.kind} {asked.name}" if asked else str(known.get("workload", ""))
    text = {"message": cut(message, MAX_MESSAGE)} if message else {}
    at = known.get("at") or to_text(terms.now)
    return {"workload": workload, "at": at, "outcome": outcome.value, **text}
