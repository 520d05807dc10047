"""CloudEvents 1.0 in structured JSON: the webhook's payload as data. The id is the idempotency key,
as the specification wants it: source and id together name one event.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from anomaly_operator.api import names
from anomaly_operator.api.text import to_text
from anomaly_operator.notify.message import Message
from anomaly_operator.notify.outgoing import IDEMPOTENCY_HEADER, Outgoing, as_json
from anomaly_operator.notify.webhook import digest_payload, payload

CONTENT_TYPE = "application/cloudevents+json"
_SOURCE = f"/apis/{names.GROUP}/{names.VERSION}"


def event(message: Message) -> Outgoing:
    """One message."""
    found = message.subject
    kind = message.edge.value.lower() if message.edge else "active"
    return _envelope(
        key=message.key,
        source=f"{_SOURCE}/namespaces/{found.namespace}/anomalies/{found.name}",
        kind=f"anomaly.{kind}",
        subject=f"{found.namespace}/{found.service.name}",
        at=message.at,
        data=payload(message),
    )


def digest_event(messages: Sequence[Message], key: str, now: int) -> Outgoing:
    """Many messages as one."""
    data = digest_payload(messages, key, now)
    source = f"{_SOURCE}/anomalies"
    return _envelope(
        key=key,
        source=source,
        kind="anomaly.digest",
        subject=f"{len(messages)} incidents",
        at=now,
        data=data,
    )


def _envelope(
    *, key: str, source: str, kind: str, subject: str, at: int, data: Mapping[str, Any]
) -> Outgoing:
    document = {
        "specversion": "1.0",
        "id": key,
        "source": source,
        "type": f"{names.GROUP}.{kind}",
        "subject": subject,
        "time": to_text(at),
        "datacontenttype": "application/json",
        "data": data,
    }
    return Outgoing(as_json(document), content_type=CONTENT_TYPE, headers={IDEMPOTENCY_HEADER: key})
