"""Which Anomaly objects a service should have, and the difference to those that are there.

The incidents in the service's status are the truth; the objects follow. So this runs after the
status is written, it can be cut off anywhere and run again, and it never makes an object whose
incident is not in the status. It closes an object that nobody knows any more, once the API server
has said that no status is newer, deletes what is older than wanted, and never touches an object
that is not the service's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from anomaly_operator.anomalies import document
from anomaly_operator.anomalies.learning import LearningTerms
from anomaly_operator.anomalies.manifest import labels, manifest
from anomaly_operator.anomalies.retention import (
    is_closed,
    is_newest,
    lost_at,
    moments,
    service_question,
    surplus,
)
from anomaly_operator.anomalies.story import Part, Told, tell
from anomaly_operator.api import names
from anomaly_operator.api.resources import ANOMALY
from anomaly_operator.incidents.state import (
    ExpectedRule,
    Incident,
    IncidentSettings,
    IncidentState,
)
from anomaly_operator.notify.condition import NotifyTerms
from anomaly_operator.spec.service import IncidentPlan
from anomaly_operator.world.crowd import ClosedObject, Crowd
from anomaly_operator.world.objects import AnomalyObject, Child, Meta
from anomaly_operator.world.plan import (
    Apply,
    ApplyStatus,
    Delete,
    GetObject,
    Lookup,
    ObjectRef,
    Write,
)
from anomaly_operator.world.refusal import Withheld
from anomaly_operator.world.status_write import status_write
from anomaly_operator.world.view import Answer


@dataclass(frozen=True, slots=True)
class AnomalyWorld:
    """What decides about a service's Anomaly objects.

    `observed`: those of the service, from the cache. `crowd`: how full the cluster is by the
    admin's settings. `withheld`: what the API server refuses. `parts`: what more
    is told of an incident. `notify`: which receivers. `trains`: a model learns from the windows.
    """

    service: Meta
    settings: IncidentSettings
    plan: IncidentPlan
    observed: tuple[AnomalyObject, ...] = ()
    lookups: Mapping[Lookup, Answer] | None = None
    suspended: bool = False
    crowd: Crowd = field(default_factory=Crowd)
    withheld: Withheld = field(default_factory=Withheld)
    rules: tuple[ExpectedRule, ...] = ()
    parts: tuple[Part, ...] = ()
    notify: NotifyTerms = field(default_factory=NotifyTerms)
    trains: bool = True

    @property
    def learning(self) -> LearningTerms:
        after = self.plan.learn_after_seconds
        return LearningTerms(self.rules, after, self.service.namespace, trains=self.trains)


@dataclass(frozen=True, slots=True)
class AnomalyPlan:
    """`conflicts`: names that something foreign holds. `crowded_out`: not made for want of room.

    `due`: seconds until something has to be done again, None when only events can bring it.
    """

    lookups: tuple[Lookup, ...] = ()
    actions: tuple[Write, ...] = ()
    conflicts: tuple[str, ...] = ()
    crowded_out: tuple[str, ...] = ()
    due: float | None = None


def plan_anomalies(state: IncidentState, world: AnomalyWorld, now: int) -> AnomalyPlan:
    """What to write, in order; nothing when every object is as it should be. Pure.

    Carry the actions out after the service's status that holds `state` has been written.
    """
    world = replace(world, rules=state.expected)
    present, foreign = _present(world)
    tracked = {one.anomaly: one for one in state.tracked if one.confirmed}
    doomed = surplus(tracked, present, world.service.uid, world.plan, now)
    lookups: list[Lookup] = []
    actions: list[Write] = []
    conflicts: list[str] = []
    crowded_out: list[str] = []
    told_due: list[int] = []
    crowd, gone = world.crowd, list[ClosedObject]()
    for name, incident in tracked.items():
        if name in doomed:
            continue
        if name in present:
            told = _told(incident, present[name], world)
            lookups += told.lookups
            told_due.append(told.due)
            actions += _kept_up(incident, present[name], told, world, now)
            continue
        question = _question(name, world)
        answers = world.lookups or {}
        if name in foreign:
            conflicts.append(name)
        elif question not in answers:
            lookups.append(question)
        elif answers[question] is not None:
            conflicts += [] if _ours(answers[question], world) else [name]
        elif (place := _place(crowd, incident, world)) is None:
            # One that is over may have given way; what ran without an object was told then.
            crowded_out += [name] if incident.running else []
        else:
            crowd = place[0]
            gone += place[1]
            told = _told(incident, None, world)
            lookups += told.lookups
            told_due.append(told.due)
            actions += _made(incident, told, world, now)
    rest = [one for name, one in present.items() if name not in tracked and name not in doomed]
    due = moments(rest, tracked, present, world.settings, world.plan)
    for observed in rest:
        asked, writes = _untracked(observed, world, now)
        lookups += asked
        actions += writes
    actions += [Delete(present[name].meta.ref) for name in doomed if name in present]
    room = [Delete(one.target, one.resource_version, one.owner) for one in gone]
    left = {one.target.uid for one in gone}
    return AnomalyPlan(
        lookups=tuple(dict.fromkeys(lookups)),
        actions=(*room, *(one for one in actions if _uid(one) not in left)),
        conflicts=tuple(conflicts),
        crowded_out=tuple(crowded_out),
        due=_earliest([*told_due, *due], now),
    )


def settled(state: IncidentState, world: AnomalyWorld, now: int) -> frozenset[str]:
    """Closed incidents that need no object work any more; `fold` may forget these.

    Their object says that they are closed, or there will never be one: it is older than wanted,
    its name is taken by something foreign, the cluster holds as many as the admin allows, or the
    API server refuses it.
    """
    present, foreign = _present(world)
    tracked = {one.anomaly: one for one in state.tracked if one.confirmed}
    doomed = surplus(tracked, present, world.service.uid, world.plan, now)
    answers = world.lookups or {}
    names_of = set()
    for name, incident in tracked.items():
        observed, answer = present.get(name), answers.get(_question(name, world))
        if observed is not None:
            done = is_closed(observed) and observed.closed >= (incident.closed_at or 0)
        else:
            taken = name in foreign or (answer is not None and not _ours(answer, world))
            done = name in doomed or taken or _place(world.crowd, incident, world) is None
        refused = world.withheld.holds(ANOMALY.kind, name)
        if (done or refused) and not incident.running:
            names_of.add(name)
    return frozenset(names_of)


def _place(
    crowd: Crowd, incident: Incident, world: AnomalyWorld
) -> tuple[Crowd, tuple[ClosedObject, ...]] | None:
    """Room for the incident's object. One that is over displaces nothing: it may itself have given
    way."""
    space = world.service.namespace
    return crowd.admit(space, incident.severity, may_displace=incident.running)


def _uid(write: Write) -> str:
    """Of the object that is meant to be there; empty for one to be made."""
    match write:
        case Apply():
            return write.uid
        case ApplyStatus() | Delete():
            return write.target.uid
    return ""


def _present(world: AnomalyWorld) -> tuple[dict[str, AnomalyObject], frozenset[str]]:
    """The service's objects by name, and the names of others; a stripped owner or label is ours."""
    uid = world.service.uid
    ours = {
        one.meta.name: one
        for one in world.observed
        if uid in one.meta.owners or one.meta.labels.get(names.LABEL_SERVICE_UID) == uid
    }
    return ours, frozenset(one.meta.name for one in world.observed) - ours.keys()


