"""The newest detection folded into a service's incidents, and what their objects need.

Also for a spec that cannot be used: the pods score on with what an earlier spec gave them, and
what they find must not be lost.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from anomaly_operator.anomalies.feedback import judgements
from anomaly_operator.anomalies.objects import (
    AnomalyPlan,
    AnomalyWorld,
    plan_anomalies,
    settled,
)
from anomaly_operator.anomalies.story import Part
from anomaly_operator.anomalies.training_run import run_ended
from anomaly_operator.incidents.expected import judge, without_old
from anomaly_operator.incidents.fold import fold
from anomaly_operator.incidents.run_end import ends_at, with_run_ended
from anomaly_operator.incidents.settings import incident_settings
from anomaly_operator.incidents.state import IncidentState
from anomaly_operator.incidents.transitions import Transition
from anomaly_operator.notify.condition import NotifyTerms
from anomaly_operator.spec.service import IncidentPlan
from anomaly_operator.world.view import ServiceView
from detector_runtime.contract.detection import Detection
from detector_runtime.contract.vocabulary import ContractError


@dataclass(frozen=True, slots=True)
class Folded:
    """`state` is None where `status.incidents` cannot be read. `error`: why the document could not
    be folded.
    """

    state: IncidentState | None
    transitions: tuple[Transition, ...] = ()
    anomalies: AnomalyPlan = field(default_factory=AnomalyPlan)
    error: str = ""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the spec says of incidents. `step_seconds`: for a document that does not say its own,
    0 = not known. `parts`: what more is told of an incident. `notify`: which receivers hear of it.
    """

    plan: IncidentPlan
    step_seconds: int
    suspended: bool = False
    parts: tuple[Part, ...] = ()
    notify: NotifyTerms = field(default_factory=NotifyTerms)


def fold_detection(
    world: ServiceView,
    state: IncidentState | None,
    detection: Detection | None,
    terms: Terms,
    now: int,
) -> Folded:
    """Pure. The windows lie on the grid that the document was scored on: while a changed step waits
    for its model, that is the old one."""
    if state is None:
        return Folded(None)
    scored = detection.step_seconds if detection else 0
    step = scored or terms.step_seconds
    meta, spec = world.service.meta, world.service.spec
    around = AnomalyWorld(
        service=meta,
        settings=incident_settings(meta.name, meta.uid, step, terms.plan),
        plan=terms.plan,
        observed=world.anomalies,
        lookups=world.lookups,
        suspended=terms.suspended,
        crowd=world.crowd,
        withheld=world.withheld,
        parts=terms.parts,
        notify=terms.notify,
        trains=spec is None or spec.training_run is None,
    )
    said = judgements(world.anomalies, meta.uid)
    state, transitions = judge(state, said, around.settings, now)
    error = ""
    if detection is not None and step:
        try:
            done = settled(state, around, now)
            state, edges = fold(state, detection, around.settings, now, done)
            transitions += edges
        except ContractError as found:
            error = str(found)
    ended = run_ended(world.service.training_run)
    state, edges = with_run_ended(state, ended, around.settings, now)
    transitions += edges
    state = without_old(state, step, now) if step else state
    plan = plan_anomalies(state, around, now)
    if (due := ends_at(state, ended, around.settings)) > now:
        plan = replace(plan, due=min(float(due - now), math.inf if plan.due is None else plan.due))
    return Folded(state, transitions, plan, error)
