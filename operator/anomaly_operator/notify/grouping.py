"""One message for one cause: a symptom is told with its root, and waits for it to be found.

A receiver that hears of the root hears nothing of its symptoms. One that does not, because the
root is not severe enough for it or belongs to another team, is told of the symptom: nobody is left
without a message because of the grouping.
"""

from __future__ import annotations

import math

from anomaly_operator.notify.edges import Mark
from anomaly_operator.notify.subject import Subject
from anomaly_operator.settings.notifications import NotificationSettings

MAX_WAIT_SECONDS = 300
"""A service that is scored once an hour does not wait an hour for its root."""
LISTED_SECONDS = 15
"""A root lists its symptoms when its next window is folded: a little after one interval."""
AFTER_ROOT_SECONDS = 900
"""A symptom that goes on for so long after its root closed has another cause, and is told."""


def withheld_until(
    subject: Subject, root: Subject | None, mark: Mark | None, *, wanted: bool
) -> float:
    """Unix seconds until which the message about the root stands for this one: 0 = it does not,
    infinite while the root's incident runs. `mark`: the receiver's of the root; `wanted`: whether a
    route leads the root to it. `root` None: there is none, or its object is gone.
    """
    if subject.symptom_of is None or root is None:
        return 0.0
    if not wanted and (mark is None or mark.edge is None):
        return 0.0
    if root.running or not subject.running:
        return math.inf
    return float(root.closed_at + AFTER_ROOT_SECONDS)


def waits_until(subject: Subject, settings: NotificationSettings) -> int:
    """Unix seconds before which the first message is not sent. A service with dependencies, or that
    others depend on, gives the operator one detection interval, and the time to write them down, to
    find root and symptoms.
    """
    if not subject.service.linked or subject.status.get("symptoms"):
        return 0
    wait = settings.group_wait_seconds
    if wait is None:
        wait = min(subject.service.interval_seconds + LISTED_SECONDS, MAX_WAIT_SECONDS)
    return int(subject.created + wait)
