"""Which receivers want an incident. A user's labels choose among the admin's routes, and cannot
add one.
"""

from __future__ import annotations

from anomaly_operator.notify.subject import Subject
from anomaly_operator.settings.notifications import Match, NotificationSettings


def wanted_by(subject: Subject, settings: NotificationSettings) -> tuple[str, ...]:
    """Names of receivers, in the order of the settings: those of all routes that match. Nobody
    wants what is silent or what a person called normal.
    """
    if subject.silent or subject.judged_normal:
        return ()
    least = settings.min_severity
    if not settings.routes:
        loud = subject.severity.rank >= least.rank
        return tuple(one.name for one in settings.receivers) if loud else ()
    chosen: set[str] = set()
    for route in settings.routes:
        if matches(subject, route.match, settings):
            chosen |= set(route.receivers)
    return tuple(one.name for one in settings.receivers if one.name in chosen)


def matches(subject: Subject, match: Match, settings: NotificationSettings) -> bool:
    """Whether an incident fits all that `match` says."""
    if match.severities:
        severe = subject.severity in match.severities
    else:
        severe = subject.severity.rank >= (match.min_severity or settings.min_severity).rank
    labels = subject.service.labels
    return (
        severe
        and (not match.namespaces or subject.namespace in match.namespaces)
        and (not match.categories or subject.service.category in match.categories)
        and (not match.tiers or subject.tier in match.tiers)
        and all(labels.get(key) == value for key, value in match.labels.items())
    )
