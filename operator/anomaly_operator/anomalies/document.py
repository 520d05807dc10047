"""What an Anomaly object says: its facts, its status, and the conditions that answer people.

`spec` is written once, at its making: the facts never change, and acknowledgement and feedback
belong to people. They are not in what we apply, so server-side apply leaves them alone. All that
the machine learns later stands in `status`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from anomaly_operator.api import names
from anomaly_operator.api.names import ConditionType
from anomaly_operator.api.reasons import AnomalyReason
from anomaly_operator.api.resources import ANOMALY, SERVICE
from anomaly_operator.api.text import span_text, to_text, unix_seconds
from anomaly_operator.incidents.state import (
    Incident,
    IncidentPhase,
    IncidentSettings,
    Resolution,
)
from anomaly_operator.incidents.transitions import alerting
from anomaly_operator.world.objects import AnomalyObject, Meta
from detector_runtime.contract.codec import encode

JSON = dict[str, Any]


def manifest(service: Meta, incident: Incident) -> JSON:
    """The object as we apply it: identity, owner, labels and the facts."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": ANOMALY.kind,
        "metadata": {
            "name": incident.anomaly,
            "namespace": service.namespace,
            "labels": labels(service, incident),
            "ownerReferences": [
                {
                    "apiVersion": names.API_VERSION,
                    "kind": SERVICE.kind,
                    "name": service.name,
                    "uid": service.uid,
                    "controller": True,
                }
            ],
        },
        "spec": {
            "serviceRef": {"name": service.name},
            "openingPattern": incident.opening_pattern,
            "fingerprint": incident.fingerprint,
            "firstSeen": to_text(incident.first_seen),
        },
    }


def labels(service: Meta, incident: Incident) -> dict[str, str]:
    return {
        names.LABEL_MANAGED_BY: names.MANAGED_BY,
        names.LABEL_SERVICE: label_value(service.name),
        names.LABEL_SERVICE_UID: service.uid,
        names.LABEL_PATTERN: label_value(incident.opening_pattern),
    }


def label_value(text: str) -> str:
    """`text` as a label admits it: 63 characters of [A-Za-z0-9._-], an alphanumeric at each end."""
    kept = "".join(
        one if one.isascii() and (one.isalnum() or one in "._-") else "_" for one in text
    )
    return kept[: names.MAX_NAME].strip("._-")


def status(
    incident: Incident,
    settings: IncidentSettings,
    observed: AnomalyObject | None,
    now: int,
    suspended: bool = False,
) -> JSON:
    """The whole status. `observed` gives what people said and when conditions last changed."""
    generation = observed.meta.generation if observed else 1
    document: JSON = {
        "observedGeneration": generation,
        "state": incident.phase.value,
        "pattern": incident.pattern,
        "patterns": encode(incident.patterns),
        "severity": incident.severity.value,
        "confidence": incident.confidence,
        "score": incident.score,
        "slo": encode(incident.slo),
        "explanation": _explanation(incident),
        "occurrences": incident.occurrences,
        "reopened": incident.reopened,
        "confirmedAt": _maybe(incident.confirmed_at),
        "lastSeen": to_text(incident.last_seen),
        "closedAt": _maybe(incident.closed_at),
        "resolution": _resolution(incident),
    }
    before = _loaded(observed.status if observed else b"")
    said = [
        _acknowledged(_loaded(observed.spec if observed else b"")),
        _resolved(incident, settings, suspended),
        _notified(incident),
    ]
    document["conditions"] = _dated(said, before, generation, now)
    return _filled(document)


def lost(observed: AnomalyObject, now: int) -> JSON:
    """The last status of an object whose incident nobody knows any more."""
    before = _loaded(observed.status)
    message = "the service's status no longer knows this incident; closed so that it does not stay"
    said = [
        _acknowledged(_loaded(observed.spec)),
        (ConditionType.RESOLVED, "True", Resolution.LOST.value, message),
    ]
    return before | {
        "observedGeneration": observed.meta.generation,
        "state": IncidentPhase.CLOSED.value,
        "closedAt": to_text(now),
        "resolution": {"reason": Resolution.LOST.value},
        "conditions": _dated(said, before, observed.meta.generation, now),
    }


def answered(observed: AnomalyObject, now: int) -> JSON:
    """The status of an object that is over, with what people have said since."""
    before = _loaded(observed.status)
    acknowledged = _acknowledged(_loaded(observed.spec))
    return before | {
        "observedGeneration": observed.meta.generation,
        "conditions": _dated([acknowledged], before, observed.meta.generation, now),
    }


def same(desired: JSON, observed: AnomalyObject) -> bool:
    """Whether the object says `desired` already; then nothing is written.

    The API server keeps the lists with keys in an order of its own, so order does not count there.
    """
    return _ordered(desired) == _ordered(_loaded(observed.status))


