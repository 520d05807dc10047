"""Counts of services by state and of running incidents by severity, kept as changes come in.

So that a scrape of the metrics costs nothing, however many objects there are.
"""

from __future__ import annotations

import json
from collections import Counter

from anomaly_operator.observe.cache import Change, Key, Watched
from anomaly_operator.world.objects import AnomalyObject, ServiceObject

CLOSED = "Closed"


class Census:
    """Who is in which state right now."""

    def __init__(self) -> None:
        self._states: dict[Key, str] = {}
        self._severities: dict[Key, str] = {}

    def take(self, change: Change) -> None:
        key = change.meta.key
        self._states.pop(key, None)
        self._severities.pop(key, None)
        new: Watched | None = change.new
        if isinstance(new, ServiceObject):
            self._states[key] = str(_field(new.status, "state") or "Pending")
        elif isinstance(new, AnomalyObject) and new.state not in {"", CLOSED}:
            self._severities[key] = severity_of(new)

    def services(self) -> dict[str, float]:
        return _counted(self._states)

    def incidents(self) -> dict[str, float]:
        return _counted(self._severities)


def severity_of(anomaly: AnomalyObject) -> str:
    return str(_field(anomaly.status, "severity") or "None")


def _counted(values: dict[Key, str]) -> dict[str, float]:
    return {name: float(number) for name, number in Counter(values.values()).items()}


def _field(document: bytes, name: str) -> object:
    return json.loads(document).get(name) if document else None
