"""Collects from the cache what a service may see of those that it depends on.

The walk goes on only through services with an incident: nothing comes through one that is well.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from anomaly_operator.api.resources import ANOMALY
from anomaly_operator.incidents.cascade.edges import MAX_DEPTH
from anomaly_operator.incidents.cascade.evidence import suspect_of
from anomaly_operator.incidents.cascade.suspect import ServiceKey, Suspect
from anomaly_operator.incidents.state import Incident
from anomaly_operator.manifests.span_metrics import metric_roles
from anomaly_operator.observe.cache import Cache
from anomaly_operator.status.request_rate import request_rate
from anomaly_operator.status.scoring import read_scoring
from anomaly_operator.status.stored import read_status
from anomaly_operator.world.objects import AnomalyObject, ServiceObject
from anomaly_operator.world.peers import Peer, calls_of
from detector_runtime.contract.detection import WindowReport
from detector_runtime.contract.vocabulary import Severity

UNKNOWN_STEP_SECONDS = 120
"""The default of `spec.step`, for a service whose spec cannot be used."""


def peers(
    cache: Cache,
    service: ServiceObject,
    anomalies: Iterable[AnomalyObject],
    open_namespaces: frozenset[str],
) -> tuple[Peer, ...]:
    """The services that `service` depends on, directly or through anomalous ones, and the roots
    that its incidents name already; without those that are not there."""
    meta = service.meta
    found: dict[ServiceKey, Peer | None] = {ServiceKey(meta.namespace, meta.name): None}
    border = list(calls_of(service.spec, meta.namespace, open_namespaces))
    for _ in range(MAX_DEPTH):
        border = [key for key in dict.fromkeys(border) if key not in found]
        met = {key: _peer(cache, key, open_namespaces) for key in border}
        found |= met
        border = [key for one in met.values() if one and one.suspect for key in one.calls]
    for told in anomalies:
        named = told.root.service if told.root and not told.closed else None
        if named is not None and named not in found:
            found[named] = _peer(cache, named, open_namespaces)
    return tuple(one for key in sorted(found) if (one := found[key]) is not None)


def _peer(cache: Cache, key: ServiceKey, open_namespaces: frozenset[str]) -> Peer | None:
    service = cache.service(*key)
    if service is None or service.meta.deleting:
        return None
    suspect = _suspect(key, service)
    told = cache.get((ANOMALY.kind, key.namespace, suspect.anomaly)) if suspect else None
    return Peer(
        key=key,
        calls=calls_of(service.spec, key.namespace, open_namespaces),
        severity=service.severity,
        judged=service.judged,
        suspect=suspect,
        root=told.root if isinstance(told, AnomalyObject) else None,
    )


def _suspect(key: ServiceKey, service: ServiceObject) -> Suspect | None:
    """An Informational incident is no trouble that others could feel."""
    if service.severity.rank < Severity.LOW.rank:
        return None
    incident = _running(service.status)
    if incident is None:
        return None
    spec = service.spec
    step = spec.step_seconds if spec else UNKNOWN_STEP_SECONDS
    rate = request_rate(spec, _newest(service.detection))
    return suspect_of(key, incident, metric_roles(spec), step, rate)


@lru_cache(maxsize=256)
def _newest(detection: bytes) -> WindowReport | None:
    return read_scoring(detection).report


@lru_cache(maxsize=256)
def _running(status: bytes) -> Incident | None:
    """The running confirmed incident. Many services ask about the same one while it runs."""
    incidents = read_status(status).incidents
    running = incidents.running if incidents else None
    return running if running and running.confirmed else None
