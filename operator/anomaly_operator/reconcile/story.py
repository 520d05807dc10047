"""The parts of an incident's story that need more than its own windows, in the order they are told.

A later part may build on what an earlier one found.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from anomaly_operator.anomalies.story import Part, Told
from anomaly_operator.incidents.state import Incident
from anomaly_operator.reconcile.containment import containing
from anomaly_operator.reconcile.priority import prioritised
from anomaly_operator.reconcile.situation import Situation


def parts(situation: Situation) -> tuple[Part, ...]:
    """For the incidents of one service."""
    return (prioritised(situation), containing(situation))


_FIELDS = (
    *("rootCause", "symptomOf", "symptoms", "symptomCount"),
    *("changes", "context", "priority", "containment", "history"),
)


def unchanged(incident: Incident, before: Mapping[str, Any], found: Mapping[str, Any]) -> Told:
    """Instead of all parts, where the spec cannot be used: what the object says stays."""
    del incident, found
    return Told({key: before[key] for key in _FIELDS if key in before})
