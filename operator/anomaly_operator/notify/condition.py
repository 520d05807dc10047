"""The condition Notified of an Anomaly: whether everybody who should know has been told.

It follows from the status about to be written and from the marks that the sender left on the
object, so it needs no word with the sender, and it is written only when one of them changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from anomaly_operator.api.conditions import Condition, Truth
from anomaly_operator.api.names import ConditionType
from anomaly_operator.api.reasons import AnomalyReason
from anomaly_operator.notify.edges import Failure, Mark, read_marks
from anomaly_operator.notify.owed import owed
from anomaly_operator.notify.routes import wanted_by
from anomaly_operator.notify.subject import ServiceFacts, Subject, subject
from anomaly_operator.settings.notifications import NotificationSettings
from anomaly_operator.world.objects import AnomalyObject, Meta

_UNKNOWN = Meta("", "", "", "", "", "")
_FAILURES = {
    Failure.UNREACHABLE: "it cannot be reached",
    Failure.SERVER_ERROR: "it reports an error of its own (5xx)",
    Failure.THROTTLED: "it asks for fewer requests (429)",
    Failure.NOT_CONFIGURED: "a file of its settings cannot be read",
    Failure.REFUSED: "it refuses the message",
}


@dataclass(frozen=True, slots=True)
class NotifyTerms:
    """What decides who is told of a service's incidents."""

    settings: NotificationSettings = field(default_factory=NotificationSettings)
    service: ServiceFacts = field(default_factory=lambda: ServiceFacts(""))
    namespace: str = ""


def notified(
    status: Mapping[str, Any],
    spec: Mapping[str, Any],
    observed: AnomalyObject | None,
    terms: NotifyTerms,
) -> Condition:
    """`status` and `spec` of the Anomaly as they will be; `status` still has the conditions of
    before. `observed` None: the object is about to be made.
    """
    meta = observed.meta if observed else _UNKNOWN
    if not meta.namespace:
        meta = Meta("", "", terms.namespace, "", "", "")
    found = subject(meta, spec, status, terms.service)
    marks = read_marks(observed.notifications if observed else b"")
    wanted = wanted_by(found, terms.settings)
    known = [one.name for one in terms.settings.receivers]
    marked = {name for name in known if name in marks and marks[name].edge is not None}
    grouped = found.symptom_of is not None
    behind = [
        name
        for name in known
        # A symptom goes out by itself only where the sender has begun to.
        if owed(found, marks.get(name), wanted=name in wanted and (not grouped or name in marks))
    ]
    if not behind and not marked:
        return _untold(found, terms.settings, wanted)
    if not behind:
        return _condition(Truth.TRUE, AnomalyReason.DELIVERED, f"Sent to {_listed(marked)}.")
    failing = [name for name in behind if name in marks and marks[name].failure]
    if failing:
        return _failing(marks[failing[0]])
    return _condition(Truth.FALSE, AnomalyReason.PENDING, f"A message to {_listed(behind)} is due.")


def _untold(found: Subject, settings: NotificationSettings, wanted: tuple[str, ...]) -> Condition:
    """Why nobody is told."""
    reason, text = AnomalyReason.NOT_ALERTING, ""
    if found.judged_normal:
        text = "Not sent: feedback says that the incident needs no message."
    elif found.silent:
        text = f"Not sent: the pattern {found.pattern} notifies nobody."
    elif found.severity.rank < settings.min_severity.rank and not wanted:
        text = f"Not sent: incidents of severity {found.severity} notify nobody."
    elif not settings.receivers:
        reason = AnomalyReason.NO_RECEIVER
        text = "Not sent: no receiver is configured. Events and this object report the incident."
    elif wanted and found.symptom_of is not None:
        reason = AnomalyReason.GROUPED_WITH_ROOT
        namespace, name = found.symptom_of
        text = f"Not sent: the message about Anomaly {namespace}/{name}, its root cause, names it."
    elif wanted:
        reason = AnomalyReason.NO_RECEIVER
        text = "Not sent: it was closed before a receiver was configured."
    else:
        reason = AnomalyReason.NO_RECEIVER
        text = (
            "Not sent: no route leads to a receiver. The administrator sets "
            "`notifications.routes` in the operator's settings."
        )
    return _condition(Truth.FALSE, reason, text)


def _failing(mark: Mark) -> Condition:
    assert mark.failure is not None
    said = f" ({mark.detail})" if mark.detail else ""
    after = (
        "The operator tries again after an hour and after a restart; correct the receiver in "
        "`notifications.receivers`."
        if mark.failure is Failure.REFUSED
        else "The operator keeps trying."
    )
    text = f"Receiver {mark.receiver} has not taken the message: {_FAILURES[mark.failure]}{said}."
    return _condition(Truth.FALSE, AnomalyReason.FAILING, f"{text} {after}")


def _condition(truth: Truth, reason: AnomalyReason, text: str) -> Condition:
    return Condition(ConditionType.NOTIFIED, truth, reason, text)


def _listed(names: list[str] | set[str]) -> str:
    return ", ".join(sorted(names))
