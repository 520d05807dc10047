"""Which incident of another service an incident comes from, and which others come from it.

An incident names its root when its object is made and when a new window of its own changes it, so
naming costs no write beside those; only a first root is named as soon as it is found. A root lists
its symptoms with its own windows. Nothing is asked of incidents that are over: they keep what they
said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from anomaly_operator.anomalies.document import newest_window
from anomaly_operator.anomalies.story import Part, Told
from anomaly_operator.api.names import API_VERSION
from anomaly_operator.api.reasons import EventReason
from anomaly_operator.api.resources import ANOMALY
from anomaly_operator.api.text import unix_seconds
from anomaly_operator.incidents.cascade.evidence import suspect_of
from anomaly_operator.incidents.cascade.find import CascadeVerdict, RootCause, root_cause
from anomaly_operator.incidents.cascade.regroup import followed, replaces
from anomaly_operator.incidents.cascade.suspect import IncidentRef, ServiceKey
from anomaly_operator.incidents.state import Incident
from anomaly_operator.manifests.span_metrics import metric_roles
from anomaly_operator.reconcile.situation import Situation
from anomaly_operator.status.request_rate import request_rate
from anomaly_operator.world.objects import AnomalyObject, Meta
from anomaly_operator.world.peers import calls_of, local_name
from anomaly_operator.world.plan import ApplyStatus, EventSpec, EventType, ObjectRef, Write
from anomaly_operator.world.view import ServiceView
from detector_runtime.contract.vocabulary import Severity

MAX_SYMPTOMS = 20
Said = Mapping[str, Any]


def cascade(situation: Situation) -> Part:
    """`rootCause` and `symptomOf`, or `symptoms` and `symptomCount`."""

    def part(incident: Incident, before: Said, found: Said) -> Told:
        del found
        news = newest_window(incident) > _last_told(before)
        fields = {
            **_cause(situation, incident, before, news=news),
            **_symptoms(situation.world, incident, before, news=news),
        }
        return Told(fields)

    return part


def _last_told(before: Said) -> int:
    """End of the newest window that the object knows of, 0 before it is made."""
    return max(unix_seconds(before.get("lastSeen")), unix_seconds(before.get("closedAt")))


def _cause(situation: Situation, incident: Incident, before: Said, *, news: bool) -> Said:
    kept = {key: before[key] for key in ("rootCause", "symptomOf") if key in before}
    namespace = situation.service.namespace
    named = root_of(before, namespace)
    if not incident.running or (named is not None and not news):
        return kept
    if incident.reopened != before.get("reopened", 0):
        kept, named = {}, None  # it may come from elsewhere this time
    found = _found(situation, incident)
    current = named is not None and _same(found, named)
    still = named is not None and _runs(named, situation.world)
    if current or replaces(found, named.service if named else None, still_running=still):
        return _written(found, namespace)
    return _healthy(found) if named is None and news else kept


def _found(situation: Situation, incident: Incident) -> RootCause:
    service, spec = situation.service, situation.spec
    key = ServiceKey(service.namespace, service.name)
    peers = situation.world.peers
    opened = situation.settings.dependencies.across_namespaces
    rate = request_rate(spec, situation.scoring.report)
    own = suspect_of(key, incident, metric_roles(spec), situation.step_seconds, rate)
    suspects = {one.key: one.suspect for one in peers if one.suspect}
    found = root_cause(
        key,
        {**suspects, key: own},
        {**{one.key: one.calls for one in peers}, key: calls_of(spec, key.namespace, opened)},
        frozenset(one.key for one in peers if one.judged),
    )
    return followed(found, {one.key: one.root for one in peers if one.root})


def _same(found: RootCause, named: IncidentRef) -> bool:
    return found.elsewhere and (found.root, found.anomaly) == named


def _runs(named: IncidentRef, world: ServiceView) -> bool:
    return any(
        one.key == named.service and one.suspect.anomaly == named.anomaly
        for one in world.peers
        if one.suspect
    )


def _written(found: RootCause, namespace: str) -> Said:
    assert found.root is not None
    cause = {
        "service": found.root.name,
        "namespace": found.root.namespace,
        "anomaly": found.anomaly,
        "confidence": f"{round(100 * found.probability)}%",
        "path": [local_name(one, namespace) for one in found.path],
        "verdict": found.verdict.value,
    }
    foreign = found.root.namespace != namespace
    owner = f"{found.root.namespace}/" if foreign else ""
    return {"rootCause": cause, "symptomOf": f"{owner}{found.anomaly}"}


def _healthy(found: RootCause) -> Said:
    if found.verdict is not CascadeVerdict.DEPENDENCIES_HEALTHY:
        return {}
    return {"rootCause": {"verdict": found.verdict.value}}


def root_of(status: Said, namespace: str) -> IncidentRef | None:
    """The root that the status of an object in `namespace` names."""
    cause = status.get("rootCause") or {}
    if not cause.get("service"):
        return None
    key = ServiceKey(cause.get("namespace") or namespace, cause["service"])
    return IncidentRef(key, cause.get("anomaly", ""))


def _symptoms(world: ServiceView, incident: Incident, before: Said, *, news: bool) -> Said:
    if not news:
        return {key: before[key] for key in ("symptoms", "symptomCount") if key in before}
    ours = [one for one in world.symptoms if one.root and one.root.anomaly == incident.anomaly]
    if not ours:
        return {}
    ours.sort(key=_worst_first)
    listed = [
        {
            "service": one.service,
            "namespace": one.meta.namespace,
            "anomaly": one.meta.name,
            "severity": one.severity,
        }
        for one in ours[:MAX_SYMPTOMS]
    ]
    return {"symptoms": listed, "symptomCount": len(ours)}


def _worst_first(one: AnomalyObject) -> tuple[int, str, str, str]:
    rank = next((known.rank for known in Severity if known == one.severity), 0)
    return -rank, one.meta.namespace, one.service, one.meta.name


def regrouping_events(world: ServiceView, writes: tuple[Write, ...]) -> Iterator[EventSpec]:
    """One for each incident that names another root than its object did."""
    service = world.service.meta
    before = {one.meta.name: one for one in world.anomalies}
    for write in writes:
        if not isinstance(write, ApplyStatus) or write.target.kind != ANOMALY.kind:
            continue
        observed = before.get(write.target.name)
        now = root_of(write.status, service.namespace)
        if observed is not None and now is not None and now != observed.root:
            yield _event(service, observed, now)


def _event(service: Meta, observed: AnomalyObject, now: IncidentRef) -> EventSpec:
    old = observed.root
    instead = f" instead of {local_name(old.service, service.namespace)}" if old else ""
    text = (
        f"Anomaly {observed.meta.name} is now traced to {ANOMALY.kind} {now.anomaly} of "
        f"{local_name(now.service, service.namespace)}{instead}."
    )
    anomaly = ObjectRef(API_VERSION, ANOMALY.kind, service.namespace, observed.meta.name)
    reason = EventReason.ROOT_CAUSE_CHANGED.value
    return EventSpec(service.ref, EventType.NORMAL, reason, text, also=anomaly)
