"""`status.containment` of an incident: decided once, then what became of its Job.

The decision stands on the object before the Job is made, and the Job's name follows from the
incident: a crash in between leaves the decision, and a repeated creation finds the Job. What has
ended, or was not started in time, is never started again.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from anomaly_operator.anomalies.priority import PRIORITY
from anomaly_operator.anomalies.story import Told
from anomaly_operator.api import names
from anomaly_operator.api.text import cut, span_text, to_text, unix_seconds
from anomaly_operator.incidents.playbook import Entry, Playbook
from anomaly_operator.incidents.state import Incident, IncidentPhase
from anomaly_operator.incidents.transitions import notifies
from anomaly_operator.manifests.containment_job import JOB_TTL_SECONDS
from anomaly_operator.settings.containment import ContainmentSettings
from anomaly_operator.world.objects import JobState

CONTAINMENT = "containment"
MAX_WAIT_SECONDS = 600
"""A Job that starts later would act on a situation that has changed."""
MAX_MESSAGE = 512

Fields = Mapping[str, Any]


class Outcome(StrEnum):
    REQUESTED = "Requested"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    REFUSED = "Refused"

    @property
    def waiting(self) -> bool:
        """No Job has been seen yet."""
        return self in (Outcome.REQUESTED, Outcome.REFUSED)


@dataclass(frozen=True, slots=True)
class ContainmentTerms:
    """`jobs`: the containment Jobs of the service by name. `refused`: what the API server said of
    those that it refuses. `fresh_seconds`: how old the newest anomalous window may be. `answered`:
    incidents on which a person has said something.
    """

    settings: ContainmentSettings
    playbook: Playbook
    namespace: str
    now: int
    fresh_seconds: int
    jobs: Mapping[str, JobState] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    answered: Set[str] = field(default_factory=frozenset)


def containment_part(
    terms: ContainmentTerms, incident: Incident, before: Fields, found: Fields
) -> Told:
    """To be told after the priority."""
    known = before.get(CONTAINMENT)
    if isinstance(known, Mapping) and known:
        return _followed(terms, known)
    if not _wanted(terms, incident, found):
        return Told()
    decided = {
        "job": names.containment_job_name(incident.anomaly),
        "at": to_text(terms.now),
        "outcome": Outcome.REQUESTED.value,
    }
    return Told({CONTAINMENT: decided}, due=terms.now + MAX_WAIT_SECONDS + 1)


def _wanted(terms: ContainmentTerms, incident: Incident, found: Fields) -> bool:
    """Only where the policy's own playbook and the admin say so, for an incident that is going on,
    that people are told of, that has no other cause, and that nobody has taken up.
    """
    priority = found.get(PRIORITY) or {}
    name = str(priority.get("tier", ""))
    tier = terms.playbook.named(name)
    if tier is None or tier.entry is not Entry.CONTAIN or not terms.playbook.stated:
        return False
    since = incident.confirmed_at or incident.opened
    return (
        terms.settings.allows(terms.namespace, name)
        and incident.phase is IncidentPhase.OPEN
        and notifies(incident.severity)
        and not found.get("symptomOf")
        and incident.anomaly not in terms.answered
        and terms.now - incident.last_seen <= terms.fresh_seconds
        and terms.now - since < JOB_TTL_SECONDS
    )


def _followed(terms: ContainmentTerms, known: Fields) -> Told:
    outcome = next((one for one in Outcome if one == known.get("outcome")), Outcome.FAILED)
    if outcome in (Outcome.SUCCEEDED, Outcome.FAILED):
        return Told({CONTAINMENT: known})
    job = terms.jobs.get(str(known.get("job")))
    if job is not None:
        return Told({CONTAINMENT: _with(known, *_state(job))})
    if outcome is Outcome.RUNNING:
        text = "The Job was deleted before it ended."
        return Told({CONTAINMENT: _with(known, Outcome.FAILED, text)})
    give_up = unix_seconds(known.get("at")) + MAX_WAIT_SECONDS
    said = terms.refused.get(str(known.get("job")), "")
    if terms.now > give_up:
        why = f": {said}" if said else "."
        text = f"The Job was not started within {span_text(MAX_WAIT_SECONDS)}{why}"
        return Told({CONTAINMENT: _with(known, Outcome.FAILED, text)})
    if said:
        return Told({CONTAINMENT: _with(known, Outcome.REFUSED, said)}, due=give_up + 1)
    return Told({CONTAINMENT: known}, due=give_up + 1)


def _state(job: JobState) -> tuple[Outcome, str]:
    if job.succeeded:
        return Outcome.SUCCEEDED, ""
    if job.failed:
        text = f"{job.failure_reason}: {job.failure_message}".strip(": ")
        return Outcome.FAILED, text or "The Job failed."
    return Outcome.RUNNING, ""


def _with(known: Fields, outcome: Outcome, message: str) -> Fields:
    kept = {key: known[key] for key in ("job", "at") if key in known}
    said = {"message": cut(message, MAX_MESSAGE)} if message else {}
    return {**kept, "outcome": outcome.value, **said}