def newest_window(incident: Incident) -> int:
    """End of the newest window that made the incident what it is, in unix seconds."""
    return max(incident.last_seen, incident.closed_at or 0)


def last_sign(observed: AnomalyObject) -> int:
    """The same for what the object says."""
    found, spec = _loaded(observed.status), _loaded(observed.spec)
    seen = unix_seconds(found.get("lastSeen") or spec.get("firstSeen"))
    return max(seen, unix_seconds(found.get("closedAt")))


Said = tuple[ConditionType, str, str, str]
"""A condition's type, status, reason and message."""


def _resolved(incident: Incident, settings: IncidentSettings, suspended: bool) -> Said:
    kind = ConditionType.RESOLVED
    if incident.resolution is Resolution.STALE:
        quiet = span_text(settings.separation_seconds)
        message = f"not seen for more than {quiet}, then there was new trouble"
        return kind, "True", Resolution.STALE.value, message
    if incident.phase is IncidentPhase.CLOSED:
        lasted = span_text(incident.duration_seconds(settings.step_seconds))
        message = f"{settings.grace_cycles} normal windows in a row; it lasted {lasted}"
        return kind, "True", Resolution.RESOLVED.value, message
    if suspended:
        message = "detection is suspended; the incident stays as it was seen last"
        return kind, "False", AnomalyReason.SUSPENDED, message
    if incident.phase is IncidentPhase.RECOVERING:
        message = f"normal for {incident.missed} of {settings.grace_cycles} windows"
        return kind, "False", AnomalyReason.RECOVERING, message
    return kind, "False", AnomalyReason.OPEN, "the newest window that tells anything was anomalous"


def _notified(incident: Incident) -> Said:
    kind = ConditionType.NOTIFIED
    if not alerting(incident):
        message = f"{incident.severity}: shown here, sent to nobody"
        return kind, "False", AnomalyReason.NOT_ALERTING, message
    message = "no receiver is configured; Events and this object tell of the incident"
    return kind, "False", AnomalyReason.NO_RECEIVER, message


def _acknowledged(spec: Mapping[str, Any]) -> Said:
    """Feedback counts as an acknowledgement: whoever judges an incident has seen it."""
    kind = ConditionType.ACKNOWLEDGED
    feedback, acknowledgement = spec.get("feedback"), spec.get("acknowledgement")
    if feedback:
        until = f" (until {feedback['until']})" if feedback.get("until") else ""
        return kind, "True", str(feedback["verdict"]), _says(feedback) + until
    if acknowledgement:
        return kind, "True", AnomalyReason.ACKNOWLEDGED, _says(acknowledgement)
    return kind, "False", AnomalyReason.NOT_ACKNOWLEDGED, "set spec.acknowledgement to take it on"


def _says(statement: Mapping[str, Any]) -> str:
    return f"{statement.get('by') or 'somebody'}: {statement.get('comment') or 'no comment'}"


def _dated(said: list[Said], before: JSON, generation: int, now: int) -> list[JSON]:
    """Conditions with their times: `lastTransitionTime` moves only when the status changes.

    Conditions of other types that stand in `before` stay as they are.
    """
    old = {one["type"]: one for one in before.get("conditions", ())}
    new = dict(old)
    for kind, value, reason, message in said:
        known = old.get(kind, {})
        unchanged = known.get("status") == value
        new[kind.value] = {
            "type": kind.value,
            "status": value,
            "observedGeneration": generation,
            "lastTransitionTime": known["lastTransitionTime"] if unchanged else to_text(now),
            "reason": str(reason),
            "message": message,
        }
    return list(new.values())


def _ordered(document: JSON) -> JSON:
    conditions = sorted(document.get("conditions", ()), key=lambda one: str(one["type"]))
    patterns = sorted(document.get("patterns", ()), key=lambda one: str(one["name"]))
    return document | {"conditions": conditions, "patterns": patterns}


def _explanation(incident: Incident) -> JSON:
    fallback = f"{incident.pattern} since {to_text(incident.first_seen)}"
    return _filled(
        {
            "summary": incident.summary or fallback,
            "contributions": encode(incident.contributions),
            "recommendedActions": list(incident.recommended_actions),
        }
    )


def _resolution(incident: Incident) -> JSON | None:
    if incident.resolution is None:
        return None
    context = encode(incident.context)
    return _filled({"reason": incident.resolution.value, "context": context})


def _filled(document: JSON) -> JSON:
    return {key: value for key, value in document.items() if value not in (None, "", [])}


def _maybe(seconds: int | None) -> str:
    return "" if seconds is None else to_text(seconds)


def _loaded(text: bytes) -> JSON:
    found = json.loads(text) if text else {}
    assert isinstance(found, dict)
    return found
