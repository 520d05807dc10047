"""The status of an Anomaly object: while its incident is known, when it is lost, and after that.

All that the machine learns stands here; `manifest` has what is written once. The whole status is
given each time, with what the object said before taken up where it still holds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from anomaly_operator.anomalies import learning
from anomaly_operator.anomalies.changes.change import read_changes
from anomaly_operator.anomalies.changes.part import start_of
from anomaly_operator.anomalies.changes.words import explained
from anomaly_operator.anomalies.conditions import acknowledged, normal_windows, resolved
from anomaly_operator.anomalies.learning import LearningTerms, Subject
from anomaly_operator.anomalies.training_run import advised
from anomaly_operator.api.conditions import Condition, Truth, dated, updated
from anomaly_operator.api.names import ConditionType
from anomaly_operator.api.text import span_text, to_text, unix_seconds
from anomaly_operator.evaluation.history import grown
from anomaly_operator.incidents.impact import impact_level
from anomaly_operator.incidents.state import (
    Incident,
    IncidentPhase,
    IncidentSettings,
    Resolution,
)
from anomaly_operator.notify.condition import NotifyTerms, notified
from anomaly_operator.world.objects import AnomalyObject
from detector_runtime.contract.codec import encode
from detector_runtime.contract.vocabulary import Severity

JSON = dict[str, Any]


def status(
    incident: Incident,
    settings: IncidentSettings,
    observed: AnomalyObject | None,
    now: int,
    *,
    suspended: bool = False,
    terms: LearningTerms | None = None,
    told: Mapping[str, Any] | None = None,
    notify: NotifyTerms | None = None,
) -> JSON:
    """The whole status. `observed` gives what people said and when conditions last changed, `told`
    the fields that say more than the incident's own windows, `notify` who hears of it.
    """
    terms = terms or LearningTerms()
    generation = observed.meta.generation if observed else 1
    document: JSON = {
        "observedGeneration": generation,
        "state": incident.phase.value,
        "pattern": incident.pattern,
        "patterns": encode(incident.patterns),
        "severity": incident.severity.value,
        "confidence": incident.confidence,
        "score": incident.score,
        "model": _model(incident),
        "slo": encode(incident.slo),
        "impactLevel": impact_level(incident.severity, incident.slo.status).value,
        "current": _current(incident, settings),
        "worst": _worst(incident),
        "explanation": _explanation(incident, settings.step_seconds, told or {}),
        "occurrences": incident.occurrences,
        "reopened": incident.reopened,
        "reopenedAt": _maybe(incident.reopened_at),
        "duration": span_text(incident.duration_seconds(settings.step_seconds)),
        "confirmedAt": _maybe(incident.confirmed_at),
        "lastSeen": to_text(incident.last_seen),
        "closedAt": _maybe(incident.closed_at),
        "resolution": _resolution(incident),
    }
    before = _loaded(observed.status if observed else b"")
    spec = _loaded(observed.spec if observed else b"")
    document["feedback"] = learning.feedback(spec, before, terms, incident.anomaly, now)
    subject = Subject(
        incident.anomaly,
        observed.meta.namespace if observed else terms.namespace,
        incident.first_seen,
        incident.last_seen,
        running=incident.running,
    )
    document |= told or {}
    as_before = document | {"conditions": before.get("conditions", ())}
    conditions = (
        acknowledged(spec),
        resolved(incident, settings, suspended),
        notified(as_before, spec, observed, notify or NotifyTerms()),
        learning.excluded(subject, spec, document["feedback"], terms),
    )
    # All that an Anomaly has: what others left goes.
    document["conditions"] = dated(conditions, before.get("conditions", ()), generation, now)
    return _recorded(_filled(document), before, spec, observed, now)


def lost(observed: AnomalyObject, now: int, notify: NotifyTerms | None = None) -> JSON:
    """The last status of an object whose incident nobody knows any more."""
    before, spec = _loaded(observed.status), _loaded(observed.spec)
    generation, old = observed.meta.generation, before.get("conditions", ())
    text = "Closed because the service's status no longer knows this incident."
    ended = {key: value for key, value in before.items() if key != "current"}
    document = ended | {
        "observedGeneration": generation,
        "state": IncidentPhase.CLOSED.value,
        "closedAt": to_text(now),
        "resolution": {"reason": Resolution.LOST.value},
    }
    conditions = (
        acknowledged(spec),
        Condition(ConditionType.RESOLVED, Truth.TRUE, Resolution.LOST, text),
        notified(document, spec, observed, notify or NotifyTerms()),
    )
    document["conditions"] = updated(conditions, old, generation, now)
    return _recorded(document, before, spec, observed, now)


def answered(
    observed: AnomalyObject,
    now: int,
    terms: LearningTerms | None = None,
    notify: NotifyTerms | None = None,
) -> JSON:
    """The status of an object that is over, with what people and receivers have said since."""
    terms = terms or LearningTerms()
    before, generation = _loaded(observed.status), observed.meta.generation
    spec, meta = _loaded(observed.spec), observed.meta
    feedback = learning.feedback(spec, before, terms, meta.name, now)
    first, last = unix_seconds(spec.get("firstSeen")), unix_seconds(before.get("lastSeen"))
    subject = Subject(meta.name, meta.namespace, first, last, running=False)
    said = [acknowledged(spec), learning.excluded(subject, spec, feedback, terms)]
    if observed.undelivered:
        said.append(notified(before, spec, observed, notify or NotifyTerms()))
    old = before.get("conditions", ())
    document = _filled(before | {"feedback": feedback}) | {
        "observedGeneration": generation,
        "conditions": updated(said, old, generation, now),
    }
    return _recorded(document, before, spec, observed, now)


def _recorded(
    document: JSON, before: JSON, spec: JSON, observed: AnomalyObject | None, now: int
) -> JSON:
    """A finished document with its history, in which deliveries stand as well."""
    if observed and observed.notifications:
        before = before | {"notifications": json.loads(observed.notifications)}
    return _filled(document | {"history": grown(before, document, spec, now)})


def newest_window(incident: Incident) -> int:
    """End of the newest window that made the incident what it is, in unix seconds."""
    return max(incident.last_seen, incident.closed_at or 0)


def stored_status(observed: AnomalyObject) -> JSON:
    """What the object says now."""
    return _loaded(observed.status)


def last_sign(observed: AnomalyObject) -> int:
    """The same for what the object says."""
    found, spec = _loaded(observed.status), _loaded(observed.spec)
    seen = unix_seconds(found.get("lastSeen") or spec.get("firstSeen"))
    return max(seen, unix_seconds(found.get("closedAt")))


def _current(incident: Incident, settings: IncidentSettings) -> JSON | None:
    """How it stands in the newest window that changed something; None once it is over."""
    if not incident.running:
        return None
    if incident.normal_since is not None:
        text = f"Back to normal; closes after {normal_windows(settings.grace_cycles)}."
        at = to_text(incident.normal_since)
        return {"at": at, "severity": Severity.NONE.value, "summary": text}
    return _filled(
        {
            "at": to_text(incident.last_seen),
            "severity": incident.current_severity.value,
            "slo": incident.current_slo.value,
            "score": incident.current_score,
            "summary": incident.current_summary,
        }
    )


def _model(incident: Incident) -> JSON:
    """What the model alone says of the worst window, beside what the SLO says."""
    return _filled({"severity": incident.model_severity.value, "score": incident.score})


def _worst(incident: Incident) -> JSON:
    return _filled(
        {
            "at": _maybe(incident.worst_at),
            "severity": incident.severity.value,
            "score": incident.score,
            "summary": incident.summary,
        }
    )


def _explanation(incident: Incident, step_seconds: int, told: Mapping[str, Any]) -> JSON:
    """The worst window's, with the change that it began after at the head of what to do."""
    since = to_text(incident.first_seen)
    fallback = f"{incident.pattern} has been anomalous since {since}."
    own = _filled(
        {
            "summary": incident.summary or fallback,
            "impact": incident.impact,
            "adjustment": incident.adjustment,
            "contributions": encode(incident.contributions),
            "recommendedActions": advised(incident, told),
        }
    )
    return explained(own, read_changes(told), start_of(incident, step_seconds))


def _resolution(incident: Incident) -> JSON | None:
    if incident.resolution is None:
        return None
    context = encode(incident.context)
    return _filled({"reason": incident.resolution.value, "context": context})


def _filled(document: JSON) -> JSON:
    return {key: value for key, value in document.items() if value not in (None, "", [], {})}


def _maybe(seconds: int | None) -> str:
    return "" if seconds is None else to_text(seconds)


def _loaded(text: bytes) -> JSON:
    found = json.loads(text) if text else {}
    assert isinstance(found, dict)
    return found
