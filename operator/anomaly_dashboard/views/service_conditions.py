"""The conditions of a service in words: what is wrong, what that means, and what to do."""

from __future__ import annotations

from dataclasses import dataclass

from anomaly_cli.cluster_objects import Raw
from anomaly_cli.cluster_reading import items, text
from anomaly_cli.verbs.explanation import warns
from anomaly_dashboard.web.reasons import reason_words
from anomaly_operator.api.text import unix_seconds

_QUIET = {"", "Nothing"}


@dataclass(frozen=True, slots=True)
class ConditionView:
    """`bad`: it is not as it should be. `meaning`, `action`: of the documentation, empty where it
    has none or says that nothing is to be done. `since`: unix seconds."""

    kind: str
    status: str
    reason: str
    message: str
    bad: bool
    since: int
    meaning: str
    action: str


def condition_views(status: Raw) -> tuple[ConditionView, ...]:
    """What is wrong first, else in the order of the object."""
    found = [_view(one) for one in items(status, "conditions")]
    return tuple(sorted(found, key=lambda one: not one.bad))


def _view(one: Raw) -> ConditionView:
    kind, status, reason = (text(one, key) for key in ("type", "status", "reason"))
    words = reason_words(reason)
    action = words.action if words else ""
    return ConditionView(
        kind=kind,
        status=status,
        reason=reason,
        message=text(one, "message"),
        bad=warns(kind, status),
        since=unix_seconds(text(one, "lastTransitionTime")),
        meaning=words.meaning if words else "",
        action="" if action in _QUIET else action,
    )
