"""How long an Anomaly object stays: which closed ones are too many or too old, and when one whose
incident nobody knows is given up.

Only what the service owns goes; who takes the owner off an object keeps it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from anomaly_operator.anomalies import document
from anomaly_operator.incidents.state import Incident, IncidentPhase, IncidentSettings
from anomaly_operator.spec.service import IncidentPlan
from anomaly_operator.world.objects import AnomalyObject


def is_closed(observed: AnomalyObject) -> bool:
    return observed.state == IncidentPhase.CLOSED.value


def lost_at(observed: AnomalyObject, settings: IncidentSettings) -> int:
    """When an unknown open incident is given up, in unix seconds.

    Not at once: this may be a cache that has not seen the newest status yet. After `separation`
    a new detection would have made it stale anyway.
    """
    return document.last_sign(observed) + settings.separation_seconds


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
