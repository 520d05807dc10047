"""One readable message for Slack and for what takes the same body (Mattermost, Rocket.Chat and
others): `text` and nothing that only Slack draws.

Texts of users come into it, so the characters that Slack gives a meaning are escaped: a service's
label cannot call a whole channel.
"""

from __future__ import annotations

from collections.abc import Sequence

from anomaly_operator.api.text import cut
from anomaly_operator.notify.message import Message
from anomaly_operator.notify.outgoing import IDEMPOTENCY_HEADER, Outgoing, as_json

MAX_BYTES = 3500
"""Slack shows 4,000 characters of a message well."""
MAX_LINES = 30
"""Incidents named in a digest."""


def chat(message: Message) -> Outgoing:
    """One message: a bold title, the facts, the links."""
    links = [
        f"<{url}|{name}>"
        for url, name in ((message.dashboard, "Dashboard"), (message.runbook, "Runbook"))
        if url
    ]
    found = message.subject
    lines = [
        f"*{escaped(message.title)}*",
        cut(escaped(message.description), MAX_BYTES),
        " | ".join((*links, f"`kubectl get anomaly {found.name} -n {found.namespace}`")),
    ]
    return _posted("\n".join(line for line in lines if line), message.key)


def chat_digest(messages: Sequence[Message], key: str) -> Outgoing:
    """Many messages as one: a line for each, the rest as a count."""
    head = f"*{len(messages)} incidents changed within a minute*"
    lines = [escaped(one.title) for one in messages[:MAX_LINES]]
    more = len(messages) - len(lines)
    if more:
        lines.append(f"and {more} more; `kubectl get anomalies -A` lists all")
    return _posted(cut("\n".join((head, *lines)), MAX_BYTES), key)


def escaped(text: str) -> str:
    """`text` without the three characters of Slack's markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _posted(text: str, key: str) -> Outgoing:
    return Outgoing(as_json({"text": text}), headers={IDEMPOTENCY_HEADER: key})
