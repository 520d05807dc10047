"""Which incident a person looks at first."""

from __future__ import annotations

from collections.abc import Iterable

from anomaly_cli.cluster_objects import Incident
from anomaly_operator.incidents.state import IncidentPhase


def worst_first(incidents: Iterable[Incident]) -> list[Incident]:
    """What runs before what is over; then by severity, priority, SLO and score. A root stands
    before its symptoms of the same rank, and of equals the newer first."""
    return sorted(incidents, key=_rank)


def _rank(one: Incident) -> tuple[bool, int, int, int, bool, float, int, str]:
    return (
        one.state == IncidentPhase.CLOSED.value,
        -one.severity.rank,
        -one.priority.value,
        -one.slo.rank,
        bool(one.symptom_of),
        -_score(one.score),
        -(one.closed_at or one.since),
        one.name,
    )


def _score(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
