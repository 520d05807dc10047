"""`status.priority` of an incident: value, tier, owner, next step, deadline.

It follows the incident while it runs and stays as it is once it is closed. The deadline begins when
the operator first says so, not with the window: after an outage nobody could have kept it. It is
kept by an answer of a person or by the end of the incident.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

from anomaly_operator.anomalies.changes.change import read_changes
from anomaly_operator.anomalies.changes.part import start_of
from anomaly_operator.anomalies.changes.words import explained
from anomaly_operator.anomalies.story import Told
from anomaly_operator.anomalies.training_run import advised
from anomaly_operator.api.text import cut, to_text, unix_seconds
from anomaly_operator.incidents import priority as points
from anomaly_operator.incidents.playbook import Entry, Playbook, Tier
from anomaly_operator.incidents.priority import BudgetFact, Facts
from anomaly_operator.incidents.state import Incident, IncidentPhase
from anomaly_operator.incidents.transitions import notifies
from detector_runtime.contract.run_config import BusyPeriod
from detector_runtime.contract.vocabulary import Category

PRIORITY = "priority"
MAX_STEP = 512

Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PriorityTerms:
    """What decides beside the incident. `trained_at`: of the model that serves, 0 = none.
    `answered`: names of the Anomaly objects that a person has answered. `trains`: a model learns
    from the windows. Times in unix seconds.
    """

    playbook: Playbook
    category: Category
    step_seconds: int
    now: int
    budget: BudgetFact | None = None
    busy_periods: Sequence[BusyPeriod] = ()
    trained_at: int = 0
    answered: Set[str] = field(default_factory=frozenset)
    trains: bool = True


def priority_part(terms: PriorityTerms, incident: Incident, before: Fields, found: Fields) -> Told:
    """To be told after the root cause, whose symptoms are the spread."""
    known = _mapping(before.get(PRIORITY))
    if not incident.running and known:
        return Told({PRIORITY: known})
    parts = _parts(terms, incident, known, found)
    value = sum(parts.values())
    anew = before.get("state") == IncidentPhase.CLOSED.value
    tier = terms.playbook.tier(value, "" if anew else _text(known, "tier"))
    due, missed = _deadline(terms, incident, tier, {} if anew else known, found)
    document = {
        "value": value,
        "tier": tier.name,
        "parts": [{"name": name, "points": count} for name, count in parts.items()],
        "owner": tier.owner,
        "entry": tier.entry.value,
        "nextStep": cut(_next_step(terms, tier, incident, found), MAX_STEP),
        "deadline": to_text(due) if due else "",
        "missed": missed,
    }
    filled = {key: one for key, one in document.items() if one not in ("", False, [])}
    waiting = due > terms.now and not missed and incident.anomaly not in terms.answered
    return Told({PRIORITY: filled}, due=due if waiting else 0)


def _parts(
    terms: PriorityTerms, incident: Incident, known: Fields, found: Fields
) -> dict[str, int]:
    """Points by the name of the part. One that cannot be told now keeps the points that it had."""
    weights = terms.playbook.weights
    told = {
        one.name.value: one.points
        for one in points.priority(_facts(terms, incident, found), weights)
    }
    most = points.scaled(weights)
    had = {_text(one, "name"): one.get("points") for one in _listed(known.get("parts"))}
    result: dict[str, int] = {}
    for part in points.Part:
        if part.value in told:
            result[part.value] = told[part.value]
        elif isinstance(kept := had.get(part.value), int):
            result[part.value] = min(max(kept, 0), most[part])
    return result


def _facts(terms: PriorityTerms, incident: Incident, found: Fields) -> Facts:
    symptoms = found.get("symptomCount")
    return Facts(
        severity=incident.severity,
        category=terms.category,
        duration=incident.duration_seconds(terms.step_seconds),
        slo=incident.slo.status,
        budget=terms.budget,
        symptoms=symptoms if isinstance(symptoms, int) else 0,
        confidence=_percent(incident.confidence),
        busy=any(one.start <= incident.last_seen < one.end for one in terms.busy_periods),
        # At the opening: an age that grows would be a change without news.
        model_age=incident.opened - terms.trained_at if terms.trained_at else None,
    )


def _deadline(
    terms: PriorityTerms, incident: Incident, tier: Tier, known: Fields, found: Fields
) -> tuple[int, bool]:
    """Unix seconds, 0 = none, and whether it has passed without an answer."""
    due, missed = unix_seconds(known.get("deadline")), bool(known.get("missed"))
    if missed or incident.anomaly in terms.answered or not incident.running:
        return due, missed
    if not tier.deadline or not notifies(incident.severity) or found.get("symptomOf"):
        return 0, False  # nobody is told of it, so nobody is late
    held = terms.playbook.named(_text(known, "tier"))
    if not due:
        due = terms.now + tier.deadline
    elif held is not None and tier.begins > held.begins:
        due = min(due, terms.now + tier.deadline)
    return due, terms.now >= due


def _next_step(terms: PriorityTerms, tier: Tier, incident: Incident, found: Fields) -> str:
    root = _mapping(found.get("rootCause"))
    if found.get("symptomOf") and root.get("service"):
        return f"Start with {root['service']}: this is a symptom of {found['symptomOf']}."
    if tier.text:
        return tier.text
    if not terms.trains:
        steps = advised(incident, found)
        return steps[0] if steps else "Read the log of the run around the steps of the incident."
    if tier.entry is Entry.RETRAIN:
        return (
            "If this is normal from now on, set spec.feedback.verdict to Expected, which starts a "
            "training; otherwise acknowledge it."
        )
    # A change that it began after comes first, as in the explanation.
    own = {"recommendedActions": list(incident.recommended_actions)}
    actions = explained(own, read_changes(found), start_of(incident, terms.step_seconds))
    if actions["recommendedActions"]:
        return str(actions["recommendedActions"][0])
    if tier.entry is Entry.CONTAIN:
        return "Stop the damage first: undo the last change, or take load off the service."
    return "Compare the metrics in status.explanation with their usual range and acknowledge."


def _percent(text: str) -> float | None:
    try:
        return float(text.rstrip("%"))
    except ValueError:
        return None


def _mapping(value: Any) -> Fields:
    return value if isinstance(value, Mapping) else {}


def _listed(value: Any) -> list[Fields]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _text(fields: Fields, key: str) -> str:
    return str(fields.get(key) or "")
