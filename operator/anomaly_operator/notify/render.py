"""A message in the form that its receiver takes."""

from __future__ import annotations

from collections.abc import Sequence

from anomaly_operator.api.names import short_hash
from anomaly_operator.notify.cloud_events import digest_event, event
from anomaly_operator.notify.message import Message
from anomaly_operator.notify.outgoing import Outgoing
from anomaly_operator.notify.slack import chat, chat_digest
from anomaly_operator.notify.webhook import digest, webhook
from anomaly_operator.settings.notifications import ReceiverType


def single(kind: ReceiverType, message: Message) -> Outgoing:
    """Not for Alertmanager, which takes alerts (`alertmanager.alerts`)."""
    if kind is ReceiverType.SLACK:
        return chat(message)
    return event(message) if kind is ReceiverType.CLOUD_EVENTS else webhook(message)


def many(kind: ReceiverType, messages: Sequence[Message], now: int) -> Outgoing:
    """A digest. The worst come first; its key is that of its messages."""
    ordered = sorted(messages, key=lambda one: (-one.subject.severity.rank, one.key))
    key = short_hash(*sorted(one.key for one in ordered), length=32)
    if kind is ReceiverType.SLACK:
        return chat_digest(ordered, key)
    if kind is ReceiverType.CLOUD_EVENTS:
        return digest_event(ordered, key, now)
    return digest(ordered, key, now)
