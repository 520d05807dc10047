"""Counts for the metrics, kept as changes come in: services by state, running incidents by
severity, those that nobody answered in time, and the transitions of incidents and trainings.

A scrape then costs nothing, however many objects there are.
"""

from __future__ import annotations

import json
from collections import Counter

from anomaly_operator.api.reasons import Reason
from anomaly_operator.incidents.state import IncidentPhase
from anomaly_operator.observe.cache import Change, Key, Watched
from anomaly_operator.observe.trainings import is_running_training
from anomaly_operator.telemetry.metrics import Metrics
from anomaly_operator.world.objects import AnomalyObject, Child, JobState, ServiceObject

CLOSED = IncidentPhase.CLOSED.value
_NO_ROOM = f'"reason":"{Reason.ANOMALY_LIMIT}"'.encode()
_ANSWERS = ("acknowledgement", "feedback", "resolution")
"""Fields of `spec` in which people say something of an incident."""


class Counts:
    """Services by state, and running incidents by severity and by the tier whose deadline they
    missed, as of now.
    """

    def __init__(self) -> None:
        self._states: dict[Key, str] = {}
        self._severities: dict[Key, str] = {}
        self._late: dict[Key, str] = {}
        self._crowded_out: set[Key] = set()

    def take(self, change: Change) -> None:
        key = change.meta.key
        self._states.pop(key, None)
        self._severities.pop(key, None)
        self._late.pop(key, None)
        self._crowded_out.discard(key)
        new: Watched | None = change.new
        if isinstance(new, ServiceObject):
            self._states[key] = str(_field(new.status, "state") or "Pending")
            if _NO_ROOM in new.status:
                self._crowded_out.add(key)
        elif isinstance(new, AnomalyObject) and new.state not in {"", CLOSED}:
            self._severities[key] = severity_of(new)
            if tier := _missed_tier(new):
                self._late[key] = tier

    def services(self) -> dict[str, float]:
        return _counted(self._states)

    def without_room(self) -> float:
        return float(len(self._crowded_out))

    def incidents(self) -> dict[str, float]:
        return _counted(self._severities)

    def past_deadline(self) -> dict[str, float]:
        return _counted(self._late)


def count_transitions(change: Change, metrics: Metrics) -> None:
    """Count what `change` says has happened. Only for changes after the cache was filled."""
    metrics.cache_changes.labels(change.meta.kind).inc()
    old, new = change.old, change.new
    if isinstance(new, AnomalyObject):
        before = old.state if isinstance(old, AnomalyObject) else ""
        _count_incident(before, new, metrics)
        _count_suspension(old if isinstance(old, AnomalyObject) else None, new, metrics)
    if not is_running_training(old) or not isinstance(new, Child):
        return
    if isinstance(new.state, JobState) and new.state.done:
        metrics.trainings.labels("Succeeded" if new.state.succeeded else "Failed").inc()


def _count_incident(before: str, new: AnomalyObject, metrics: Metrics) -> None:
    """A relapse (Recovering to Open) is the same incident and counts as nothing."""
    if new.state == before or not new.state:
        return
    if new.state == CLOSED:
        metrics.incidents_closed.labels(severity_of(new)).inc()
    elif before == CLOSED:
        metrics.incidents_reopened.labels(severity_of(new)).inc()
    elif not before:
        metrics.incidents_opened.labels(severity_of(new)).inc()


def _count_suspension(old: AnomalyObject | None, new: AnomalyObject, metrics: Metrics) -> None:
    if b'"reaction"' not in new.status:
        return  # nearly all of them
    now, was = _outcome(new), _outcome(old) if old else ""
    if now and now != was:
        metrics.suspensions.labels(now).inc()


def _outcome(anomaly: AnomalyObject) -> str:
    found = _field(anomaly.status, "reaction")
    return str(found.get("outcome") or "") if isinstance(found, dict) else ""


def _missed_tier(anomaly: AnomalyObject) -> str:
    """Tier of an incident whose deadline passed and on which nobody has said anything since."""
    if b'"missed"' not in anomaly.status:
        return ""  # nearly all of them
    found = _field(anomaly.status, "priority")
    priority = found if isinstance(found, dict) else {}
    if not priority.get("missed") or any(_field(anomaly.spec, one) for one in _ANSWERS):
        return ""
    return str(priority.get("tier") or "")


def severity_of(anomaly: AnomalyObject) -> str:
    return str(_field(anomaly.status, "severity") or "None")


def _counted(values: dict[Key, str]) -> dict[str, float]:
    return {name: float(number) for name, number in Counter(values.values()).items()}


def _field(document: bytes, name: str) -> object:
    return json.loads(document).get(name) if document else None
