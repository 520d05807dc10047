"""One stretch of windows as the operator lives it: incidents by its folding, roots by its cascade.

At each window all services are folded first, then the target's root is evaluated, and a root that
was named is replaced only as in the cluster.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from anomaly_cli.incidents import documents
from anomaly_operator.incidents.cascade.edges import Calls
from anomaly_operator.incidents.cascade.evidence import suspect_of
from anomaly_operator.incidents.cascade.find import NOBODY, RootCause, root_cause
from anomaly_operator.incidents.cascade.regroup import replaces
from anomaly_operator.incidents.cascade.suspect import ServiceKey, Suspect
from anomaly_operator.incidents.fold import fold
from anomaly_operator.incidents.settings import incident_settings
from anomaly_operator.incidents.state import Incident, IncidentState
from anomaly_operator.spec.service import IncidentPlan
from detector_runtime.contract.detection import WindowReport
from detector_runtime.contract.text import unix
from detector_runtime.contract.vocabulary import Severity
from tests.benchmarks.rootcause.recordings import METRICS, STEP, key

_ROLES = {one.name: one.role for one in METRICS}


@dataclass(frozen=True, slots=True)
class Ending:
    """What the operator has told by a window: `ranking`, the root that the target's incident names
    first, empty while it has no incident; `suspects`: services with an incident."""

    ranking: tuple[str, ...]
    suspects: Mapping[ServiceKey, Suspect]


def lived(reports: Mapping[str, Sequence[WindowReport]], calls: Calls, target: str) -> list[Ending]:
    """One entry for each window. `reports` by service, all of the same windows."""
    keys = {key(service): service for service in reports}
    states = {one: IncidentState() for one in keys}
    named: RootCause = NOBODY
    told = []
    for row in range(len(reports[target])):
        for one, service in keys.items():
            states[one] = _folded(states[one], service, reports[service], row)
        suspects = {
            one: found
            for one, service in keys.items()
            if (found := _suspect(one, states[one], _usual(reports[service][row])))
        }
        found = root_cause(key(target), suspects, calls, frozenset(keys))
        if key(target) not in suspects:
            named = NOBODY
        elif replaces(found, named.root, still_running=named.root in suspects):
            named = found
        told.append(Ending(_ranking(named, found), suspects))
    return told


def _folded(
    state: IncidentState, service: str, reports: Sequence[WindowReport], row: int
) -> IncidentState:
    settings = incident_settings(service, service, STEP, IncidentPlan())
    for document in documents({row: reports[row]}, STEP):
        state, _ = fold(state, document, settings, unix(document.scored_through))
    return state


def _usual(report: WindowReport) -> Mapping[str, float]:
    return {one.metric: float(one.mean) for one in report.comparison if one.mean}


def _suspect(one: ServiceKey, state: IncidentState, usual: Mapping[str, float]) -> Suspect | None:
    incident: Incident | None = state.running
    if incident is None or not incident.confirmed or incident.severity.rank < Severity.LOW.rank:
        return None
    return suspect_of(one, incident, _ROLES, STEP, usual)


def _ranking(named: RootCause, found: RootCause) -> tuple[str, ...]:
    others = [one.key.name for one in found.candidates]
    first = [named.root.name] if named.root else []
    return tuple(dict.fromkeys([*first, *others]))
