"""One stretch of windows as the operator lives it: incidents by its folding, roots by its cascade.

At each window all services are folded first, then the target's root is evaluated, and a root that
was named is replaced only as in the cluster.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from anomaly_cli.incidents import documents
from anomaly_operator.incidents.cascade.edges import Calls
from anomaly_operator.incidents.cascade.evidence import suspect_of
from anomaly_operator.incidents.cascade.find import NOBODY, RootCause, root_cause
from anomaly_operator.incidents.cascade.regroup import replaces
from anomaly_operator.incidents.cascade.suspect import Evidence, ServiceKey, Side, Suspect
from anomaly_operator.incidents.fold import fold
from anomaly_operator.incidents.settings import incident_settings
from anomaly_operator.incidents.state import Incident, IncidentState
from anomaly_operator.spec.service import IncidentPlan
from detector_runtime.contract.detection import WindowReport
from detector_runtime.contract.text import unix
from detector_runtime.contract.vocabulary import Role, Severity
from tests.benchmarks.rootcause.recordings import METRICS, STEP, Application, Issue, key

_ROLES = {one.name: one.role for one in METRICS}


@dataclass(frozen=True, slots=True)
class Ending:
    """What the operator has told by a window. `ranking`: candidates for the root of the target's
    incident, the one that it names first; empty while it has none. `named`: another service is.
    `end`: of the window, unix seconds; `suspects`: services with an incident."""

    ranking: tuple[str, ...]
    named: bool
    end: int
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
            if (found := _suspect(one, states[one], _rate(reports[service][row])))
        }
        end = unix(reports[target][row].end)
        found = root_cause(key(target), suspects, calls, frozenset(keys))
        if key(target) not in suspects:
            named = NOBODY
        elif replaces(found, named.root, still_running=named.root in suspects):
            named = found
        told.append(Ending(_ranking(named, found), named.elsewhere, end, suspects))
    return told


def _folded(
    state: IncidentState, service: str, reports: Sequence[WindowReport], row: int
) -> IncidentState:
    settings = incident_settings(service, service, STEP, IncidentPlan())
    for document in documents({row: reports[row]}, STEP):
        state, _ = fold(state, document, settings, unix(document.scored_through))
    return state


def _rate(report: WindowReport) -> float:
    means = {one.metric: float(one.mean or 0) for one in report.comparison}
    return means.get("requests", 0.0) / STEP


def _suspect(one: ServiceKey, state: IncidentState, rate: float) -> Suspect | None:
    incident: Incident | None = state.running
    if incident is None or not incident.confirmed or incident.severity.rank < Severity.LOW.rank:
        return None
    return suspect_of(one, incident, _ROLES, STEP, rate)


def _ranking(named: RootCause, found: RootCause) -> tuple[str, ...]:
    others = [one.key.name for one in found.candidates]
    first = [named.root.name] if named.root else []
    return tuple(dict.fromkeys([*first, *others]))


def told(ending: Ending, application: Application, issue: Issue) -> Ending:
    """The same where the target's SLO opens its incident, as the other methods are told that it
    is in trouble and in which metric. All other services are known by their own incidents alone."""
    column, role = (0, Role.LATENCY) if issue.metric == "latency" else (2, Role.ERRORS)
    usual = float(np.nanquantile(application.normal[issue.target][:, column], 0.99))
    worst = float(np.nanmax(issue.values[issue.target][:, column]))
    excess = max(worst - usual, 0.0) * (1.0 if role is Role.LATENCY else 0.01)
    requests = float(np.nanmean(application.normal[issue.target][:, 1]))
    suspects = dict(ending.suspects)
    target = key(issue.target)
    known = suspects.get(target)
    suspects[target] = Suspect(
        key=target,
        anomaly=issue.target,
        first_seen=known.first_seen if known else ending.end,
        step_seconds=STEP,
        severity=Severity.HIGH,
        evidence=(Evidence(role, Side.UP, 1.0, excess),),
        measures=frozenset(_ROLES.values()),
        rate=requests / STEP,
    )
    found = root_cause(target, suspects, application.calls)
    return Ending(_ranking(NOBODY, found), found.elsewhere, ending.end, suspects)
