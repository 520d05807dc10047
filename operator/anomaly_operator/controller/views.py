"""Puts together what a reconcile may look at, from the cache, for one key."""

from __future__ import annotations

from collections.abc import Mapping

from anomaly_operator.controller.peers import peers
from anomaly_operator.controller.sibling_index import read_siblings
from anomaly_operator.observe.cache import Cache, Key
from anomaly_operator.world.crowd import UNLIMITED
from anomaly_operator.world.objects import PolicyObject, ServiceObject
from anomaly_operator.world.plan import Lookup
from anomaly_operator.world.refusal import Withheld
from anomaly_operator.world.shared import NamespaceView
from anomaly_operator.world.siblings import Siblings
from anomaly_operator.world.view import Answer, PolicyView, QueuePlace, ServiceView

NOTHING_WITHHELD = Withheld()


def service_view(
    cache: Cache,
    service: ServiceObject,
    training: QueuePlace,
    lookups: Mapping[Lookup, Answer],
    withheld: Withheld = NOTHING_WITHHELD,
    *,
    open_namespaces: frozenset[str] = frozenset(),
    siblings: Siblings | None = None,
    max_anomalies: int = UNLIMITED,
) -> ServiceView:
    """What concerns `service`; values only, so a later change of the cache does not reach it.
    `open_namespaces`: those whose services any namespace may depend on. `siblings`: where they are
    known already. `max_anomalies`: Anomaly objects that the cluster may hold."""
    namespace, uid = service.meta.namespace, service.meta.uid
    anomalies = tuple(cache.anomalies(uid))
    return ServiceView(
        service=service,
        policies=tuple(cache.policies(namespace)),
        children=cache.children(namespace, uid),
        siblings=siblings or Siblings(read_siblings(cache, namespace, open_namespaces)),
        peers=peers(cache, service, anomalies, open_namespaces),
        symptoms=tuple(
            symptom for one in anomalies for symptom in cache.symptoms(namespace, one.meta.name)
        ),
        anomalies=anomalies,
        training=training,
        lookups=dict(lookups),
        crowd=cache.holdings.crowd(max_anomalies, uid),
        withheld=withheld,
    )


def policy_view(
    cache: Cache,
    key: Key,
    lookups: Mapping[Lookup, Answer],
    withheld: Withheld = NOTHING_WITHHELD,
) -> PolicyView | None:
    """None when the policy is gone."""
    policy = cache.get(key)
    if not isinstance(policy, PolicyObject):
        return None
    namespace = policy.meta.namespace
    return PolicyView(
        policy=policy,
        policies=tuple(cache.policies(namespace)),
        services=tuple(cache.services(namespace)),
        lookups=dict(lookups),
        withheld=withheld,
    )


def namespace_view(
    cache: Cache,
    namespace: str,
    emptied: float | None,
    lookups: Mapping[Lookup, Answer],
    withheld: Withheld = NOTHING_WITHHELD,
) -> NamespaceView | None:
    """None when the namespace has services, or nothing that they share is left in it."""
    shared = tuple(cache.shared(namespace))
    if cache.has_services(namespace) or not shared:
        return None
    return NamespaceView(namespace, shared, emptied, dict(lookups), withheld)
