"""The running incidents, each under the one that it comes from."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from anomaly_dashboard.views.filters import Filter
from anomaly_dashboard.watched.rows import IncidentRow, Place, ServiceRow
from anomaly_dashboard.watched.sight import Scope

ROOTS = 20
SYMPTOMS = 10


@dataclass(frozen=True, slots=True)
class Root:
    """`cause`: where the trouble began, when that is not here, in words; `symptoms`: the most
    severe of those that come from it; `more` has the number of those not listed."""

    incident: IncidentRow
    cause: str
    symptoms: tuple[IncidentRow, ...]
    more: int

    @property
    def pattern(self) -> str:
        return self.incident.pattern.replace("_", " ")

    @property
    def due(self) -> str:
        """How it stands with the deadline, empty where there is none or it is kept."""
        if self.incident.missed:
            return "missed: was due"
        waits = self.incident.deadline and not self.incident.acknowledged_by
        return "due" if waits else ""

    @property
    def felt(self) -> int:
        """Services that feel it."""
        return len(self.symptoms) + self.more


@dataclass(frozen=True, slots=True)
class OpenRoots:
    """`shown` of `total`, the most urgent first; `incidents` counts their symptoms too."""

    shown: tuple[Root, ...]
    total: int
    incidents: int


def open_roots(
    running: Collection[IncidentRow],
    services: Mapping[Place, ServiceRow],
    scope: Scope,
    chosen: Filter,
) -> OpenRoots:
    """`scope`: the namespaces whose incidents the caller sees; a cause elsewhere is not named. A
    root is wanted when it or one of its symptoms is."""
    known = {row.place: row for row in running}
    under: dict[Place, list[IncidentRow]] = {}
    tops: list[IncidentRow] = []
    for row in running:
        above = _above(row)
        if above in known and above != row.place and not _loops(row, known):
            under.setdefault(above, []).append(row)
        else:
            tops.append(row)
    wanted = [
        (row, below) for row in tops
        for below in [_all_under(row, under)]
        if any(chosen.incident(one, services) for one in (row, *below))
    ]  # fmt: skip
    wanted.sort(key=lambda pair: urgency(pair[0]))
    bound = len(wanted) if chosen.whole == "incidents" else ROOTS
    shown = tuple(
        Root(row, _cause(row, scope), tuple(below[:SYMPTOMS]),
             max(len(below), row.symptoms) - len(below[:SYMPTOMS]))
        for row, below in wanted[:bound]
    )  # fmt: skip
    return OpenRoots(shown, len(wanted), sum(1 + len(below) for _, below in wanted))


def urgency(row: IncidentRow) -> tuple[int, bool, int, int, str]:
    """Sorts the most urgent first: by severity, a missed deadline, priority and age."""
    return -row.severity.rank, not row.missed, -row.priority, row.since, row.name


def _above(row: IncidentRow) -> Place:
    if not row.symptom_of:
        return "", ""
    namespace, slash, name = row.symptom_of.partition("/")
    return (namespace, name) if slash else (row.namespace, row.symptom_of)


def _loops(row: IncidentRow, known: Mapping[Place, IncidentRow]) -> bool:
    """Whether the way up comes back to where it began; then it has no top."""
    at, seen = row.place, set[Place]()
    while at in known and at not in seen:
        seen.add(at)
        at = _above(known[at])
    return at == row.place


def _all_under(row: IncidentRow, under: Mapping[Place, list[IncidentRow]]) -> list[IncidentRow]:
    found, left = list[IncidentRow](), [row.place]
    while left:
        below = under.get(left.pop(), [])
        found += below
        left += [one.place for one in below]
    return sorted(found, key=urgency)


def _cause(row: IncidentRow, scope: Scope) -> str:
    namespace, name = row.root
    if not name:
        namespace = _above(row)[0]
        return "another service" if namespace and namespace not in scope else ""
    return f"{namespace}/{name}" if namespace in scope else "another service"
