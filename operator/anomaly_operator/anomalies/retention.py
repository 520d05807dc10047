"""How long an Anomaly object stays: which closed ones are too many or too old, and when one whose
incident nobody knows is given up.

Only what the service owns goes; who takes the owner off an object keeps it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from anomaly_operator.anomalies import document
from anomaly_operator.api import names
from anomaly_operator.api.resources import SERVICE
from anomaly_operator.incidents.state import Incident, IncidentPhase, IncidentSettings
from anomaly_operator.spec.service import IncidentPlan
from anomaly_operator.world.objects import AnomalyObject, Child, Meta
from anomaly_operator.world.plan import GetObject
from anomaly_operator.world.view import Answer


def is_closed(observed: AnomalyObject) -> bool:
    return observed.state == IncidentPhase.CLOSED.value


def lost_at(observed: AnomalyObject, settings: IncidentSettings) -> int:
    """When an unknown open incident is given up, in unix seconds.

    Not at once: a newer status may be on its way to the cache, and after `separation` a new
    detection would have made it stale anyway. The time alone proves nothing, as it is that of the
    windows, which may be those of an outage long past: see `is_newest`.
    """
    return document.last_sign(observed) + settings.separation_seconds


def service_question(service: Meta) -> GetObject:
    """What to ask before an object of the service is given up."""
    return GetObject(names.API_VERSION, SERVICE.kind, service.namespace, service.name)


def is_newest(service: Meta, answer: Answer) -> bool:
    """Whether the API server holds no later version of the service than the one planned from.

    A later one may name the incident: the status is written before the object is made, but another
    leader may have written both, and of two watches the one of the services may lag.
    """
    return isinstance(answer, Child) and (
        (answer.meta.uid, answer.meta.resource_version) == (service.uid, service.resource_version)
    )


def surplus(
    tracked: Mapping[str, Incident],
    present: Mapping[str, AnomalyObject],
    owner: str,
    plan: IncidentPlan,
    now: int,
) -> frozenset[str]:
    """Closed incidents beyond `retention` or `maxKept`, oldest first; never one that runs. `owner`:
    uid of the service.

    Those not made yet count as well, so that nothing is made only to be deleted.
    """
    closed = {
        name: one.closed or one.meta.created
        for name, one in present.items()
        if is_closed(one) and owner in one.meta.owners
    }
    for name, incident in tracked.items():
        if incident.closed_at is None:
            closed.pop(name, None)
        elif name in closed or name not in present:
            closed[name] = incident.closed_at
    newest = sorted(closed, key=lambda name: (closed[name], name), reverse=True)
    late = {name for name, at in closed.items() if now - at >= plan.retention_seconds}
    return frozenset({*newest[plan.max_kept :], *late})


def moments(
    untracked: Sequence[AnomalyObject],
    tracked: Mapping[str, Incident],
    present: Mapping[str, AnomalyObject],
    settings: IncidentSettings,
    plan: IncidentPlan,
) -> list[int]:
    """Unix seconds at which an object is too old or given up; those that have passed included."""
    closed = [one.closed or one.meta.created for one in untracked if is_closed(one)]
    closed += [one.closed_at for name, one in tracked.items() if one.closed_at and name in present]
    given_up = [lost_at(one, settings) for one in untracked if not is_closed(one)]
    return [*given_up, *(at + plan.retention_seconds for at in closed)]