def _told(incident: Incident, observed: AnomalyObject | None, world: AnomalyWorld) -> Told:
    return tell(world.parts, incident, document.stored_status(observed) if observed else {})


def _made(incident: Incident, told: Told, world: AnomalyWorld, now: int) -> list[Write]:
    status = _document(incident, None, told, world, now)
    target = ObjectRef(names.API_VERSION, ANOMALY.kind, world.service.namespace, incident.anomaly)
    made = Apply(manifest(world.service, incident))
    return [made, ApplyStatus(target, "", status)]


def _document(
    incident: Incident, observed: AnomalyObject | None, told: Told, world: AnomalyWorld, now: int
) -> document.JSON:
    return document.status(
        incident,
        world.settings,
        observed,
        now,
        suspended=world.suspended,
        terms=world.learning,
        told=told.fields,
        notify=world.notify,
    )


def _kept_up(
    incident: Incident, observed: AnomalyObject, told: Told, world: AnomalyWorld, now: int
) -> list[Write]:
    """Repair labels and owner, or else bring the status up to date; never both in one plan.

    The repair changes the resourceVersion that the status write needs; the next plan follows.
    """
    wanted = labels(world.service, incident)
    if (
        world.service.uid not in observed.meta.owners
        or wanted.items() - observed.meta.labels.items()
    ):
        return [Apply(manifest(world.service, incident), observed.meta.uid)]
    if document.newest_window(incident) < document.last_sign(observed):
        # Our view of the service is older than the object; the newer status is on its way.
        return []
    return _status(observed, _document(incident, observed, told, world, now))


def _untracked(
    observed: AnomalyObject, world: AnomalyWorld, now: int
) -> tuple[list[Lookup], list[Write]]:
    """An object whose incident is over and forgotten, or whose service's status was lost."""
    if world.service.uid not in observed.meta.owners:
        return [], []
    if is_closed(observed):
        if observed.answered == observed.meta.generation and not observed.undelivered:
            return [], []  # nobody has said anything since, and there are many of these
        said = document.answered(observed, now, world.learning, world.notify)
        return [], _status(observed, said)
    if now < lost_at(observed, world.settings):
        return [], []
    question, answers = service_question(world.service), world.lookups or {}
    if question not in answers:
        return [question], []
    if not is_newest(world.service, answers[question]):
        return [], []  # the newer one is on its way
    return [], _status(observed, document.lost(observed, now, world.notify))


def _status(observed: AnomalyObject, desired: document.JSON) -> list[Write]:
    return list(status_write(observed.meta, desired, document.stored_status(observed)))


def _earliest(due: list[int], now: int) -> float | None:
    """Seconds until the first of the times that are still to come."""
    return min((float(moment - now) for moment in due if moment > now), default=None)


def _question(name: str, world: AnomalyWorld) -> GetObject:
    return GetObject(names.API_VERSION, ANOMALY.kind, world.service.namespace, name)


def _ours(answer: Answer, world: AnomalyWorld) -> bool:
    """Ours but not in the cache yet: the watch will bring it, and this plan leaves it alone."""
    return isinstance(answer, Child) and world.service.uid in answer.meta.owners
