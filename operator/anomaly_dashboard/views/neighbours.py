"""Other services that a service or an incident is tied to, as far as the caller may see them.

Names that an object of the caller's own namespace says are shown; what stands behind them only
where the caller may read it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from anomaly_cli.cluster_objects import Incident, Other
from anomaly_cli.cluster_reading import severity
from anomaly_dashboard.watched.rows import Place, ServiceRow
from anomaly_dashboard.watched.sight import Sight
from detector_runtime.contract.vocabulary import Severity, SLOStatus


@dataclass(frozen=True, slots=True)
class Neighbour:
    """`row` None: the caller may not read the service, or it does not exist. `anomaly`: name of its
    incident in the same namespace, empty where there is none to read."""

    namespace: str
    service: str
    severity: Severity
    row: ServiceRow | None = None
    anomaly: str = ""

    @property
    def place(self) -> Place:
        return self.namespace, self.service

    @property
    def slo(self) -> SLOStatus:
        return self.row.slo if self.row else SLOStatus.UNKNOWN


def neighbour(sight: Sight, place: Place) -> Neighbour:
    """A service as it is now."""
    row = sight.service_row(place)
    return Neighbour(*place, row.severity if row else Severity.NONE, row)


def other(sight: Sight, here: str, found: Other) -> Neighbour:
    """Another service of an incident in the namespace `here`, as that incident names it."""
    place = found.namespace or here, found.service
    row = sight.service_row(place)
    seen = bool(found.anomaly) and sight.incident_row((place[0], found.anomaly)) is not None
    said = severity(found.severity) if found.severity else (row.severity if row else Severity.NONE)
    return Neighbour(*place, said, row, found.anomaly if seen else "")


def root_of(sight: Sight, one: Incident) -> Neighbour | None:
    """The service in which the trouble began, where that is another one."""
    root = one.root
    if root is None or not root.service:
        return None
    place = root.namespace or one.namespace, root.service
    return None if place == (one.namespace, one.service) else other(sight, one.namespace, root)


def depends_on(sight: Sight, service: ServiceRow) -> tuple[Neighbour, ...]:
    """What the service calls, the worst first."""
    return _worst_first(neighbour(sight, place) for place in service.depends_on)


def depended_on_by(sight: Sight, service: ServiceRow) -> tuple[Neighbour, ...]:
    """What calls the service, of what the caller may see, the worst first."""
    return _worst_first(
        Neighbour(*row.place, row.severity, row)
        for row in sight.services()
        if service.place in row.depends_on
    )


def _worst_first(found: Iterator[Neighbour]) -> tuple[Neighbour, ...]:
    return tuple(sorted(found, key=lambda one: (-one.severity.rank, one.namespace, one.service)))
