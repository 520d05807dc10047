"""Alerts for the Alertmanager API v2. It groups, inhibits and repeats by itself, so it gets each
incident as one alert and no digest.

An alert is its labels. They hold nothing that changes but the severity, by which people route: the
alert of a lower severity is resolved in the same request as that of the higher one begins.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from anomaly_operator.api.text import to_text
from anomaly_operator.notify.edges import Mark
from anomaly_operator.notify.message import Message, closed_at
from anomaly_operator.notify.outgoing import Outgoing, as_json
from detector_runtime.contract.vocabulary import Severity

PATH = "/api/v2/alerts"
MAX_BATCH = 100
"""Alerts in one request."""
MISSED_RESENDS = 3
"""An alert ends by itself when so many times the interval have passed without a word of us."""


@dataclass(frozen=True, slots=True)
class Alert:
    """A message with what the receiver knows of the incident so far."""

    message: Message
    mark: Mark | None


def alerts(batch: Sequence[Alert], resend_seconds: float, now: int) -> Outgoing:
    """One request for several incidents."""
    ends = now + int(MISSED_RESENDS * resend_seconds)
    documents = [document for one in batch for document in _documents(one, ends, now)]
    return Outgoing(as_json(documents), path=PATH)


def _documents(alert: Alert, ends: int, now: int) -> Iterator[dict[str, Any]]:
    found, known = alert.message.subject, alert.mark
    if found.running:
        yield _document(alert.message, found.severity, ends)
        over = now
    else:
        over = min(closed_at(found), now)
        yield _document(alert.message, found.severity, over)
    if known and known.edge and known.severity not in {found.severity, Severity.NONE}:
        yield _document(alert.message, known.severity, over)


def _document(message: Message, severity: Severity, ends: int) -> dict[str, Any]:
    found = message.subject
    annotations = {
        "summary": message.title,
        "description": message.description,
        "anomaly": f"{found.namespace}/{found.name}",
        "dashboard": message.dashboard,
        "runbook": message.runbook,
    }
    document = {
        "labels": {
            **found.service.labels,
            "alertname": "AnomalyIncident",
            "namespace": found.namespace,
            "service": found.service.name,
            "pattern": found.opening_pattern,
            "severity": severity.value,
        },
        "annotations": {key: text for key, text in annotations.items() if text},
        "startsAt": to_text(found.first_seen or found.created),
        "endsAt": to_text(max(ends, found.first_seen or found.created)),
    }
    if message.dashboard:
        document["generatorURL"] = message.dashboard
    return document
