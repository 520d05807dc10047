"""The body of a webhook: the fields of the earlier anomaly service, so that what read those can go
on, and the facts of the incident beside them. `operator/docs/webhook.schema.json` is its schema.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from anomaly_operator.api.text import to_text
from anomaly_operator.notify.message import Message
from anomaly_operator.notify.outgoing import IDEMPOTENCY_HEADER, Outgoing, as_json
from detector_runtime.contract.detection import Drift

SCHEMA_VERSION = 1


def webhook(message: Message) -> Outgoing:
    """One message."""
    return Outgoing(as_json(payload(message)), headers={IDEMPOTENCY_HEADER: message.key})


def digest(messages: Sequence[Message], key: str, now: int) -> Outgoing:
    """Many messages as one."""
    return Outgoing(as_json(digest_payload(messages, key, now)), headers={IDEMPOTENCY_HEADER: key})


def payload(message: Message) -> dict[str, Any]:
    """A field without a value is left out, but for those that the earlier service always sent."""
    found, report = message.subject, message.report
    anomalies = _anomalies(message)
    drift = report.drift if report else None
    penalty = (_number(drift.penalty) or 0.0) if drift else 0.0
    document = {
        "schema_version": SCHEMA_VERSION,
        "alert_type": "anomaly_closed" if not found.running else "anomaly_detected",
        "event": message.edge.value if message.edge else "Active",
        "idempotency_key": message.key,
        "timestamp": to_text(message.at),
        "service_name": found.service.name,
        "namespace": found.namespace,
        "category": found.service.category.value,
        "labels": dict(found.service.labels),
        "time_period": report.period if report else None,
        "overall_severity": found.severity.value,
        "anomaly_count": len(anomalies),
        "anomalies": anomalies,
        "drift_warning": _drift(drift) if drift and penalty else None,
        "validation_warnings": list(report.warnings) if report else [],
        "performance_info": {
            "drift_check_enabled": drift is not None,
            "drift_penalty_applied": penalty,
        },
        "incident": _incident(message),
        "text": "\n".join((message.title, *message.lines())),
    }
    kept = {"labels", "validation_warnings", "drift_warning", "time_period"}
    return {key: value for key, value in document.items() if value not in ("", None) or key in kept}


def digest_payload(messages: Sequence[Message], key: str, now: int) -> dict[str, Any]:
    """`incidents` holds the payloads without their texts."""
    return {
        "schema_version": SCHEMA_VERSION,
        "alert_type": "anomaly_digest",
        "event": "Digest",
        "idempotency_key": key,
        "timestamp": to_text(now),
        "anomaly_count": len(messages),
        "incidents": [
            {name: value for name, value in payload(one).items() if name != "text"}
            for one in messages
        ],
    }


def _anomalies(message: Message) -> dict[str, Any]:
    """By pattern. Confidence and actions are known of the worst pattern only."""
    found, status = message.subject, message.subject.status
    listed = status.get("patterns")
    named = [_mapping(one) for one in listed] if isinstance(listed, list) else []
    known = {str(one.get("name")): str(one.get("severity") or "") for one in named}
    known.setdefault(found.pattern, found.severity.value)
    anomalies: dict[str, Any] = {}
    for name, severity in known.items():
        worst = name == found.pattern
        anomalies[name] = {
            "type": "slo" if name in {"slo_breach", "error_budget_burn"} else "pattern",
            "severity": severity or found.severity.value,
            "confidence": _share(status.get("confidence")) if worst else None,
            "description": message.summary if worst else name,
            "recommended_actions": list(message.actions) if worst else [],
        }
    return anomalies


def _incident(message: Message) -> dict[str, Any]:
    found, status = message.subject, message.subject.status
    facts = {
        "name": found.name,
        "uid": found.uid,
        "state": str(status.get("state") or ""),
        "opening_pattern": found.opening_pattern,
        "pattern": found.pattern,
        "first_seen": to_text(found.first_seen) if found.first_seen else "",
        "closed_at": to_text(found.closed_at) if found.closed_at else "",
        "reopened": found.reopened,
        "slo_status": found.slo,
        "score": str(status.get("score") or ""),
        "impact": message.impact,
        "root_cause": dict(_mapping(status.get("rootCause"))),
        "symptoms": list(status.get("symptoms") or ()),
        "changes": list(status.get("changes") or ()),
        "priority": dict(_mapping(status.get("priority"))),
        "next_step": message.next_step if found.running else "",
        "dashboard": message.dashboard,
        "runbook": message.runbook,
    }
    return {key: value for key, value in facts.items() if value not in ("", [], {}, None)}


def _drift(drift: Drift) -> dict[str, Any]:
    return {
        "type": "model_drift",
        "overall_drift_score": _number(drift.score),
        "confidence_penalty_applied": _number(drift.penalty),
        "affected_metrics": list(drift.metrics),
    }


def _share(value: Any) -> float | None:
    """`90%` as 0.9."""
    text = str(value or "")
    number = _number(text.removesuffix("%"))
    return None if number is None else round(number / 100, 4) if text.endswith("%") else number


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
